// SPDX-License-Identifier: MIT
// What to say of a selector that matches no module.
#include <anycapture/error.h>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "core/selector_parts.h"

namespace anycapture {
namespace {

constexpr std::size_t kNearest = 3;
constexpr std::size_t kTypesShown = 12;

std::string_view last_component(std::string_view path) {
  const std::size_t dot = path.rfind('.');
  return dot == std::string_view::npos ? path : path.substr(dot + 1);
}

// Types in the order of the model, each once.
std::vector<std::string> types_of(const std::vector<ModuleName>& modules, bool full) {
  std::vector<std::string> types;
  std::set<std::string_view> seen;
  std::set<std::string> known;
  for (const ModuleName& module : modules) {
    if (!seen.insert(module.type).second) continue;
    const TypeNames names = names_of_type(module.type);
    const std::string& name = full ? names.full.front() : names.normalised;
    if (known.insert(name).second) types.push_back(name);
  }
  return types;
}

// For `*.atn` the last part of a path is what can be mistyped; else the whole path.
std::vector<std::string> nearest_paths(const Selector& selector,
                                       const std::vector<ModuleName>& modules) {
  const std::string& wanted = selector.module();
  const std::string_view last = last_component(wanted);
  std::vector<std::string> candidates;
  if (!has_wildcard(wanted) || has_wildcard(last)) {
    for (const ModuleName& module : modules) candidates.push_back(module.path);
    return nearest(wanted, candidates, kNearest);
  }
  for (const ModuleName& module : modules) candidates.emplace_back(last_component(module.path));
  const std::string front = wanted.substr(0, wanted.size() - last.size());
  std::vector<std::string> paths;
  for (const std::string& name : nearest(last, candidates, kNearest)) {
    // The same word again: it is the part in front of it that does not fit.
    paths.push_back((name == last ? "*." : front) + name);
  }
  return paths;
}

std::string quoted(const std::vector<std::string>& words) {
  return fmt::format("\"{}\"", fmt::join(words, "\", \""));
}

std::string searched(const Selector& selector) {
  switch (selector.form()) {
    case ModuleForm::kType:
      return fmt::format("has a type that matches \"{}\"", selector.module());
    case ModuleForm::kWord:
      return fmt::format("has the type or the path \"{}\"", selector.module());
    case ModuleForm::kRegex:
      return fmt::format("has a path that matches /{}/ as a whole", selector.module());
    default:
      return fmt::format("has a path{} that matches \"{}\"",
                         selector.parts().type ? " or a type" : "", selector.module());
  }
}

std::string prefix_hint(const Selector& selector) {
  if (selector.form() != ModuleForm::kWord || !selector.has_what()) return "";
  const std::vector<std::string> meant =
      nearest(selector.module(), {"type", "path", "re", "fn"}, 1);
  if (meant.empty()) return "";
  return fmt::format("; the prefix is written \"{}:{}\"", meant.front(), selector.what());
}

}  // namespace

void throw_unmatched(const Selector& selector, const std::vector<ModuleName>& modules) {
  const Selector::Parts& parts = selector.parts();
  std::string text = fmt::format("selector \"{}\": none of the model's {} modules {}",
                                 selector.text(), modules.size(), searched(selector));
  const bool spelled_out = selector.module().find("::") != std::string::npos ||
                           (parts.type_has_namespace && selector.form() == ModuleForm::kType);
  const std::vector<std::string> types = types_of(modules, spelled_out);
  if (parts.type) {
    const std::vector<std::string> close = nearest(selector.module(), types, kNearest);
    if (!close.empty()) text += fmt::format("; nearest types: {}", quoted(close));
  }
  if (parts.path) {
    const std::vector<std::string> close = nearest_paths(selector, modules);
    if (!close.empty()) text += fmt::format("; nearest paths: {}", quoted(close));
  }
  text += prefix_hint(selector);
  std::vector<std::string> shown = types;
  shown.resize(std::min(types.size(), kTypesShown));
  text += fmt::format("; the types there are: {}", fmt::join(shown, ", "));
  if (shown.size() < types.size()) text += fmt::format(" and {} more", types.size() - shown.size());
  throw SelectorError(text + "; anycapture::modules(model) lists all paths and types");
}

}  // namespace anycapture
