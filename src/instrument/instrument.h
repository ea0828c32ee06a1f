// SPDX-License-Identifier: MIT
// A copy of a C++ source in which each assignment to a tensor is followed by the variable's name.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "instrument/body.h"
#include "instrument/declarations.h"
#include "instrument/syntax.h"

namespace anycapture {
namespace instrument {

/// What is done to one source.
Rewriting instrument(const Tree& tree, const Declarations& declarations);

/// The source with the insertions, in order. The first line is a `#line` that names `path`; with
/// `needs_header` the header that instrumented code needs is included behind the source's own.
/// Lines stay, and columns in front of an insertion.
std::string rewritten(const Tree& tree, std::vector<Insertion> insertions, std::string_view path,
                      bool needs_header);

}  // namespace instrument
}  // namespace anycapture
