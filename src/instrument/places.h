// SPDX-License-Identifier: MIT
// Where a statement stands, and what stands in it.
#pragma once

#include "instrument/syntax.h"

namespace anycapture {
namespace instrument {

/// Among others, alone behind an `if` or `for`, or where no brace can go.
enum class Place { kBlock, kBranch, kOther };

Place place_of(const Node& statement);
/// Whether it is an `#if`, `#else` and the like, with what is in it.
bool is_preprocessor(const Node& node);
/// Whether it holds other statements, as an `if` does.
bool is_structure(const Node& statement);
/// Whether a part of a structure is a statement in it; its head otherwise.
bool is_body(const Node& part, const Node& structure);
/// Whether it stands in what a macro is given: its text may be made a string, or stand twice.
bool is_macro_argument(const Node& node);

}  // namespace instrument
}  // namespace anycapture
