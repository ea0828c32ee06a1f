// SPDX-License-Identifier: MIT
// torch.export archives that are damaged, hostile, of another layout or in need of more.
#include <anycapture/error.h>
#include <anycapture/program.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <functional>

#include "support/exported_archive.h"
#include "support/throws.h"

namespace {

using anycapture::FileError;
using anycapture::Program;
using support::exported;
using support::message_of;
using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(ExportedArchive, NamesAllThatItLacksWhenItIsLoaded) {
  support::ChangedArchive archive("vit");
  archive.change("models/model.json", [](nlohmann::json& json) {
    auto& nodes = json["graph_module"]["graph"]["nodes"];
    nodes[1]["target"] = "torch.ops.nowhere.first.default";
    nodes[2]["target"] = "torch.ops.aten.linear.nowhere";
  });
  const std::string path = archive.write();
  EXPECT_THAT(
      message_of<FileError>([&] { Program::load(path); }),
      AllOf(HasSubstr(path), HasSubstr("lacks 2 of its operators"),
            HasSubstr("torch.ops.aten.linear.nowhere"),
            HasSubstr("torch.ops.nowhere.first.default"), HasSubstr("exported by PyTorch 2.13.0")));
  EXPECT_THAT(message_of<FileError>([] { Program::load(exported("vmap.pt2")); }),
              HasSubstr("nodes of a kind that is not supported"));
}

using Change = std::function<void(nlohmann::json&)>;

std::string said_of_model(const Change& change) {
  support::ChangedArchive archive("vit");
  archive.change("models/model.json", change);
  const std::string path = archive.write();
  return message_of<FileError>([&] { Program::load(path); });
}

nlohmann::json& nodes_of(nlohmann::json& json) {
  return json["graph_module"]["graph"]["nodes"];
}

TEST(ExportedArchive, RefusesGraphsThatCannotBe) {
  EXPECT_THAT(said_of_model([](auto& json) { std::swap(nodes_of(json)[3], nodes_of(json)[8]); }),
              HasSubstr("which no node before it makes"));
  EXPECT_THAT(said_of_model(
                  [](auto& json) { nodes_of(json)[5]["outputs"] = nodes_of(json)[4]["outputs"]; }),
              HasSubstr("is made twice"));
  EXPECT_THAT(
      said_of_model([](auto& json) { nodes_of(json)[4]["inputs"] = nlohmann::json::array(); }),
      HasSubstr("is missing"));
  EXPECT_THAT(said_of_model([](auto& json) {
                auto& inputs = nodes_of(json)[4]["inputs"];
                inputs.push_back(nlohmann::json(inputs[0]));
              }),
              HasSubstr("is given twice"));
  EXPECT_THAT(said_of_model([](auto& json) {
                nodes_of(json)[4]["outputs"].push_back({{"as_none", true}});
              }),
              HasSubstr("its operator gives 1"));
  EXPECT_THAT(said_of_model([](auto& json) {
                nodes_of(json)[4]["inputs"][0]["arg"] = {{"as_moon", 1}};
              }),
              HasSubstr("an argument of the kind \"as_moon\" is not supported"));
  EXPECT_THAT(said_of_model([](auto& json) { json["graph_module"]["graph"]["nodes"] = 3; }),
              HasSubstr("is damaged"));
  EXPECT_THAT(said_of_model([](auto& json) { json["schema_version"]["major"] = 7; }),
              HasSubstr("save it again with 2.8 or later"));
  EXPECT_THAT(said_of_model([](auto& json) { json["graph_module"].erase("signature"); }),
              HasSubstr("is damaged"));
}

TEST(ExportedArchive, RefusesNodesThatCannotRunTheirGraphs) {
  const auto said = [](const std::function<void(nlohmann::json&)>& change) {
    support::ChangedArchive archive("cond");
    archive.change("models/model.json", [&](nlohmann::json& json) {
      for (auto& node : nodes_of(json)) {
        if (node["target"] == "torch.ops.higher_order.cond") change(node);
      }
    });
    const std::string path = archive.write();
    return message_of<FileError>([&] { Program::load(path); });
  };
  EXPECT_THAT(said([](auto& node) { node["inputs"].erase(3); }),
              HasSubstr("it has 3 arguments, and takes 4"));
  EXPECT_THAT(said([](auto& node) {
                node["inputs"][1]["arg"] = {{"as_int", 1}};
              }),
              HasSubstr("its argument 1 is no graph"));
  EXPECT_THAT(
      said([](auto& node) { node["inputs"][2]["arg"]["as_graph"]["graph"]["outputs"].erase(1); }),
      HasSubstr("where 3 are given and 2 taken"));
}

TEST(ExportedArchive, RefusesWhatHasNoKind) {
  const auto nothing = nlohmann::json::array({nlohmann::json::object()});
  const auto list = nlohmann::json::array({nlohmann::json::array()});
  for (const nlohmann::json& empty : {nothing, list}) {
    EXPECT_THAT(said_of_model([&](auto& json) { json["graph_module"]["graph"]["inputs"] = empty; }),
                HasSubstr("has none, or more"));
    EXPECT_THAT(said_of_model([&](auto& json) {
                  json["graph_module"]["signature"]["input_specs"][0] = empty[0];
                }),
                HasSubstr("has none, or more"));
    EXPECT_THAT(said_of_model([&](auto& json) {
                  json["graph_module"]["signature"]["output_specs"][0] = empty[0];
                }),
                HasSubstr("has none, or more"));
  }
  EXPECT_THAT(said_of_model([](auto& json) {
                json["graph_module"]["graph"]["outputs"][0] = {
                    {"as_graph", {{"name", "g"}, {"graph", nlohmann::json::object()}}}};
              }),
              HasSubstr("a graph stands where none can be"));
}

TEST(ExportedArchive, RefusesNumbersForDtypes) {
  EXPECT_THAT(said_of_model([](auto& json) {
                auto& node = nodes_of(json)[1];
                node["target"] = "torch.ops.aten.empty.memory_format";
                node["inputs"] = {{{"name", "size"}, {"arg", {{"as_ints", {1}}}}, {"kind", 1}},
                                  {{"name", "dtype"}, {"arg", {{"as_int", 200}}}, {"kind", 2}}};
              }),
              HasSubstr("it takes a dtype, and the file gives 200"));
}

TEST(ExportedArchive, RefusesTreesThatAreTooDeep) {
  const std::string deep = "[1, " + std::string(100'000, '[');
  EXPECT_THAT(said_of_model([&](auto& json) {
                json["graph_module"]["module_call_graph"][0]["signature"]["in_spec"] = deep;
              }),
              HasSubstr("a tree of values is too deep"));
}

TEST(ExportedArchive, RefusesASecondMemberOfAName) {
  support::ChangedArchive archive("vit_static");
  archive.rename("weights/weight_1", "weights/WEIGHT_0");
  const std::string path = archive.write();
  EXPECT_THAT(message_of<FileError>([&] { Program::load(path); }), HasSubstr("twice"));
}

TEST(ExportedArchive, RefusesJsonThatIsTooDeep) {
  support::ChangedArchive archive("vit");
  archive.member("models/model.json") = std::string(200'000, '[');
  const std::string path = archive.write();
  EXPECT_THAT(message_of<FileError>([&] { Program::load(path); }),
              HasSubstr("is nested more than 1000 deep"));
}

std::string said_of_weight(const Change& change) {
  support::ChangedArchive archive("vit");
  archive.change("model_weights_config.json",
                 [&](nlohmann::json& json) { change(json["config"].begin().value()); });
  const std::string path = archive.write();
  return message_of<FileError>([&] { Program::load(path); });
}

TEST(ExportedArchive, RefusesWeightsThatCannotBe) {
  EXPECT_THAT(said_of_weight([](auto& weight) { weight["path_name"] = "weight_99"; }),
              HasSubstr("there is no data/weights/weight_99 in it"));
  EXPECT_THAT(said_of_weight([](auto& weight) { weight["path_name"] = "../models/model.json"; }),
              HasSubstr("which is no record"));
  EXPECT_THAT(said_of_weight([](auto& weight) { weight["use_pickle"] = true; }),
              HasSubstr("is pickled, which runs code"));
  EXPECT_THAT(
      said_of_weight([](auto& weight) { weight["tensor_meta"]["sizes"][0]["as_int"] = 1'000'000; }),
      HasSubstr("bytes, and a weight in it takes"));
  EXPECT_THAT(said_of_weight([](auto& weight) {
                for (auto& one : weight["tensor_meta"]["strides"]) one["as_int"] = INT64_MAX;
                for (auto& one : weight["tensor_meta"]["sizes"]) one["as_int"] = INT64_MAX;
              }),
              HasSubstr("reaches out of all memory"));
  EXPECT_THAT(
      said_of_weight([](auto& weight) { weight["tensor_meta"]["storage_offset"]["as_int"] = -1; }),
      HasSubstr("sizes or strides that no tensor has"));
  EXPECT_THAT(said_of_weight([](auto& weight) { weight["tensor_meta"]["dtype"] = 77; }),
              HasSubstr("of a dtype that this LibTorch lacks: number 77"));
}

TEST(ExportedArchive, TellsOtherArchivesApart) {
  support::ChangedArchive flat("vit");
  flat.rename("vit/models/model.json", "serialized_exported_program.json");
  const std::string old = flat.write();
  EXPECT_THAT(message_of<FileError>([&] { Program::load(old); }),
              HasSubstr("of PyTorch 2.7 or earlier, whose layout is not read"));
  support::ChangedArchive compiled("vit");
  compiled.rename("/models/model.json", "/data/aotinductor/model/model.so");
  const std::string package = compiled.write();
  EXPECT_THAT(message_of<FileError>([&] { Program::load(package); }),
              AllOf(HasSubstr("a package of AOTInductor"), HasSubstr("torch.export.save")));
}

}  // namespace
