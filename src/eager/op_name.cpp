// SPDX-License-Identifier: MIT
#include "eager/op_name.h"

#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/record_function.h>

#include <algorithm>
#include <string_view>
#include <unordered_map>

namespace anycapture {
namespace eager {
namespace {

std::string_view without_namespace(std::string_view name) {
  const std::size_t colon = name.rfind("::");
  return colon == std::string_view::npos ? name : name.substr(colon + 2);
}

// `_softmax` is what `softmax` calls, `relu_` writes into its input: the same to whoever asks.
std::string_view without_underscores(std::string_view name) {
  const std::size_t first = name.find_first_not_of('_');
  if (first == std::string_view::npos) return name;
  return name.substr(first, name.find_last_not_of('_') - first + 1);
}

// They give memory that holds no values yet, or no longer.
bool gives_values(std::string_view registered) {
  if (registered.compare(0, 6, "aten::") != 0) return true;
  const std::string_view name = without_underscores(registered.substr(6));
  for (const std::string_view start : {"empty", "new_empty", "resize"}) {
    if (name.compare(0, start.size(), start) == 0) return false;
  }
  return true;
}

std::vector<std::string> whats_of(std::string_view registered) {
  const std::string_view name = without_namespace(registered);
  std::vector<std::string> whats;
  for (const std::string_view spelled : {without_underscores(name), name, registered}) {
    std::string what(1, '@');
    what += spelled;
    if (std::find(whats.begin(), whats.end(), what) == whats.end())
      whats.push_back(std::move(what));
  }
  return whats;
}

// Also into the tensors of a list: `Tensor(a!)[]`.
bool writes(const c10::AliasInfo& alias) {
  const auto& inside = alias.containedTypes();
  return alias.isWrite() ||
         std::any_of(inside.begin(), inside.end(), [](const auto& one) { return one.isWrite(); });
}

OpName name_of(const at::RecordFunction& record, const c10::OperatorName& op) {
  OpName name;
  name.registered = op.name;
  if (!gives_values(op.name)) return name;
  name.whats = whats_of(op.name);
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
