// SPDX-License-Identifier: MIT
#include "support/data.h"

namespace support {

std::string data(const std::string& name) {
  return ANYCAPTURE_TEST_DATA "/" + name;
}

}  // namespace support
