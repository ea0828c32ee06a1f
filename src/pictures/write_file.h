// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>

namespace anycapture {

/// Replaces a file whole, or leaves the old one: a temporary file in the same folder takes its
/// place once it is on disk. Throws FileError.
void write_whole_file(const std::string& path, std::string_view bytes);

}  // namespace anycapture
