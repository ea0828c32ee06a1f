// SPDX-License-Identifier: MIT
//
// at::RecordFunction calls us around each op that goes through the dispatcher: those that a forward
// calls, and those that these call in turn (softmax calls _softmax, linear calls addmm). All count;
// but of an op inside another of the same name only the outer one does: they are one, as the calls
// that several mechanisms see of one module's forward are.
//
// An op is of the innermost frame (detail/frame.h) of a module that the session knows; where no
// frame is open, of the root, if that one is not hooked. What runs in autograd's backward is of
// nothing that was opened before it.
//
// A result that a later op overwrites (a Linear adds its bias into what matmul gave) is copied
// before that. What an op inside another takes and gives is copied at once: the outer one may write
// into it where no version counts (sum fills its result with 0, and then adds), and makes a view of
// it afterwards, which changes the version.
//
// NDEBUG, which LibTorch was built with, is defined for this file: without it at::RecordFunction
// has another layout, and inputs() fails.
#include "eager/op_tap.h"

#include <anycapture/detail/frame.h>
#include <anycapture/selector.h>
#include <anycapture/tensors.h>

#include <ATen/core/ivalue.h>
#include <ATen/record_function.h>
#include <torch/csrc/autograd/graph_task.h>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "capture/listening.h"
#include "capture/session.h"
#include "eager/attention_tap.h"
#include "eager/op_name.h"
#include "eager/running_op.h"

namespace anycapture {
namespace eager {
namespace {

using capture::Session;
using capture::ThreadSessions;
using detail::Frame;

thread_local RunningOp* innermost_op = nullptr;

std::size_t& count_of(Session& session, const OpOwner& owner, const std::string& what) {
  capture::OpCounts& counts = owner.frame ? owner.frame->op_counts() : session.op_counts();
  return counts.of[{session.id(), what}];
}

// A tensor that an op took or gave.
struct Value {
  std::string field;  // `1` of `@topk.1`
  const at::Tensor* tensor;
  std::size_t place;  // of the argument that it is, or is in
};

bool may_hold_tensors(const c10::IValue& value) {
  return value.isTensor() || value.isList() || value.isTuple();
}

void collect(std::vector<Value>& into, const std::string& field, const c10::IValue& value,
             std::size_t place) {
  const auto collect_each = [&](const auto& elements) {
    for (std::size_t i = 0; i < elements.size(); ++i) {
      if (may_hold_tensors(elements[i]))
        collect(into, detail::joined(field, std::to_string(i)), elements[i], place);
    }
  };
  if (value.isTensor()) {
    if (value.toTensor().defined()) into.push_back({field, &value.toTensor(), place});
  } else if (value.isList()) {
    collect_each(value.toListRef());
  } else if (value.isTuple()) {
    collect_each(value.toTupleRef().elements());
  }
}

// One value is named as what a module returns, several by position.
std::vector<Value> collected(c10::ArrayRef<const c10::IValue> values, bool numbered) {
  std::vector<Value> result;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (may_hold_tensors(values[i]))
      collect(result, numbered ? std::to_string(i) : std::string(), values[i], i);
  }
  return result;
}

std::vector<Value> results_of(const at::RecordFunction& record, const OpName& op) {
  const c10::ArrayRef<c10::IValue> outputs = record.outputs();
  if (outputs.size() < op.results) return {};  // it threw
  return collected(outputs.slice(outputs.size() - op.results), op.results > 1);
}

// Named as what a module takes: by position, but not one tensor alone.
std::vector<Value> arguments_of(const at::RecordFunction& record, const OpName& op) {
  auto inputs = record.inputs();
  if (inputs.size() < op.arguments) return {};
  inputs = inputs.slice(inputs.size() - op.arguments);  // of a stack that may hold more
  std::vector<Value> values = collected(inputs, false);
  const bool lone = values.size() == 1 && values.front().field.empty();
  return lone ? values : collected(inputs, true);
}

void fire_in(Session& session, const RunningOp& op, SiteKind kind,
             const std::vector<Value>& values) {
  const OpOwner owner = owner_of_op(session);
  if (owner.module == nullptr) return;
  for (const std::string& what : op.name.whats) {
    if (op.is_inside_another(what)) continue;
    const std::size_t number = session.numbers_ops() ? count_of(session, owner, what) : 0;
    const std::string stem = kind == SiteKind::kOp ? what : what + ".input";
    for (const Value& value : values) {
      const bool overwritten = kind == SiteKind::kOpInput && op.name.written[value.place];
      session.fire_op(owner.module, kind, detail::joined(stem, value.field), number, *value.tensor,
                      overwritten || op.outer != nullptr);
    }
    if (session.numbers_ops() && kind == SiteKind::kOp) ++count_of(session, owner, what);
  }
  Frame* const frame = Frame::innermost();
  if (session.failed() && frame != nullptr) frame->ask_for_output();
}

void fire(const RunningOp& op, SiteKind kind, const std::vector<Value>& values) {
  ThreadSessions::here().each([&](Session& session) {
    if (session.asks_for_ops()) fire_in(session, op, kind, values);
  });
}

void tell_of_writes(const OpName& op, const std::vector<Value>& arguments) {
  ThreadSessions::here().each([&](Session& session) {
    for (const Value& argument : arguments) {
      if (op.written[argument.place]) session.about_to_write(*argument.tensor);
    }
  });
}

bool asks_for_inputs(const Session& session) {
  return session.asks_for_op_inputs();
}

bool hears_ops(const Session& session) {
  return session.hears_ops();
}

bool asks_for_attention(const Session& session) {
  return session.asks_for_attention();
}

std::unique_ptr<at::ObserverContext> start(const at::RecordFunction& record) {
  const ThreadSessions& sessions = ThreadSessions::here();
  if (sessions.is_deaf()) return nullptr;
  if (!sessions.any_open(hears_ops)) {  // the last one was closed on another thread
    update_op_tap();
    return nullptr;
  }
  const OpName* name = op_name(record);
  if (name == nullptr) return nullptr;
  auto op = std::make_unique<RunningOp>(*name, innermost_op);
  if (sessions.any_open(asks_for_attention)) attention_starts(*op, record);
  const bool inputs = sessions.any_open(asks_for_inputs);
  if (!inputs && !name->writes) return op;
  const std::vector<Value> arguments = arguments_of(record, *name);
  if (inputs) fire(*op, SiteKind::kOpInput, arguments);
  if (name->writes) tell_of_writes(*name, arguments);
  return op;
}

void end(const at::RecordFunction& record, at::ObserverContext* context) {
  if (context == nullptr) return;
  const RunningOp& op = *static_cast<const RunningOp*>(context);
  if (op.attention) attention_ends(op, record);
  fire(op, SiteKind::kOp, results_of(record, op.name));
}

// A guard that keeps a thread's state may have brought back one that was taken away.
const at::RecordFunctionCallbacksEntry* registered_tap() {
  for (const auto& entry : at::get_record_function_tls_().sorted_tls_callbacks_) {
    if (entry.callback_.start() == &start) return &entry;
  }
  return nullptr;
}

}  // namespace

void update_op_tap() {
  const bool on = ThreadSessions::here().any_open(hears_ops);
  const auto* tap = registered_tap();
  if (!on) forget_weights();
  if (on == (tap != nullptr)) return;
  if (!on) return at::removeCallback(tap->handle_);
  at::addThreadLocalCallback(at::RecordFunctionCallback(&start, &end)
                                 .needsInputs(true)
                                 .needsOutputs(true)
                                 .scopes({at::RecordScope::FUNCTION}));
}

const void* current_backward() noexcept {
  return torch::autograd::get_current_graph_task_exec_info();
}

}  // namespace eager
}  // namespace anycapture
