// SPDX-License-Identifier: MIT
#include "exported/load.h"

#include <anycapture/error.h>

#include <c10/util/Exception.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <torch/version.h>

#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/json_problem.h"
#include "core/zip_archive.h"
#include "exported/archive.h"
#include "exported/arguments.h"
#include "exported/exported_program.h"
#include "exported/exported_world.h"
#include "exported/read_graph.h"
#include "exported/scalar_types.h"
#include "exported/weights.h"

namespace anycapture {
namespace exported {
namespace {

using Json = nlohmann::json;

constexpr int kMajor = 8, kMinor = 20;  // of the schema: PyTorch 2.13

// What is in the zip file beside a program in the layout that is read.
void check_layout(const std::string& path) {
  const ZipArchive zip(path, "a torch.export archive");
  bool models = false, compiled = false;
  for (std::uint64_t i = 0; i < zip.members(); ++i) {
    const std::string name = zip.member(i).name;
    const bool flat = name == "serialized_exported_program.json";
    if (flat)
      throw FileError(fmt::format(
          "{}: is an archive of PyTorch 2.7 or earlier, whose layout is not read: load it with "
          "torch.export.load there, or in PyTorch 2.8 to 2.10, and save it again with 2.8 or later",
          path));
    models = models || name.find("/models/") != std::string::npos;
    compiled = compiled || name.find("/data/aotinductor/") != std::string::npos ||
               name.rfind("data/aotinductor/", 0) == 0;
  }
  if (models || !compiled) return;
  throw FileError(
      fmt::format("{}: is a package of AOTInductor, which is compiled and has no graph: save the "
                  "torch.export.export(...) that it was made of with torch.export.save",
                  path));
}

class Reader {
 public:
  Reader(const Archive& archive, std::optional<at::Device> device)
      : archive_(archive), device_(device), graphs_(device) {}

  ExportedProgram read() {
    const std::string name = archive_.find("models/", ".json");
    if (name.empty())
      archive_.fail("it holds no program, or several of which none is called model");
    try {
      read_model(archive_.json(name));
    } catch (const Json::exception& error) {
      archive_.fail(fmt::format("{} is damaged{}: {}", name, place(), json_problem(error.what())));
    } catch (const FileError&) {
      throw;
    } catch (const Error& error) {
      archive_.fail(fmt::format("{}{}: {}", name, place(), error.what()));
    } catch (const c10::Error& error) {
      archive_.fail(fmt::format("{}{}: {}", name, place(), error.what_without_backtrace()));
    } catch (const std::exception& error) {
      archive_.fail(fmt::format("{} is damaged{}: {}", name, place(), error.what()));
    }
    return std::move(program_);
  }

 private:
  std::string place() const { return graphs_.where().empty() ? "" : ", " + graphs_.where(); }

  void read_model(const Json& json) {
    program_.path = archive_.path();
    program_.torch_version = json.value("torch_version", "2.4 or earlier");
    check_version(json.at("schema_version"));
    const Json& module = json.at("graph_module");
    program_.graph = graphs_.read(module.at("graph"));
    check_operators();
    program_.state = load_weights(archive_, device_);
    for (const auto& [symbol, range] : json.at("range_constraints").items())
      ranges_[symbol] = range_of(range);
    const Json& fields = module.value("treespec_namedtuple_fields", Json::object());
    read_signature(module.at("signature"), module.at("graph"));
    read_modules(module.at("module_call_graph"), fields);
  }

  void check_version(const Json& version) {
    const int major = version.at("major").get<int>(), minor = version.at("minor").get<int>();
    if (major < kMajor)
      throw Error(
          fmt::format("its schema is {}.{}, from before PyTorch 2.5: save it again with 2.8 "
                      "or later",
                      major, minor));
    if (major == kMajor && minor <= kMinor) return;
    std::fprintf(stderr,
                 "anycapture: warning: %s: its schema is %d.%d, and %d.%d is the newest that is "
                 "known: what is new in it is told where it is met\n",
                 archive_.path().c_str(), major, minor, kMajor, kMinor);
  }

  void check_operators() const {
    std::vector<std::string> lines;
    for (const auto& [target, node] : graphs_.missing())
      lines.push_back(fmt::format("{} (first at {})", printable(target), printable(node)));
    if (!lines.empty())
      archive_.fail(fmt::format(
          "it was exported by PyTorch {}, and this is LibTorch {}, which lacks {} of its "
          "operators: {}; an operator of a library of yours is there once that is loaded",
          program_.torch_version, TORCH_VERSION, lines.size(), fmt::join(lines, ", ")));
    for (const auto& [target, node] : graphs_.unsupported())
      lines.push_back(fmt::format("{} (first at {})", printable(target), printable(node)));
    if (!lines.empty())
      archive_.fail(
          fmt::format("it has nodes of a kind that is not supported: {}", fmt::join(lines, ", ")));
  }

  static Range range_of(const Json& json) {
    const auto bound = [&json](const char* name) -> std::optional<std::int64_t> {
      const auto found = json.find(name);
      if (found == json.end() || !found->is_number_integer()) return std::nullopt;
      return found->get<std::int64_t>();
    };
    return {bound("min_val"), bound("max_val")};
  }

  // One size: a number or an expression.
  static Expression size_of(const Json& json) {
    if (json.contains("as_int")) return Expression(json.at("as_int").get<std::int64_t>());
    return Expression::parse(json.at("as_expr").at("expr_str").get<std::string>());
  }

  static c10::IValue constant_of(const Json& json) {
    const auto slot_of = [](const std::string& name) -> Slot {
      throw Error(fmt::format("an input {} of this kind is not supported", printable(name)));
    };
    return read_argument(json, nullptr, {slot_of, {}, {}}).constant;
  }

  InputLeaf leaf_of(const Json& argument, const Json& graph, std::size_t index) const {
    InputLeaf leaf;
    leaf.index = index;
    if (argument.contains("as_tensor")) {
      const std::string name = argument.at("as_tensor").at("name").get<std::string>();
      const Json& meta = graph.at("tensor_values").at(name);
      leaf.kind = InputLeaf::Kind::tensor;
      const auto dtype = scalar_type(meta.at("dtype").get<std::int64_t>());
      if (!dtype) throw Error(fmt::format("its input {} is of a dtype that is not known", name));
      leaf.dtype = *dtype;
      for (const Json& size : meta.at("sizes")) leaf.sizes.push_back(size_of(size));
    } else if (argument.contains("as_sym_int") && argument.at("as_sym_int").contains("as_name")) {
      leaf.kind = InputLeaf::Kind::number;
      const std::string name = argument.at("as_sym_int").at("as_name").get<std::string>();
      leaf.value = size_of(graph.at("sym_int_values").at(name));
    } else {
      leaf.constant = constant_of(argument);
    }
    return leaf;
  }

  void read_signature(const Json& signature, const Json& graph) {
    const Json& specs = signature.at("input_specs");
    if (specs.size() != program_.graph->inputs.size())
      throw Error("its signature has not as many inputs as its graph");
    for (std::size_t i = 0; i < specs.size(); ++i) {
      const auto [kind, spec] = tagged(specs[i]);
      read_input(kind, spec, graph, i);
    }
    const Json& outputs = signature.at("output_specs");
    if (outputs.size() != program_.graph->outputs.size())
      throw Error("its signature has not as many outputs as its graph");
    for (const Json& one : outputs) {
      const auto [kind, spec] = tagged(one);
      program_.outputs.push_back(use_of(kind, spec));
    }
  }

  void read_input(const std::string& kind, const Json& spec, const Json& graph, std::size_t index) {
    if (kind == "user_input") {
      leaves_.push_back(leaf_of(spec.at("arg"), graph, index));
    } else if (kind == "constant_input") {
      leaves_.push_back(leaf_of(spec.at("value"), graph, index));
    } else if (kind == "parameter") {
      program_.parameters.push_back(spec.at("parameter_name").get<std::string>());
      hold(index, program_.parameters.back());
    } else if (kind == "buffer") {
      hold(index, spec.at("buffer_name").get<std::string>());
    } else if (kind == "tensor_constant") {
      hold(index, spec.at("tensor_constant_name").get<std::string>());
    } else if (kind == "token") {
      program_.tokens.push_back(index);
    } else {
      throw Error(fmt::format("an input of the kind {} is not supported", printable(kind)));
    }
    const Json* arg = spec.contains("arg") ? &spec.at("arg") : nullptr;
    const bool tensor = kind == "user_input" && arg->contains("as_tensor");
    if (tensor) input_of_[arg->at("as_tensor").at("name").get<std::string>()] = index;
  }

  void hold(std::size_t index, const std::string& name) {
    if (program_.state.count(name) == 0)
      throw Error(fmt::format("it has no weight {}, which its graph takes", printable(name)));
    program_.held.emplace_back(index, name);
  }

  OutputUse use_of(const std::string& kind, const Json& spec) const {
    using Kind = OutputUse::Kind;
    if (kind == "user_output" || kind == "loss_output") return {Kind::user, "", 0};
    if (kind == "buffer_mutation" || kind == "parameter_mutation") {
      const char* field = kind == "buffer_mutation" ? "buffer_name" : "parameter_name";
      const std::string name = spec.at(field).get<std::string>();
      if (program_.state.count(name) == 0)
        throw Error(fmt::format("it writes into {}, which it does not have", printable(name)));
      return {Kind::state, name, 0};
    }
    if (kind == "user_input_mutation") {
      const std::string name = spec.at("user_input_name").get<std::string>();
      const auto found = input_of_.find(name);
      if (found == input_of_.end())
        throw Error(
            fmt::format("it writes into the input {}, which it does not take", printable(name)));
      return {Kind::input, name, found->second};
    }
    if (kind == "token" || kind == "gradient_to_parameter" || kind == "gradient_to_user_input")
      return {Kind::dropped, "", 0};
    throw Error(fmt::format("an output of the kind {} is not supported", printable(kind)));
  }

  void read_modules(const Json& entries, const Json& fields) {
    for (const Json& entry : entries) {
      const std::string path = entry.at("fqn").get<std::string>();
      program_.modules.push_back(path);
      const auto signature = entry.find("signature");
      if (signature == entry.end() || signature->is_null()) continue;
      if (path.empty()) {
        read_root(*signature, fields);
      } else {
        program_.signatures[path] = signature_of(*signature, fields);
      }
    }
    if (!has_root_) throw Error("it does not say what the root takes and returns");
  }

  void read_root(const Json& signature, const Json& fields) {
    std::vector<std::string> names;
    const auto given = signature.find("forward_arg_names");
    if (given != signature.end() && given->is_array())
      names = given->get<std::vector<std::string>>();
    program_.inputs = InputPlan(parse_tree_spec(signature.at("in_spec").get<std::string>(), fields),
                                std::move(names), std::move(leaves_), std::move(ranges_));
    program_.out_spec = parse_tree_spec(signature.at("out_spec").get<std::string>(), fields);
    std::size_t users = 0;
    for (const OutputUse& use : program_.outputs)
      users += use.kind == OutputUse::Kind::user ? 1 : 0;
    if (program_.out_spec.leaves() != users)
      throw Error(fmt::format("its outputs have {} leaves, and its graph gives {}",
                              program_.out_spec.leaves(), users));
    has_root_ = true;
  }

  static ModuleSignature signature_of(const Json& json, const Json& fields) {
    const auto values = [&json](const char* list) {
      std::vector<std::string> names;
      for (const Json& one : json.at(list)) {
        const bool tensor = one.contains("as_tensor");
        names.push_back(tensor ? one.at("as_tensor").at("name").get<std::string>() : "");
      }
      return names;
    };
    ModuleSignature made{values("inputs"), values("outputs"), {}, {}};
    const TreeSpec in = parse_tree_spec(json.at("in_spec").get<std::string>(), fields);
    const TreeSpec out = parse_tree_spec(json.at("out_spec").get<std::string>(), fields);
    // As Python's hooks have it: the positional ones, alone or numbered.
    const std::vector<std::string> positional =
        in.children.empty() ? std::vector<std::string>() : in.children[0].leaf_names();
    made.input_names = positional.size() == 1 && in.children[0].children.size() == 1
                           ? std::vector<std::string>{""}
                           : positional;
    made.output_names = out.leaf_names();
    return made;
  }

  const Archive& archive_;
  const std::optional<at::Device> device_;
  GraphReader graphs_;
  ExportedProgram program_;
  std::vector<InputLeaf> leaves_;
  std::map<std::string, Range> ranges_;
  std::unordered_map<std::string, std::size_t> input_of_;
  bool has_root_ = false;
};

}  // namespace

std::shared_ptr<capture::ProgramWorld> load(const std::string& path,
                                            std::optional<at::Device> device) {
  check_layout(path);
  const Archive archive(path);
  return std::make_shared<ExportedWorld>(Reader(archive, device).read());
}

}  // namespace exported
}  // namespace anycapture
