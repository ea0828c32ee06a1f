// SPDX-License-Identifier: MIT
#pragma once

#include <string_view>

namespace anycapture {
namespace viewer {

/// The page without its data: page/ joined by cmake/EmbedPage.cmake. `<!--title-->` and
/// `<!--data-->` mark what write_page() puts in.
std::string_view page_template();

}  // namespace viewer
}  // namespace anycapture
