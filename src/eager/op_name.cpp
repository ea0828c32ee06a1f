// SPDX-License-Identifier: MIT
#include "eager/op_name.h"

#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/record_function.h>

#include <algorithm>
#include <unordered_map>

#include "capture/op_whats.h"

namespace anycapture {
namespace eager {
namespace {

// Also into the tensors of a list: `Tensor(a!)[]`.
bool writes(const c10::AliasInfo& alias) {
  const auto& inside = alias.containedTypes();
  return alias.isWrite() ||
         std::any_of(inside.begin(), inside.end(), [](const auto& one) { return one.isWrite(); });
}

OpName name_of(const at::RecordFunction& record, const c10::OperatorName& op) {
  OpName name;
  name.registered = op.name;
  name.kind = attention::kind_of_op(op.name);
  name.whats = capture::op_whats(op.name);
  if (name.whats.empty()) return name;
  name.arguments = record.num_inputs();
  name.results = record.num_outputs();
  name.written.resize(name.arguments, false);
  const auto found = c10::Dispatcher::singleton().findSchema(op);
  if (!found.has_value()) return name;
  const auto& arguments = found->schema().arguments();
  for (std::size_t i = 0; i < arguments.size() && i < name.written.size(); ++i) {
    const auto* alias = arguments[i].alias_info();
    name.written[i] = alias != nullptr && writes(*alias);
    name.writes = name.writes || name.written[i];
  }
  return name;
}

const OpName* heard(const OpName& name) {
  return name.whats.empty() ? nullptr : &name;
}

}  // namespace

const OpName* op_name(const at::RecordFunction& record) {
  // The name is a schema's own text, which stays as long as its library; compared all the same.
  thread_local std::unordered_map<const char*, OpName> known;
  const char* text = record.name();
  const auto found = known.find(text);
  if (found != known.end() && found->second.registered == text) return heard(found->second);
  const auto op = record.operator_name();
  if (!op.has_value()) return nullptr;
  return heard(known[text] = name_of(record, *op));
}

}  // namespace eager
}  // namespace anycapture
