// SPDX-License-Identifier: MIT
// Globs: `*` any text, `?` one character, `[0-5]`, `[!a]`, `{a,b}` (nestable). No escapes: `[*]` is
// the star itself.
#pragma once

#include <anycapture/api.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "core/glob_text.h"

namespace anycapture {

class ANYCAPTURE_API Glob {
 public:
  /// Throws SelectorError.
  explicit Glob(std::string_view pattern) : Glob(pattern, {pattern, 0}) {}
  Glob(std::string_view pattern, PatternPlace place);
  /// Over dotted paths: a leading `*.` may match nothing.
  static Glob over_paths(std::string_view pattern, PatternPlace place);

  /// The whole text must match. Takes at most pattern length x text length steps.
  bool matches(std::string_view text) const;

 private:
  struct Piece {
    enum Kind { kByte, kAny, kStar, kClass } kind;
    char byte = 0;
    std::size_t index = 0;  // of the class
  };
  // One of the texts that braces spell out: literal prefix, pieces, literal suffix.
  struct Alternative {
    std::string prefix;
    std::string suffix;
    std::vector<Piece> middle;          // empty: prefix is the whole pattern
    std::vector<std::string> segments;  // between stars, when the middle has nothing but both
    bool only_stars = false;
    std::size_t last_star = 0;  // in the middle; its size if there is none
    std::vector<GlobClass> classes;

    bool matches(std::string_view text) const;
    bool matches_segments(std::string_view text) const;
    bool matches_middle(std::string_view text) const;
    bool matches_tail(std::size_t piece, const char* at, const char* end) const;
    bool takes(const Piece& piece, const char*& at, const char* end) const;
  };

  static Alternative compile(const std::string& pattern);

  std::vector<Alternative> alternatives_;
};

}  // namespace anycapture
