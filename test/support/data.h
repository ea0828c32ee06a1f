// SPDX-License-Identifier: MIT
// Where the committed files of test/data are.
#pragma once

#include <string>

namespace support {

/// The path of test/data/NAME. Compiled apart, so that no other object holds a path of one clone.
std::string data(const std::string& name);

}  // namespace support
