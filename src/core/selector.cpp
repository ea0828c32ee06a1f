// SPDX-License-Identifier: MIT
#include <anycapture/error.h>
#include <anycapture/selector.h>

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "core/selector_parts.h"

namespace anycapture {
namespace {

bool starts_with(std::string_view text, std::string_view start) {
  return text.compare(0, start.size(), start) == 0;
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpaces = " \t\r\n";
  const std::size_t first = text.find_first_not_of(kSpaces);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpaces) - first + 1);
}

// Reads one selector from left to right.
class Parser {
 public:
  explicit Parser(std::string_view text) { parts_.text = std::string(trimmed(text)); }

  Selector::Parts parse() {
    read_sign();
    read_form();
    if (parts_.form == ModuleForm::kRegex) {
      read_regex();
    } else {
      read_module();
    }
    compile_module();
    return std::move(parts_);
  }

 private:
  std::string_view whole() const { return parts_.text; }
  std::string_view rest() const { return whole().substr(at_); }
  [[noreturn]] void fail(std::size_t at, const std::string& problem) const {
    throw_malformed(whole(), at, problem);
  }

  void read_sign() {
    if (whole().empty()) {
      throw SelectorError(
          "a selector is empty: write \":output\" for the root's output, \"*\" for every module, "
          "or "
          "a type such as \"Attention\"");
    }
    if (whole().front() != '!') return;
    parts_.negative = true;
    at_ = 1;
    if (rest().empty()) {
      fail(1, "nothing follows the \"!\": write what to take away, such as \"!blocks.0.*\"");
    }
  }

  void read_form() {
    constexpr struct {
      std::string_view prefix;
      ModuleForm form;
    } kForms[] = {{"type:", ModuleForm::kType},
                  {"path:", ModuleForm::kPath},
                  {"re:", ModuleForm::kRegex},
                  {"fn:", ModuleForm::kFunction}};
    parts_.form = ModuleForm::kWord;
    for (const auto& known : kForms) {
      const bool is_namespace = rest().substr(0, known.prefix.size() + 1).back() == ':' &&
                                rest().size() > known.prefix.size() &&
                                rest()[known.prefix.size()] == ':';
      if (!starts_with(rest(), known.prefix) || is_namespace) continue;
      parts_.form = known.form;
      at_ += known.prefix.size();
      check_no_space(rest(), {whole(), at_});
      return;
    }
  }

  void read_regex() {
    if (!starts_with(rest(), "/")) {
      fail(at_, "a regular expression stands between slashes: write \"re:/blocks\\.\\d+\\.attn/\"");
    }
    const std::size_t close = whole().rfind('/');
    if (close == at_) {
      fail(at_,
           "the regular expression has no closing \"/\": write \"re:/.../\" or \"re:/.../:what\"");
    }
    module_at_ = at_ + 1;
    parts_.module = std::string(whole().substr(module_at_, close - module_at_));
    at_ = close + 1;
    if (rest().empty()) return;
    if (rest().front() != ':') {
      fail(at_, "only \":what\" may follow the closing \"/\" of a regular expression");
    }
    ++at_;
    read_what();
  }

  void read_module() {
    module_at_ = at_;
    const std::size_t colon = find_separator(rest());
    parts_.module = std::string(rest().substr(0, colon));
    if (colon == std::string_view::npos) return;
    check_glob(parts_.module, {whole(), module_at_});
    at_ += colon + 1;
    read_what();
  }

  void read_what() {
    parts_.has_what = true;
    parts_.what = std::string(rest());
    parts_.whats = WhatPattern::parse(rest(), {whole(), at_});
  }

  void compile_module() {
    const PatternPlace place{whole(), module_at_};
    const std::string& module = parts_.module;
    const bool dotted = module.find('.') != std::string::npos;
    parts_.type_has_namespace = spells_namespace(module);
    if (parts_.form == ModuleForm::kWord && has_wildcard(module)) parts_.form = ModuleForm::kGlob;
    if (parts_.form == ModuleForm::kWord && module.empty()) parts_.form = ModuleForm::kRoot;
    switch (parts_.form) {
      case ModuleForm::kRoot:
      case ModuleForm::kPath:
        parts_.path = Glob::over_paths(module, place);
        break;
      case ModuleForm::kWord:
        parts_.path = Glob(module, place);
        parts_.type = Glob(module, place);
        break;
      case ModuleForm::kGlob:
        parts_.path = Glob::over_paths(module, place);
        if (!dotted) parts_.type = Glob(module, place);
        break;
      case ModuleForm::kType:
        if (module.empty()) fail(module_at_, "a type is missing: write \"type:Attention\"");
        parts_.type = Glob(module, place);
        break;
      case ModuleForm::kFunction:
        if (module.empty()) {
          fail(module_at_, "a function's name is missing: write \"fn:softmax_scores\" or \"fn:*\"");
        }
        parts_.path = Glob(module, place);
        break;
      case ModuleForm::kRegex:
        compile_regex();
        break;
    }
  }

  void compile_regex() {
    try {
      parts_.regex.emplace(parts_.module);
    } catch (const std::runtime_error& error) {
      fail(module_at_,
           fmt::format("not a regular expression of ECMAScript's kind: {}", error.what()));
    }
  }

  Selector::Parts parts_;
  std::size_t at_ = 0;
  std::size_t module_at_ = 0;
};

}  // namespace

Selector Selector::parse(std::string_view text) {
  return Selector(std::make_shared<const Parts>(Parser(text).parse()));
}

const std::string& Selector::text() const {
  return parts_->text;
}
bool Selector::negative() const {
  return parts_->negative;
}
ModuleForm Selector::form() const {
  return parts_->form;
}
const std::string& Selector::module() const {
  return parts_->module;
}
bool Selector::has_what() const {
  return parts_->has_what;
}
const std::string& Selector::what() const {
  return parts_->what;
}

bool Selector::matches_what(std::string_view what, SiteKind kind) const {
  if (!parts_->has_what) return asks_for(kind);
  return std::any_of(parts_->whats.begin(), parts_->whats.end(),
                     [&](const WhatPattern& one) { return one.matches(what, kind); });
}

bool Selector::asks_for(SiteKind kind) const {
  if (!parts_->has_what) {
    return parts_->negative || kind == SiteKind::kTag || kind == SiteKind::kOutput ||
           kind == SiteKind::kAttention;
  }
  return std::any_of(parts_->whats.begin(), parts_->whats.end(),
                     [kind](const WhatPattern& one) { return one.asks_for(kind); });
}

bool Selector::asks_only_for(SiteKind kind) const {
  if (!parts_->has_what || kind == SiteKind::kTag || kind == SiteKind::kLocal) return false;
  return std::all_of(parts_->whats.begin(), parts_->whats.end(),
                     [kind](const WhatPattern& one) { return one.kind() == kind; });
}

bool Selector::may_match_op(std::string_view op, SiteKind kind) const {
  if (!parts_->has_what) return asks_for(kind);
  return std::any_of(parts_->whats.begin(), parts_->whats.end(),
                     [&](const WhatPattern& one) { return one.may_match_op(op, kind); });
}

bool Selector::numbers_ops() const {
  return std::any_of(parts_->whats.begin(), parts_->whats.end(),
                     [](const WhatPattern& one) { return one.numbers_ops(); });
}

bool Selector::Parts::matches_path(std::string_view module_path) const {
  if (!regex) return path && path->matches(module_path);
  try {
    return regex->matches(module_path);
  } catch (const std::runtime_error& error) {
    throw SelectorError(
        fmt::format("selector \"{}\" is too complex for the path \"{}\" ({}): use a "
                    "simpler expression, or a glob",
                    text, module_path, error.what()));
  }
}

bool Selector::Parts::matches_type(const TypeNames& names) const {
  if (!type) return false;
  const std::vector<std::string>& spelled = type_has_namespace ? names.full : names.plain;
  return std::any_of(spelled.begin(), spelled.end(),
                     [this](const std::string& one) { return type->matches(one); });
}

}  // namespace anycapture
