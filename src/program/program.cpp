// SPDX-License-Identifier: MIT
#include <anycapture/error.h>
#include <anycapture/program.h>

#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/frontend/error_report.h>
#include <torch/csrc/jit/serialization/import.h>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "capture/program_world.h"
#include "core/sniff.h"
#include "exported/load.h"
#include "script/script_world.h"

namespace anycapture {
namespace {

torch::jit::Module load_script(const std::string& path, std::optional<at::Device> device) {
  try {
    torch::jit::Module module = device ? torch::jit::load(path, *device) : torch::jit::load(path);
    module.eval();
    return module;
  } catch (const c10::Error& error) {
    throw FileError(fmt::format("{}: cannot be loaded: {}", path, error.what_without_backtrace()));
  } catch (const torch::jit::ErrorReport& error) {  // an unknown operator
    throw FileError(fmt::format("{}: cannot be loaded: {}", path, error.what()));
  }
}

}  // namespace

Program Program::load(const std::string& path, std::optional<at::Device> device) {
  const FileKind kind = sniff(path);
  if (kind == FileKind::kTorchScript) return Program(load_script(path, device));
  if (kind == FileKind::kExported) return Program(exported::load(path, device));
  const char* advice = kind == FileKind::kDamagedZip
                           ? "write it again, or fetch it again"
                           : "save the model with torch.export.save(torch.export.export(model, "
                             "inputs), path) or torch.jit.script(model).save(path)";
  throw FileError(fmt::format("{}: is {}, no archive of a program: {}", path, name(kind), advice));
}

Program::Program(const torch::jit::Module& module)
    : world_(std::make_shared<script::ScriptWorld>(module)) {}

Program::Program(std::shared_ptr<capture::ProgramWorld> world) : world_(std::move(world)) {}

c10::IValue Program::forward(const Inputs& inputs, const Keywords& keywords) const {
  return method("forward")(inputs, keywords);
}

Program::Method Program::method(const std::string& name) const {
  const std::vector<std::string> names = methods();
  if (std::find(names.begin(), names.end(), name) == names.end()) {
    throw Error(fmt::format("the program has no method {}; it has {}", printable(name),
                            fmt::join(names, ", ")));
  }
  return Method(world_, name);
}

std::vector<std::string> Program::methods() const {
  return world_->methods();
}

std::vector<ModuleName> Program::modules() const {
  std::vector<ModuleName> names;
  for (const capture::WorldModule& module : world_->modules()) names.push_back(module.name);
  return names;
}

std::vector<ProgramSite> Program::sites(const std::string& path) const {
  return world_->sites(path);
}

std::vector<std::pair<std::string, at::Tensor>> Program::named_parameters() const {
  return world_->named_parameters();
}

Program Program::copy_of_state() const {
  auto copy = world_->copy_of_state();
  return copy == nullptr ? *this : Program(std::move(copy));
}

Program Program::in_training() const {
  return Program(world_->in_training());
}

const torch::jit::Module& Program::module() const {
  const torch::jit::Module* module = world_->module();
  if (module != nullptr) return *module;
  throw Error("the program is a torch.export archive, which has no torch::jit::Module");
}

std::shared_ptr<capture::World> Program::world() const {
  return world_;
}

c10::IValue Program::Method::operator()(const Inputs& inputs, const Keywords& keywords) const {
  return world_->call(name_, inputs, keywords);
}

std::string Program::Method::schema() const {
  return world_->schema(name_);
}

std::vector<std::string> Program::Method::arguments() const {
  return world_->arguments(name_);
}

}  // namespace anycapture
