// SPDX-License-Identifier: MIT
#include "core/glob_text.h"

#include <anycapture/error.h>

#include <fmt/format.h>

#include <algorithm>

#include "core/utf8.h"

namespace anycapture {
namespace {

constexpr std::size_t kMaxAlternatives = 1024;
constexpr std::size_t kMaxDepth = 32;
constexpr std::size_t kMaxLength = 4096;

// Offset behind the item at `at`: a class counts as one.
std::size_t behind(std::string_view pattern, std::size_t at) {
  return pattern[at] == '[' ? glob_class_end(pattern, at) + 1 : at + 1;
}

void check_class(std::string_view pattern, std::size_t start, PatternPlace place) {
  const std::size_t end = glob_class_end(pattern, start);
  const std::size_t at = place.offset + start;
  if (end == std::string_view::npos) {
    throw_malformed(place.whole, at,
                    "the \"[\" has no \"]\": write a class such as [0-5] or [!a], or [[] for the "
                    "character itself");
  }
  const std::string_view inside = pattern.substr(start + 1, end - start - 1);
  const GlobClass set = parse_glob_class(inside);
  const bool upside_down = std::any_of(set.ranges.begin(), set.ranges.end(), [](const auto& range) {
    return range.first > range.second;
  });
  if (upside_down) {
    throw_malformed(
        place.whole, at,
        fmt::format("the range in \"[{}]\" is upside down: write the smaller end first", inside));
  }
}

std::size_t matching_brace(std::string_view pattern, std::size_t open) {
  std::size_t depth = 0;
  for (std::size_t i = open; i < pattern.size(); i = behind(pattern, i)) {
    if (pattern[i] == '{') ++depth;
    if (pattern[i] == '}' && --depth == 0) return i;
  }
  return std::string_view::npos;
}

std::vector<std::string_view> split_alternatives(std::string_view inside) {
  std::vector<std::string_view> parts;
  std::size_t depth = 0;
  std::size_t start = 0;
  for (std::size_t i = 0; i < inside.size(); i = behind(inside, i)) {
    if (inside[i] == '{') ++depth;
    if (inside[i] == '}') --depth;
    if (inside[i] == ',' && depth == 0) {
      parts.push_back(inside.substr(start, i - start));
      start = i + 1;
    }
  }
  parts.push_back(inside.substr(start));
  return parts;
}

}  // namespace

void throw_malformed(std::string_view whole, std::size_t at, const std::string& problem) {
  throw SelectorError(fmt::format("selector \"{}\", character {}: {}", whole,
                                  count_characters(whole.substr(0, at)) + 1, problem));
}

std::size_t glob_class_end(std::string_view pattern, std::size_t start) {
  std::size_t from = start + 1;
  if (from < pattern.size() && (pattern[from] == '!' || pattern[from] == '^')) ++from;
  return pattern.find(']', from + 1);  // a `]` in first place is a member
}

GlobClass parse_glob_class(std::string_view inside) {
  GlobClass set;
  const char* at = inside.data();
  const char* const end = at + inside.size();
  if (at < end && (*at == '!' || *at == '^')) {
    set.negated = true;
    ++at;
  }
  while (at < end) {
    const char32_t first = next_code_point(at, end);
    char32_t last = first;
    if (end - at >= 2 && *at == '-') {
      ++at;
      last = next_code_point(at, end);
    }
    set.ranges.emplace_back(first, last);
  }
  return set;
}

bool has_wildcard(std::string_view text) {
  return text.find_first_of("*?[{") != std::string_view::npos;
}

void check_glob(std::string_view pattern, PatternPlace place) {
  if (pattern.size() > kMaxLength) {
    throw_malformed(place.whole, place.offset,
                    fmt::format("a glob of {} bytes; the longest is {}: use several selectors",
                                pattern.size(), kMaxLength));
  }
  std::vector<std::size_t> open;
  for (std::size_t i = 0; i < pattern.size(); i = behind(pattern, i)) {
    const std::size_t at = place.offset + i;
    if (pattern[i] == '[') {
      check_class(pattern, i, place);
    } else if (pattern[i] == ']') {
      throw_malformed(place.whole, at,
                      "the \"]\" has no \"[\": write a class such as [0-5], or []] for the "
                      "character itself");
    } else if (pattern[i] == '{') {
      open.push_back(i);
      if (open.size() > kMaxDepth) {
        throw_malformed(place.whole, at, "braces are nested more than 32 deep: write it flat");
      }
    } else if (pattern[i] == '}') {
      if (open.empty()) {
        throw_malformed(place.whole, at,
                        "the \"}\" has no \"{\": write alternatives such as {0,11}, or [}] for the "
                        "character itself");
      }
      open.pop_back();
    }
  }
  if (open.empty()) return;
  throw_malformed(place.whole, place.offset + open.back(),
                  "the \"{\" has no \"}\": write alternatives such as {0,11}, or [{] for the "
                  "character itself");
}

std::vector<std::string> expand_braces(std::string_view pattern, PatternPlace place) {
  std::size_t open = 0;
  while (open < pattern.size() && pattern[open] != '{') open = behind(pattern, open);
  if (open >= pattern.size()) return {std::string(pattern)};
  const std::size_t close = matching_brace(pattern, open);
  const std::vector<std::string> tails = expand_braces(pattern.substr(close + 1), place);
  std::vector<std::string> result;
  for (std::string_view part : split_alternatives(pattern.substr(open + 1, close - open - 1))) {
    for (const std::string& middle : expand_braces(part, place)) {
      for (const std::string& tail : tails) {
        if (result.size() == kMaxAlternatives) {
          throw_malformed(
              place.whole, place.offset,
              "its braces spell out more than 1024 alternatives: use \"*\" or \"re:/.../\"");
        }
        result.emplace_back(pattern.substr(0, open)).append(middle).append(tail);
      }
    }
  }
  return result;
}

}  // namespace anycapture
