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

// Start of the character in front of `end`. As in next_code_point(), a byte that is no valid UTF-8
// is one.
const char* previous_character(const char* begin, const char* end) {
  constexpr std::ptrdiff_t kLongest = 4;
  const char* start = end - 1;
  while (start > begin && end - start < kLongest &&
         (static_cast<unsigned char>(*start) & 0xC0) == 0x80) {
    --start;
  }
  const char* behind = start;
  next_code_point(behind, end);
  return behind == end ? start : end - 1;
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
  const auto star = std::find_if(result.middle.rbegin(), result.middle.rend(),
                                 [](const Piece& piece) { return piece.kind == Piece::kStar; });
  result.last_star = star == result.middle.rend()
                         ? result.middle.size()
                         : static_cast<std::size_t>(result.middle.rend() - star) - 1;
  result.only_stars = std::all_of(first, last, [](const Piece& piece) {
    return piece.kind == Piece::kByte || piece.kind == Piece::kStar;
  });
  for (auto it = first; it != last && result.only_stars; ++it) {
    if (it->kind == Piece::kByte) {
      result.segments.back() += it->byte;
    } else if (last - it > 1) {
      result.segments.emplace_back();
    }
  }
  return result;
}

bool Glob::Alternative::takes(const Piece& piece, const char*& at, const char* end) const {
  if (piece.kind == Piece::kByte) return *at == piece.byte && (++at, true);
  const char32_t code = static_cast<unsigned char>(*at) < 0x80 ? static_cast<unsigned char>(*at++)
                                                               : next_code_point(at, end);
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
  text = text.substr(prefix.size(), text.size() - prefix.size() - suffix.size());
  return only_stars ? matches_segments(text) : matches_middle(text);
}

// Stars around each: the first place where one is found is as good as any later one.
bool Glob::Alternative::matches_segments(std::string_view text) const {
  std::size_t at = 0;
  for (const std::string& segment : segments) {
    at = text.find(segment, at);
    if (at == std::string_view::npos) return false;
    at += segment.size();
  }
  return true;
}

// Without stars: each piece takes one character.
bool Glob::Alternative::matches_tail(std::size_t piece, const char* at, const char* end) const {
  for (; piece < middle.size(); ++piece) {
    if (at == end || !takes(middle[piece], at, end)) return false;
  }
  return at == end;
}

bool Glob::Alternative::matches_middle(std::string_view text) const {
  const char* at = text.data();
  const char* const end = at + text.size();
  if (last_star == middle.size()) return matches_tail(0, at, end);
  // Only the latest star needs to be tried again: an earlier one that took less would not help.
  std::size_t star = middle.size();
  const char* retry = nullptr;
  for (std::size_t piece = 0; piece != last_star;) {
    if (middle[piece].kind == Piece::kStar) {
      star = piece++;
      retry = at;
      continue;
    }
    if (at == end) return false;
    if (takes(middle[piece], at, end)) {
      ++piece;
      continue;
    }
    if (star == middle.size()) return false;
    next_code_point(retry, end);
    at = retry;
    piece = star + 1;
  }
  // What follows the last star can only stand at the end.
  const char* tail = end;
  for (std::size_t left = middle.size() - last_star - 1; left > 0; --left) {
    if (tail == at) return false;
    tail = previous_character(at, tail);
  }
  return matches_tail(last_star + 1, tail, end);
}

}  // namespace anycapture
