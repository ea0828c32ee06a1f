// SPDX-License-Identifier: MIT
#include <anycapture/selector.h>

#include <algorithm>
#include <cstdint>
#include <unordered_map>

#include "core/selector_parts.h"

namespace anycapture {
namespace {

// Modules prepared for matching: each distinct type is looked at once per selector.
class Modules {
 public:
  explicit Modules(const std::vector<ModuleName>& modules) : modules_(modules) {
    std::unordered_map<std::string_view, std::size_t> known;
    type_of_.reserve(modules.size());
    for (std::size_t i = 0; i < modules.size(); ++i) {
      const auto [type, added] = known.try_emplace(modules[i].type, types_.size());
      if (added) types_.push_back(names_of_type(modules[i].type));
      type_of_.push_back(type->second);
      add_other_paths(i);
    }
  }

  std::vector<std::size_t> matched_by(const Selector::Parts& selector) const {
    if (selector.form == ModuleForm::kFunction) return {};
    const bool glob = selector.form == ModuleForm::kGlob;
    std::vector<std::size_t> result = matched_by(selector, !glob);
    if (result.empty() && glob) result = matched_by(selector, true);
    return result;
  }

 private:
  void add_other_paths(std::size_t index) {
    const ModuleName& module = modules_[index];
    const bool encoded = module.path.find_first_of(":#%") != std::string::npos;
    if (module.aliases.empty() && !encoded) return;
    std::vector<std::string>& paths = other_paths_[index];
    if (encoded) paths.push_back(encode_path(module.path));
    for (const std::string& alias : module.aliases) {
      paths.push_back(alias);
      paths.push_back(encode_path(alias));
    }
  }

  std::vector<std::size_t> matched_by(const Selector::Parts& selector, bool types_too) const {
    std::vector<char> by_type(types_.size(), 0);
    for (std::size_t i = 0; types_too && i < types_.size(); ++i) {
      by_type[i] = selector.matches_type(types_[i]) ? 1 : 0;
    }
    std::vector<std::size_t> result;
    for (std::size_t i = 0; i < modules_.size(); ++i) {
      if (by_type[type_of_[i]] || matches_path(selector, i)) result.push_back(i);
    }
    return result;
  }

  bool matches_path(const Selector::Parts& selector, std::size_t index) const {
    if (selector.matches_path(modules_[index].path)) return true;
    if (other_paths_.empty()) return false;
    const auto others = other_paths_.find(index);
    return others != other_paths_.end() &&
           std::any_of(others->second.begin(), others->second.end(),
                       [&](const std::string& path) { return selector.matches_path(path); });
  }

  const std::vector<ModuleName>& modules_;
  std::vector<TypeNames> types_;
  std::vector<std::size_t> type_of_;
  std::unordered_map<std::size_t, std::vector<std::string>> other_paths_;
};

std::string_view last_name(std::string_view function) {
  const std::size_t colon = function.rfind("::");
  return colon == std::string_view::npos ? function : function.substr(colon + 2);
}

bool matches_function(const Selector::Parts& selector, std::string_view function,
                      std::string_view what) {
  if (selector.form != ModuleForm::kFunction) return false;
  const std::string_view name = selector.type_has_namespace ? function : last_name(function);
  if (!selector.path->matches(name)) return false;
  return !selector.has_what ||
         std::any_of(selector.whats.begin(), selector.whats.end(),
                     [what](const WhatPattern& one) { return one.matches_name(what); });
}

}  // namespace

BoundSelectors::BoundSelectors(SelectorList list, const std::vector<ModuleName>& modules,
                               Unmatched unmatched)
    : list_(std::move(list)), selectors_of_(modules.size()) {
  const Modules prepared(modules);
  std::vector<std::uint32_t> count(modules.size(), 0);
  for (const Selector& selector : list_.selectors()) {
    modules_of_.push_back(prepared.matched_by(selector.parts()));
    const bool must_match = unmatched == Unmatched::raise && !selector.negative() &&
                            selector.form() != ModuleForm::kFunction;
    if (must_match && modules_of_.back().empty()) throw_unmatched(selector, modules);
    for (std::size_t module : modules_of_.back()) {
      if (!selector.negative() || count[module] > 0) ++count[module];
    }
  }
  for (std::size_t s = 0; s < modules_of_.size(); ++s) {
    for (std::size_t module : modules_of_[s]) {
      std::vector<std::size_t>& chosen = selectors_of_[module];
      if (chosen.empty() && (count[module] == 0 || list_.selectors()[s].negative())) continue;
      if (chosen.empty()) chosen.reserve(count[module]);
      chosen.push_back(s);
    }
  }
}

int BoundSelectors::chooses(std::size_t module, std::string_view what, SiteKind kind) const {
  int chosen = -1;
  for (std::size_t index : selectors_of_[module]) {
    const Selector& selector = list_.selectors()[index];
    // Nothing changes when it is chosen already, or there is nothing to take away.
    if (selector.negative() != (chosen >= 0) || !selector.matches_what(what, kind)) continue;
    chosen = selector.negative() ? -1 : static_cast<int>(index);
  }
  return chosen;
}

bool BoundSelectors::may_choose(std::size_t module, SiteKind kind) const {
  bool may = false;
  for (std::size_t index : selectors_of_[module]) {
    const Selector& selector = list_.selectors()[index];
    if (!selector.negative()) {
      may = may || selector.asks_for(kind);
    } else if (!selector.has_what()) {
      may = false;
    }
  }
  return may;
}

int BoundSelectors::chooses_function(std::string_view function, std::string_view what) const {
  int chosen = -1;
  for (std::size_t i = 0; i < list_.selectors().size(); ++i) {
    const Selector& selector = list_.selectors()[i];
    if (!matches_function(selector.parts(), function, what)) continue;
    if (selector.negative()) {
      chosen = -1;
    } else if (chosen < 0) {
      chosen = static_cast<int>(i);
    }
  }
  return chosen;
}

}  // namespace anycapture
