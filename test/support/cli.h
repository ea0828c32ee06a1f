// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <vector>

#include "support/program.h"

namespace support {

/// Runs the program `anycapture`.
inline Said anycapture(const std::vector<std::string>& arguments,
                       const std::string& redirect = "") {
  return run_program(ANYCAPTURE_PROGRAM, arguments, redirect);
}

/// Elements as a file holds them.
template <class T>
std::string bytes_of(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

}  // namespace support
