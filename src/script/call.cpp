// SPDX-License-Identifier: MIT
// A TorchScript archive as a program that is called.
#include <anycapture/error.h>
#include <anycapture/torch_version.h>

#include <fmt/format.h>

#include <exception>
#include <utility>

#include "script/script_world.h"
#include "script/taps.h"

namespace anycapture {
namespace script {
namespace {

using c10::IValue;
using torch::jit::Stack;

#if ANYCAPTURE_TORCH_AT_LEAST(2, 1)
using CopiedBefore = IValue::HashIdentityIValueMap;
#else
using CopiedBefore = IValue::HashAliasedIValueMap;
#endif

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
                 Sessions sessions) {
  const void* root = world.root()._ivalue().get();
  for (const auto& session : sessions) session->wants(root, SiteKind::kOutput, "forward");
  const auto instrumented = world.instrumented(method.function(), false, sessions);
  const Run run(world, sessions);
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

}  // namespace

IValue ScriptWorld::call(const std::string& name, const Program::Inputs& inputs,
                         const Program::Keywords& keywords) {
  torch::jit::Method method = root_.get_method(name);
  Stack stack = checked(method, inputs, keywords);
  Sessions sessions = capture::listening_to(*this);
  if (!sessions.empty()) return run_heard(*this, method, std::move(stack), std::move(sessions));
  method.function().run(stack);
  return stack.front();
}

std::vector<std::string> ScriptWorld::methods() const {
  std::vector<std::string> names;
  for (const torch::jit::Method& one : root_.get_methods()) names.push_back(one.name());
  return names;
}

std::string ScriptWorld::schema(const std::string& method) const {
  return c10::str(root_.get_method(method).function().getSchema());
}

std::vector<std::string> ScriptWorld::arguments(const std::string& method) const {
  std::vector<std::string> names;
  for (const c10::Argument& one : root_.get_method(method).function().getSchema().arguments()) {
    if (one.name() != "self") names.push_back(one.name());
  }
  return names;
}

std::vector<std::pair<std::string, at::Tensor>> ScriptWorld::named_parameters() const {
  std::vector<std::pair<std::string, at::Tensor>> parameters;
  for (const auto& one : root_.named_parameters(true)) parameters.emplace_back(one.name, one.value);
  return parameters;
}

std::shared_ptr<capture::ProgramWorld> ScriptWorld::copy_of_state() const {
  CopiedBefore copied;
  for (const at::Tensor& weight : root_.parameters(true)) copied[weight] = weight;
  try {
    return std::make_shared<ScriptWorld>(torch::jit::Module(root_._ivalue()->deepcopy(copied)));
  } catch (const c10::Error&) {  // it holds what cannot be copied
    return nullptr;
  }
}

std::shared_ptr<capture::ProgramWorld> ScriptWorld::in_training() const {
  torch::jit::Module module = root_;
  module.train();
  return std::make_shared<ScriptWorld>(module);
}

}  // namespace script
}  // namespace anycapture
