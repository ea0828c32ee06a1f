// SPDX-License-Identifier: MIT
#include <anycapture/error.h>
#include <anycapture/metadata.h>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <string>
#include <utility>
#include <vector>

#include "support/throws.h"

namespace anycapture {
namespace {

using nlohmann::json;

TEST(CaptureMetadata, WritesOnlyTheVersionWhenNothingIsKnown) {
  EXPECT_EQ(CaptureMetadata{}.to_json(), R"({"version":1})");
}

TEST(CaptureMetadata, ReadsBackAllThatItWrites) {
  CaptureMetadata metadata;
  metadata.order = {"b:x", "a:x"};
  metadata.calls["a:x"] = {{18446744073709551615u, 3, "a"}, {5, 0, "alias"}};
  metadata.sites["a:x"] = {"a", "Attention", "x", "complex128"};
  metadata.model = "vit";
  metadata.libtorch = "2.13.0";
  metadata.grid = {{14, 7}};
  metadata.prefix = 0;
  metadata.tokens = {"[CLS", "}}\"[[\\", ""};
  metadata.image = CaptureMetadata::Image{":input.0", {0.1, 0.5}, {0.25, 3}};

  const CaptureMetadata got = CaptureMetadata::from_json(metadata.to_json());
  EXPECT_EQ(got.order, metadata.order);
  ASSERT_EQ(got.calls.at("a:x").size(), 2u);
  EXPECT_EQ(got.calls.at("a:x")[0].sequence, 18446744073709551615u);
  EXPECT_EQ(got.calls.at("a:x")[0].thread, 3u);
  EXPECT_EQ(got.calls.at("a:x")[1].path, "alias");
  EXPECT_EQ(got.sites.at("a:x").path, "a");
  EXPECT_EQ(got.sites.at("a:x").type, "Attention");
  EXPECT_EQ(got.sites.at("a:x").what, "x");
  EXPECT_EQ(got.sites.at("a:x").dtype, "complex128");
  EXPECT_EQ(got.model, "vit");
  EXPECT_EQ(got.libtorch, "2.13.0");
  EXPECT_EQ(got.grid, metadata.grid);
  EXPECT_EQ(got.prefix, 0);
  EXPECT_EQ(got.tokens, metadata.tokens);
  ASSERT_TRUE(got.image.has_value());
  EXPECT_EQ(got.image->key, ":input.0");
  EXPECT_EQ(got.image->mean, (std::vector<double>{0.1, 0.5}));
  EXPECT_EQ(got.image->std, (std::vector<double>{0.25, 3}));
  EXPECT_EQ(got.unknown, "");
}

TEST(CaptureMetadata, TellsWhatIsThereFromWhatIsNot) {
  const CaptureMetadata got = CaptureMetadata::from_json(R"({"version":1,"image":{"key":"k"}})");
  EXPECT_FALSE(got.grid.has_value());
  EXPECT_FALSE(got.prefix.has_value());
  EXPECT_EQ(got.image->key, "k");
  EXPECT_TRUE(got.image->mean.empty());
}

TEST(CaptureMetadata, KeepsUnknownFields) {
  const std::string text =
      R"({"author":{"name":["x",1.5,null]},"model":"vit","version":1,"z":"\"["})";
  const CaptureMetadata got = CaptureMetadata::from_json(text);
  EXPECT_EQ(got.unknown, R"({"author":{"name":["x",1.5,null]},"z":"\"["})");
  EXPECT_EQ(got.to_json(), text);
}

TEST(CaptureMetadata, RefusesWhatIsNotOfTheSchema) {
  const std::string front = "the metadata entry \"anycapture\": ";
  const std::string back = "; see the schema, or write the file again";
  const std::vector<std::pair<std::string, std::string>> table{
      {"[]", "it is [], must be a JSON object"},
      {"{}", "has no \"version\""},
      {R"({"version":"1"})", "version is \"1\", must be a whole number from 0"},
      {R"({"version":0})", "version is 0, must be 1 or more"},
      {R"({"version":1,"order":"a"})", "order is \"a\", must be an array"},
      {R"({"version":1,"order":[1]})", "order is 1, must be a string"},
      {R"({"version":1,"calls":[]})", "calls is [], must be an object"},
      {R"({"version":1,"calls":{"k":{}}})", "calls of \"k\" is {}, must be an array"},
      {R"({"version":1,"calls":{"k":[{}]}})", "calls of \"k\" has no \"sequence\""},
      {R"({"version":1,"calls":{"k":[{"sequence":-1}]}})",
       "calls of \"k\".sequence is -1, must be a whole number from 0"},
      {R"({"version":1,"sites":{"k":{"path":1}}})", "site \"k\".path is 1, must be a string"},
      {R"({"version":1,"sites":{"k":{"path":""}}})", "site \"k\" has no \"type\""},
      {R"({"version":1,"model":null})", "model is null, must be a string"},
      {R"({"version":1,"libtorch":2.1})", "libtorch is 2.1, must be a string"},
      {R"({"version":"a\u001b\"b"})", "version is \"a\\x1b\"b\", must be a whole number from 0"},
      {R"({"version":1,"order":{"a\u007f":null}})", "order is {\"a\\x7f\":null}, must be an array"},
      {R"({"version":1,"grid":[1]})", "grid is [1], must be [rows, columns]"},
      {R"({"version":1,"grid":[1,-1]})", "grid is -1, must be a whole number from 0"},
      {R"({"version":1,"grid":[1,2147483648]})", "grid is 2147483648, must be less than 2^31"},
      {R"({"version":1,"prefix":1.5})", "prefix is 1.5, must be a whole number from 0"},
      {R"({"version":1,"tokens":{}})", "tokens is {}, must be an array"},
      {R"({"version":1,"image":1})", "image is 1, must be an object"},
      {R"({"version":1,"image":{}})", "image has no \"key\""},
      {R"({"version":1,"image":{"key":"k","mean":["a"]}})", "image.mean is \"a\", must be numbers"},
  };
  for (const auto& [text, problem] : table) {
    EXPECT_EQ(support::message_of<FileError>(
                  [&, &json_text = text] { CaptureMetadata::from_json(json_text); }),
              front + problem + back);
  }
}

TEST(CaptureMetadata, RefusesLaterVersionsAndSaysSo) {
  EXPECT_EQ(
      support::message_of<FileError>([] { CaptureMetadata::from_json(R"({"version":2})"); }),
      "the metadata entry \"anycapture\" has version 2, but this AnyCapture reads up to 1: use a "
      "newer AnyCapture");
}

TEST(CaptureMetadata, RefusesTextThatIsNoJsonOrTooDeep) {
  const auto message = [](const std::string& text) {
    return support::message_of<FileError>([&] { CaptureMetadata::from_json(text); });
  };
  EXPECT_NE(message(std::string("{\"version\":1}\0x", 15)).find("it holds a NUL byte"),
            std::string::npos);
  const std::string front = "the metadata entry \"anycapture\": it ";
  const std::string back = "; see the schema, or write the file again";
  EXPECT_EQ(message("{"), front +
                              "is no JSON, at its byte 2: syntax error while parsing object key - "
                              "unexpected end of input; expected string literal" +
                              back);
  EXPECT_EQ(message("{\"a\xFF\":1}"),
            front +
                "is no JSON, at its byte 4: syntax error while parsing object key - invalid "
                "string: ill-formed UTF-8 byte" +
                back);
  EXPECT_EQ(message("{\"version\":1,\"x\":1e999}"),
            front + "holds a number that is too large" + back);
  EXPECT_NE(message(std::string(5'000'000, '[')).find("it is nested more than 64 deep"),
            std::string::npos);
}

TEST(CaptureMetadata, RefusesToWriteWhatIsNoText) {
  const std::string front = "the metadata entry \"anycapture\": the text ";
  const std::string back = " is no UTF-8, which JSON asks for: write it in UTF-8";
  const auto message = [](const CaptureMetadata& metadata) {
    return support::message_of<FileError>([&] { metadata.to_json(); });
  };
  CaptureMetadata metadata;
  metadata.model = "vit\xFF";
  EXPECT_EQ(message(metadata), front + "\"vit\\xff\"" + back);
  metadata.model = "";
  metadata.calls["caf\xE9:x"] = {};
  EXPECT_EQ(message(metadata), front + "\"caf\\xe9:x\"" + back);
  metadata.calls.clear();
  metadata.unknown = "[1]";
  EXPECT_EQ(message(metadata),
            "the metadata entry \"anycapture\": what is unknown is [1], must be a JSON object; see "
            "the schema, or write the file again");
}

}  // namespace
}  // namespace anycapture
