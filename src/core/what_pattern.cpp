// SPDX-License-Identifier: MIT
#include "core/what_pattern.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

namespace anycapture {
namespace {

constexpr std::string_view kForward = "forward.";

bool starts_with(std::string_view text, std::string_view start) {
  return text.compare(0, start.size(), start) == 0;
}

bool is_number(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

// `attn[0]` -> `attn`, `0`; the index is empty when there is none.
struct Indexed {
  std::string_view stem;
  std::string_view index;
};

Indexed split_index(std::string_view text) {
  const std::size_t open = text.rfind('[');
  if (text.empty() || text.back() != ']' || open == std::string_view::npos) return {text, {}};
  const std::string_view index = text.substr(open + 1, text.size() - open - 2);
  if (index != "*" && !is_number(index)) return {text, {}};
  return {text.substr(0, open), index};
}

bool index_fits(std::string_view pattern, std::string_view index) {
  return pattern == "*" ? !index.empty() : pattern == index;
}

// What a tuple held is named by its position: `qkv.0` is a field of `qkv`.
std::string_view without_fields(std::string_view name) {
  for (std::size_t dot = name.rfind('.');
       dot != std::string_view::npos && dot > 0 && is_number(name.substr(dot + 1));
       dot = name.rfind('.')) {
    name = name.substr(0, dot);
  }
  return name;
}

SiteKind kind_of_component(std::string_view component) {
  if (component == "output") return SiteKind::kOutput;
  if (component == "input") return SiteKind::kInput;
  if (component == "attention") return SiteKind::kAttention;
  return SiteKind::kTag;
}

// What follows the first dot: `input.1` of `@matmul.input.1`.
std::string_view field_of_op(std::string_view stem) {
  return stem.substr(std::min(stem.find('.'), stem.size() - 1) + 1);
}

// As with types: a namespace and underscores are ignored unless they are written.
OpSpelling spelling_of(std::string_view op) {
  op = op.substr(0, op.find_first_of(".["));
  if (op.find("::") != std::string_view::npos) return OpSpelling::kNamespace;
  const bool underscores = !op.empty() && (op.front() == '_' || op.back() == '_');
  return underscores ? OpSpelling::kUnderscores : OpSpelling::kPlain;
}

SiteKind kind_of_op(std::string_view stem) {
  const std::string_view field = field_of_op(stem);
  return kind_of_component(field.substr(0, field.find('.'))) == SiteKind::kInput
             ? SiteKind::kOpInput
             : SiteKind::kOp;
}

// `output.0` and `encode.output` are outputs; `forward.output` is a local of that name.
SiteKind kind_of(std::string_view stem) {
  if (starts_with(stem, "@")) return kind_of_op(stem);
  const std::size_t dot = stem.find('.');
  const SiteKind kind = kind_of_component(stem.substr(0, dot));
  if (kind != SiteKind::kTag || dot == std::string_view::npos || starts_with(stem, kForward)) {
    return kind;
  }
  const std::string_view rest = stem.substr(dot + 1);
  return kind_of_component(rest.substr(0, rest.find('.')));
}

std::string stem_pattern(std::string_view stem, SiteKind kind) {
  if (kind == SiteKind::kTag) return std::string(stem);
  if (kind == SiteKind::kOp || kind == SiteKind::kOpInput) stem.remove_prefix(1);
  return "{" + std::string(stem) + "," + std::string(stem) + ".*}";  // with its fields
}

void check_op(std::string_view stem, PatternPlace place) {
  const std::string_view field = field_of_op(stem);
  if (kind_of_component(field.substr(0, field.find('.'))) != SiteKind::kOutput) return;
  const std::string_view name = stem.substr(0, stem.find('.'));
  throw_malformed(place.whole, place.offset,
                  fmt::format("an op's name alone stands for its result: write \"{0}\", \"{0}.0\" "
                              "for the first of several, \"{0}.input\" for what it took",
                              name));
}

void check_what(std::string_view what, PatternPlace place) {
  if (what.empty()) {
    throw_malformed(
        place.whole, place.offset,
        "nothing follows the \":\": write a name such as \"attn\", \"output\" or \"*\", "
        "or leave the \":\" out for tags, output and attention");
  }
  check_no_space(what, place);
  const std::size_t mark = what.find('#');
  if (mark != std::string_view::npos) {
    throw_malformed(place.whole, place.offset + mark,
                    "a selector chooses all calls of a site: leave the \"#\" and what follows out, "
                    "and read one call with calls()");
  }
}

}  // namespace

void check_no_space(std::string_view text, PatternPlace place) {
  if (text.empty() || std::isspace(static_cast<unsigned char>(text.front())) == 0) return;
  throw_malformed(place.whole, place.offset, "a space after the \":\": leave it out");
}

std::vector<WhatPattern> WhatPattern::parse(std::string_view what, PatternPlace place) {
  check_what(what, place);
  check_glob(what, place);
  std::vector<WhatPattern> patterns;
  for (const std::string& one : expand_braces(what, place)) {
    patterns.push_back(WhatPattern(one, place));
  }
  return patterns;
}

WhatPattern::WhatPattern(std::string_view text, PatternPlace place) : stem_(""), op_("") {
  const Indexed parts = split_index(text);
  const std::size_t bracket = parts.stem.find_first_of("[]");
  if (bracket != std::string_view::npos) {
    throw_malformed(place.whole, place.offset,
                    "after the \":\" brackets number the assignments of a variable, at the end: "
                    "write \"attn[0]\" or \"attn[*]\"; classes such as [a-c] are for module paths");
  }
  kind_ = kind_of(parts.stem);
  if (parts.stem.empty() || parts.stem == "@" || starts_with(parts.stem, "@.")) {
    throw_malformed(place.whole, place.offset,
                    "a name is missing: write one such as \"attn\", \"attn[0]\" or \"@softmax\"");
  }
  if (is_op()) check_op(parts.stem, place);
  if (!parts.index.empty() && kind_ != SiteKind::kTag && !is_op()) {
    throw_malformed(place.whole, place.offset,
                    "only variables and ops are numbered: write \"output.0\" for the first "
                    "field of a tuple, \"forward.output[0]\" for a variable of that name");
  }
  index_ = std::string(parts.index);
  dotted_ = parts.stem.find('.') != std::string_view::npos;
  forward_ = starts_with(parts.stem, kForward);
  if (is_op()) {
    const std::string_view op = parts.stem.substr(1);
    spelling_ = spelling_of(op);
    op_ = Glob(std::string(op.substr(0, op.find('.'))), place);
  }
  stem_ = Glob(stem_pattern(parts.stem, kind_), place);
}

bool WhatPattern::asks_for(SiteKind kind) const {
  return kind == kind_ || (kind == SiteKind::kLocal && kind_ == SiteKind::kTag);
}

bool WhatPattern::matches(std::string_view what, SiteKind kind) const {
  if (!asks_for(kind)) return false;
  if (kind == SiteKind::kTag || kind == SiteKind::kLocal) return matches_name(what);
  if (!is_op()) return stem_.matches(what);
  if (starts_with(what, "@")) what.remove_prefix(1);
  if (spelling_of(what) != spelling_) return false;
  const Indexed parts = split_index(what);
  return index_fits(index_, parts.index) && stem_.matches(parts.stem);
}

bool WhatPattern::may_match_op(std::string_view op, SiteKind kind) const {
  if (!is_op() || !asks_for(kind)) return false;
  op.remove_prefix(1);
  return spelling_of(op) == spelling_ && op_.matches(op);
}

bool WhatPattern::matches_name(std::string_view what) const {
  if (kind_ != SiteKind::kTag) return stem_.matches(what);
  const Indexed parts = split_index(what);
  if (!index_fits(index_, parts.index)) return false;
  const bool said = starts_with(parts.stem, kForward);
  const std::string_view name = said ? parts.stem.substr(kForward.size()) : parts.stem;
  const auto fits = [this](std::string_view text) {
    return stem_.matches(text) || stem_.matches(without_fields(text));
  };
  if (!forward_ && fits(name)) return true;
  if (!dotted_) return false;
  // A pattern that names a function is meant for the full name.
  const bool other_function = !said && without_fields(name).find('.') != std::string_view::npos;
  return fits(other_function ? std::string(name) : std::string(kForward) + std::string(name));
}

bool is_plain_op(std::string_view what) {
  return spelling_of(what.substr(1)) == OpSpelling::kPlain;
}

KeyGlob::KeyGlob(std::string_view text) {
  const std::size_t colon = find_separator(text);
  if (colon == std::string_view::npos) {
    globs_.push_back(Glob::over_paths(text, {text, 0}));
    return;
  }
  const Indexed what = split_index(text.substr(colon + 1));
  globs_.push_back(Glob::over_paths(text.substr(0, colon), {text, 0}));
  globs_.push_back(Glob(what.stem, {text, colon + 1}));
  index_ = std::string(what.index);
}

bool KeyGlob::matches(std::string_view key) const {
  const std::size_t colon = find_separator(key);
  const std::string_view path = key.substr(0, colon);
  if (globs_.size() == 1) return globs_[0].matches(key) || globs_[0].matches(path);
  if (colon == std::string_view::npos || !globs_[0].matches(path)) return false;
  const std::string_view what = key.substr(colon + 1);
  if (index_.empty()) return globs_[1].matches(what);
  const Indexed parts = split_index(what);
  return index_fits(index_, parts.index) && globs_[1].matches(parts.stem);
}

std::size_t find_separator(std::string_view text) {
  for (std::size_t end = text.size(); end > 0;) {
    const std::size_t last = text.rfind(':', end - 1);
    if (last == std::string_view::npos) return last;
    std::size_t first = last;
    while (first > 0 && text[first - 1] == ':') --first;
    if ((last - first) % 2 == 0) return last;
    end = first;
  }
  return std::string_view::npos;
}

}  // namespace anycapture
