// SPDX-License-Identifier: MIT
#include <anycapture/error.h>
#include <anycapture/program.h>

#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/frontend/error_report.h>
#include <torch/csrc/jit/serialization/import.h>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <exception>
#include <utility>

#include "capture/listening.h"
#include "core/sniff.h"
#include "script/script_world.h"
#include "script/taps.h"

namespace anycapture {
namespace {

using c10::IValue;
using capture::Session;
using script::ScriptWorld;
using torch::jit::Stack;

std::vector<std::shared_ptr<Session>> listening_to(const ScriptWorld& world) {
  std::vector<std::shared_ptr<Session>> sessions;
  capture::ThreadSessions::here().each([&](Session& session) {
    if (&session.world() == &world) sessions.push_back(session.shared_from_this());
  });
  return sessions;
}

// self and the arguments, defaults filled in.
Stack checked(const torch::jit::Method& method, const Program::Inputs& inputs,
              const Program::Keywords& keywords) {
  Stack stack(inputs.begin(), inputs.end());
  stack.insert(stack.begin(), method.owner()._ivalue());
  const c10::FunctionSchema& schema = method.function().getSchema();
  try {
    schema.checkAndNormalizeInputs(stack, keywords);
  } catch (const c10::Error& error) {
    const std::string what = error.what_without_backtrace();
    throw InputError(fmt::format("{}: the inputs do not fit: {}", method.name(), what));
  }
  return stack;
}

IValue run_heard(ScriptWorld& world, const torch::jit::Method& method, Stack stack,
                 std::vector<std::shared_ptr<Session>> sessions) {
  const void* root = world.root()._ivalue().get();
  for (const auto& session : sessions) session->wants(root, SiteKind::kOutput, "forward");
  const auto instrumented = world.instrumented(method.function(), false, sessions);
  const script::Run run(world, sessions);
  stack.emplace_back(run.number());
  try {
    instrumented->run(stack);
  } catch (...) {
    for (const auto& session : sessions) session->left_by_exception();
    if (run.thrown() != nullptr) std::rethrow_exception(run.thrown());
    throw;
  }
  return stack.front();
}

IValue call(ScriptWorld& world, const std::string& name, const Program::Inputs& inputs,
            const Program::Keywords& keywords) {
  torch::jit::Method method = world.root().get_method(name);
  Stack stack = checked(method, inputs, keywords);
  std::vector<std::shared_ptr<Session>> sessions = listening_to(world);
  if (!sessions.empty()) return run_heard(world, method, std::move(stack), std::move(sessions));
  method.function().run(stack);
  return stack.front();
}

}  // namespace

Program Program::load(const std::string& path, std::optional<at::Device> device) {
  const FileKind kind = sniff(path);
  if (kind != FileKind::kTorchScript) {
    const char* advice = kind == FileKind::kDamagedZip
                             ? "write it again, or fetch it again"
                             : "save the model with torch.jit.script(model).save(path)";
    throw FileError(fmt::format("{}: is {}, no TorchScript archive: {}", path, name(kind), advice));
  }
  try {
    torch::jit::Module module = device ? torch::jit::load(path, *device) : torch::jit::load(path);
    module.eval();
    return Program(module);
  } catch (const c10::Error& error) {
    throw FileError(fmt::format("{}: cannot be loaded: {}", path, error.what_without_backtrace()));
  } catch (const torch::jit::ErrorReport& error) {  // an unknown operator
    throw FileError(fmt::format("{}: cannot be loaded: {}", path, error.what()));
  }
}

Program::Program(const torch::jit::Module& module)
    : world_(std::make_shared<ScriptWorld>(module)) {}

IValue Program::forward(const Inputs& inputs, const Keywords& keywords) const {
  return method("forward")(inputs, keywords);
}

Program::Method Program::method(const std::string& name) const {
  if (!world_->root().find_method(name)) {
    throw Error(fmt::format("the program has no method {}; it has {}", printable(name),
                            fmt::join(methods(), ", ")));
  }
  return Method(world_, name);
}

std::vector<std::string> Program::methods() const {
  std::vector<std::string> names;
  for (const torch::jit::Method& one : world_->root().get_methods()) names.push_back(one.name());
  return names;
}

std::vector<ModuleName> Program::modules() const {
  std::vector<ModuleName> names;
  for (const capture::WorldModule& module : world_->modules()) names.push_back(module.name);
  return names;
}

std::vector<ProgramSite> Program::sites(const std::string& path) const {
  return world_->sites(path);
}

const torch::jit::Module& Program::module() const {
  return world_->root();
}

std::shared_ptr<capture::World> Program::world() const {
  return world_;
}

IValue Program::Method::operator()(const Inputs& inputs, const Keywords& keywords) const {
  return call(*world_, name_, inputs, keywords);
}

std::string Program::Method::schema() const {
  return fmt::format("{}", c10::str(world_->root().get_method(name_).function().getSchema()));
}

std::vector<std::string> Program::Method::arguments() const {
  std::vector<std::string> names;
  for (const c10::Argument& one :
       world_->root().get_method(name_).function().getSchema().arguments()) {
    if (one.name() != "self") names.push_back(one.name());
  }
  return names;
}

}  // namespace anycapture
