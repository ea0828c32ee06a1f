// SPDX-License-Identifier: MIT
// A parsed selector, compiled.
#pragma once

#include <anycapture/selector.h>

#include <optional>
#include <string>
#include <vector>

#include "core/glob.h"
#include "core/path_regex.h"
#include "core/type_name.h"
#include "core/what_pattern.h"

namespace anycapture {

struct Selector::Parts {
  std::string text;
  bool negative = false;
  ModuleForm form = ModuleForm::kRoot;
  std::string module;
  bool has_what = false;
  std::string what;

  std::vector<WhatPattern> whats;
  std::optional<Glob> path;  // of modules, or of functions
  std::optional<Glob> type;  // where the module part may name types
  bool type_has_namespace = false;
  std::optional<PathRegex> regex;

  /// Throws SelectorError when the regular expression is too complex for the path.
  bool matches_path(std::string_view module_path) const;
  bool matches_type(const TypeNames& names) const;
};

/// Throws SelectorError for a selector that matches none of the modules: names the nearest.
[[noreturn]] void throw_unmatched(const Selector& selector, const std::vector<ModuleName>& modules);

}  // namespace anycapture
