// SPDX-License-Identifier: MIT
#include "core/glob.h"

#include <anycapture/error.h>

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "core/glob_text.h"
#include "core/utf8.h"

namespace anycapture {
namespace {

bool ends_with(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

bool starts_with(std::string_view text, std::string_view start) {
  return text.compare(0, start.size(), start) == 0;
}

}  // namespace

Glob::Glob(std::string_view pattern, PatternPlace place) {
  check_glob(pattern, place);
  for (const std::string& one : expand_braces(pattern, place)) {
    alternatives_.push_back(compile(one));
  }
}

Glob Glob::over_paths(std::string_view pattern, PatternPlace place) {
  Glob glob(pattern, place);
  for (const std::string& one : expand_braces(pattern, place)) {
    if (starts_with(one, "*.")) glob.alternatives_.push_back(compile(one.substr(2)));
  }
  return glob;
}

bool Glob::matches(std::string_view text) const {
  return std::any_of(alternatives_.begin(), alternatives_.end(),
                     [text](const Alternative& one) { return one.matches(text); });
}

Glob::Alternative Glob::compile(const std::string& pattern) {
  Alternative result;
  std::vector<Piece> pieces;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] == '*') {
      if (pieces.empty() || pieces.back().kind != Piece::kStar) pieces.push_back({Piece::kStar});
    } else if (pattern[i] == '?') {
      pieces.push_back({Piece::kAny});
    } else if (pattern[i] == '[') {
      const std::size_t end = glob_class_end(pattern, i);
      pieces.push_back({Piece::kClass, 0, result.classes.size()});
      result.classes.push_back(parse_glob_class(pattern.substr(i + 1, end - i - 1)));
      i = end;
    } else {
      pieces.push_back({Piece::kByte, pattern[i]});
    }
  }
  const auto is_byte = [](const Piece& piece) { return piece.kind == Piece::kByte; };
  const auto first = std::find_if_not(pieces.begin(), pieces.end(), is_byte);
  for (auto it = pieces.begin(); it != first; ++it) result.prefix += it->byte;
  if (first == pieces.end()) return result;
  const auto last = std::find_if_not(pieces.rbegin(), pieces.rend(), is_byte).base();
  for (auto it = last; it != pieces.end(); ++it) result.suffix += it->byte;
  result.middle.assign(first, last);
  return result;
}

bool Glob::Alternative::takes(const Piece& piece, const char*& at, const char* end) const {
  if (piece.kind == Piece::kByte) return *at == piece.byte && (++at, true);
  const char32_t code = next_code_point(at, end);
  if (piece.kind == Piece::kAny) return true;
  const GlobClass& set = classes[piece.index];
  const bool inside = std::any_of(set.ranges.begin(), set.ranges.end(), [code](const auto& range) {
    return range.first <= code && code <= range.second;
  });
  return inside != set.negated;
}

bool Glob::Alternative::matches(std::string_view text) const {
  if (middle.empty()) return text == prefix;
  if (text.size() < prefix.size() + suffix.size() || !starts_with(text, prefix) ||
      !ends_with(text, suffix)) {
    return false;
  }
  const char* at = text.data() + prefix.size();
  const char* const end = text.data() + text.size() - suffix.size();
  if (middle.size() == 1 && middle.front().kind == Piece::kStar) return true;
  // Only the last star needs to be tried again: an earlier one that took less would not help.
  std::size_t piece = 0;
  std::size_t star = middle.size();
  const char* retry = nullptr;
  while (true) {
    if (piece == middle.size() && at == end) return true;
    if (piece < middle.size() && middle[piece].kind == Piece::kStar) {
      star = piece++;
      retry = at;
      continue;
    }
    if (piece < middle.size()) {
      if (at == end) return false;
      if (takes(middle[piece], at, end)) {
        ++piece;
        continue;
      }
    }
    if (star == middle.size() || retry == end) return false;
    next_code_point(retry, end);
    at = retry;
    piece = star + 1;
  }
}

}  // namespace anycapture
