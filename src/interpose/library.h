// SPDX-License-Identifier: MIT
// The shared libraries of this process, as the loader sees them.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace anycapture {
namespace interpose {

struct Library {
  std::string path;
  std::string build_id;   ///< in hexadecimal digits; empty where it was linked without one
  std::size_t place = 0;  ///< in the order in which the loader searches
};

/// The one in which an address lies.
Library library_with(const void* address);

/// Those whose file's name begins so.
std::vector<Library> libraries_named(const std::string& name);

std::string file_name(const std::string& path);

}  // namespace interpose
}  // namespace anycapture
