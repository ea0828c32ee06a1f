// SPDX-License-Identifier: MIT
// What is inserted into one function.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "instrument/declarations.h"
#include "instrument/functions.h"

namespace anycapture {
namespace instrument {

struct Insertion {
  std::size_t offset;  ///< in the source; those at one offset keep their order
  std::string text;
  std::size_t removed = 0;  ///< bytes that it takes the place of
};

/// A place where a tensor, if it is one, is named.
struct Tagged {
  std::size_t line;
  std::string function;  ///< `AttentionImpl::forward`
  std::string name;      ///< `attn[0]`; `x` of a parameter; `return`
  std::string kind;      ///< `declaration`
  bool operator==(const Tagged& other) const {
    return line == other.line && name == other.name && kind == other.kind;
  }
};

/// What stays as it was.
struct LeftAlone {
  std::size_t line;
  std::string function;
  std::string text;  ///< how it begins
  std::string why;
  bool expected = false;  ///< nobody is told unless they ask: a constructor
};

struct Rewriting {
  std::vector<Insertion> insertions;
  std::vector<Tagged> tagged;
  std::vector<LeftAlone> left_alone;
};

/// Of a function that can be instrumented.
Rewriting rewrite(const Function& function, const Declarations& declarations);

}  // namespace instrument
}  // namespace anycapture
