// SPDX-License-Identifier: MIT
// Where the words of a printed array stand: brackets, line breaks, and what is left out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace anycapture {

/// Indices of the elements that are shown, in order. The array must have elements.
std::vector<std::uint64_t> shown_elements(const std::vector<std::int64_t>& shape);

/// `words` are those of the shown elements.
std::string lay_out(const std::vector<std::int64_t>& shape, const std::vector<std::string>& words);

}  // namespace anycapture
