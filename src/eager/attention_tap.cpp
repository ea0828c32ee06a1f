// SPDX-License-Identifier: MIT
//
// NDEBUG: as for op_tap.cpp.
#include "eager/attention_tap.h"

#include <ATen/core/dispatch/Dispatcher.h>

#include <algorithm>
#include <deque>
#include <memory>
#include <utility>

#include "attention/fused_ops.h"
#include "attention/op_kinds.h"
#include "capture/keep.h"
#include "capture/listening.h"
#include "capture/session.h"

namespace anycapture {
namespace eager {
namespace {

using attention::OpKind;
using c10::IValue;
using capture::Session;

// What a softmax gave, and what came of it that is still weights, held so that no other tensor gets
// its memory.
struct Weights {
  std::vector<at::Tensor> forms;  // the first: the weights
};

// Of those that nothing has multiplied, such as a classifier's, a few are remembered, and more of
// small ones: a head each, in a list.
constexpr std::size_t kFew = 8, kMost = 64, kBytesOfMore = std::size_t{64} << 20U;
thread_local std::deque<Weights> weights_of_thread;

std::deque<Weights>::iterator weights_in(const at::Tensor& tensor) {
  const void* storage = tensor.defined() ? capture::storage_of(tensor) : nullptr;
  auto& all = weights_of_thread;
  if (storage == nullptr) return all.end();
  return std::find_if(all.begin(), all.end(), [storage](const Weights& one) {
    return std::any_of(one.forms.begin(), one.forms.end(), [storage](const at::Tensor& form) {
      return capture::storage_of(form) == storage;
    });
  });
}

template <class Call>
void each_tensor(const std::vector<IValue>& values, Call call) {
  for (const IValue& value : values) {
    if (value.isTensor()) {
      call(value.toTensor());
    } else if (value.isTensorList()) {
      for (const at::Tensor& one : value.toTensorVector()) call(one);
    }
  }
}

bool is_inside_fused(const RunningOp& op) {
  for (const RunningOp* outer = op.outer; outer != nullptr; outer = outer->outer) {
    if (outer->name.kind == OpKind::fused) return true;
  }
  return false;
}

bool is_over_last_axis(const RunningOp& op, const at::Tensor& result) {
  const std::size_t place = op.name.registered == "aten::_masked_softmax" ? 2 : 1;
  if (op.arguments.size() <= place || !op.arguments[place].isInt()) return true;
  const std::int64_t axis = op.arguments[place].toInt();
  return axis == -1 || axis == result.dim() - 1;
}

template <class Fire>
void fire_in_each(Fire fire) {
  capture::ThreadSessions::here().each([&](Session& session) {
    if (!session.asks_for_attention()) return;
    const OpOwner owner = owner_of_op(session);
    if (owner.module != nullptr) fire(session, owner.module);
    if (session.failed() && owner.frame != nullptr) owner.frame->ask_for_output();
  });
}

void multiplied(const at::Tensor& factor) {
  const auto found = weights_in(factor);
  if (found == weights_of_thread.end()) return;
  const at::Tensor weights = found->forms.front();
  weights_of_thread.erase(found);
  fire_in_each([&](Session& session, const void* module) {
    session.fire_attention(module, weights, false);
  });
}

void remember(const at::Tensor& weights) {
  if (weights_in(weights) != weights_of_thread.end()) return;  // of the _softmax inside
  auto& all = weights_of_thread;
  all.push_back({{weights}});
  std::size_t bytes = 0;
  for (const Weights& one : all) bytes += one.forms.front().nbytes();
  for (; all.size() > kFew && (all.size() > kMost || bytes > kBytesOfMore); all.pop_front())
    bytes -= all.front().forms.front().nbytes();
}

// What the softmax gave is kept as it was where an op behind it writes into it: `dropout_`.
void written(const at::Tensor& tensor, OpKind by) {
  const auto found = weights_in(tensor);
  if (found == weights_of_thread.end()) return;
  if (by == OpKind::softmax) {  // the same memory anew
    weights_of_thread.erase(found);
    return;
  }
  std::vector<at::Tensor>& forms = found->forms;
  if (capture::storage_of(forms.front()) != capture::storage_of(tensor)) return;
  const capture::Deaf deaf;
  forms.insert(forms.begin(), forms.front().detach().clone());
}

void passed_on(const RunningOp& op, const at::Tensor& result) {
  each_tensor(op.arguments, [&](const at::Tensor& argument) {
    const auto found = weights_in(argument);
    if (found != weights_of_thread.end() && weights_in(result) == weights_of_thread.end())
      found->forms.push_back(result);
  });
}

void fire_fused(const RunningOp& op, const at::RecordFunction& record, const at::Tensor& output) {
  const auto name = record.operator_name();
  if (!name) return;
  const auto found = c10::Dispatcher::singleton().findSchema(*name);
  if (!found) return;
  fire_in_each([&](Session& session, const void* module) {
    session.fire_attention(module, [&]() -> std::shared_ptr<const capture::LazyTensor> {
      return attention::fused_call(found->schema(), op.arguments, output, session.options().detach,
                                   session.options().keep == Keep::clone);
    });
  });
}

}  // namespace

void attention_starts(RunningOp& op, const at::RecordFunction& record) {
  const bool writes = op.name.writes && !weights_of_thread.empty();
  if ((op.name.kind == OpKind::other && !writes) || is_inside_fused(op)) return;
  auto inputs = record.inputs();
  if (inputs.size() < op.name.arguments) return;
  inputs = inputs.slice(inputs.size() - op.name.arguments);  // of a stack that may hold more
  const std::vector<IValue> arguments(inputs.begin(), inputs.end());
  for (std::size_t i = 0; writes && i < arguments.size(); ++i) {
    if (op.name.written[i] && arguments[i].isTensor())
      written(arguments[i].toTensor(), op.name.kind);
  }
  if (op.name.kind == OpKind::other) return;
  if (op.name.kind == OpKind::product) {
    each_tensor(arguments, multiplied);
  } else {
    op.arguments = arguments;
    op.attention = true;
  }
}

void attention_ends(const RunningOp& op, const at::RecordFunction& record) {
  const c10::ArrayRef<IValue> outputs = record.outputs();
  if (outputs.size() < op.name.results) return;  // it threw
  const IValue& first = outputs[outputs.size() - op.name.results];
  if (!first.isTensor() || !first.toTensor().defined()) return;
  const at::Tensor result = first.toTensor();
  if (op.name.kind == OpKind::fused) {
    fire_fused(op, record, result);
  } else if (op.name.kind == OpKind::passes) {
    passed_on(op, result);
  } else if (result.dim() >= 2 && is_over_last_axis(op, result)) {
    remember(result);
  }
}

void forget_weights() {
  weights_of_thread.clear();
}

}  // namespace eager
}  // namespace anycapture
