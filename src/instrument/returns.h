// SPDX-License-Identifier: MIT
// How a return statement tells what it returns, without changing what that is.
#pragma once

#include <string>
#include <vector>

#include "instrument/body.h"
#include "instrument/functions.h"

namespace anycapture {
namespace instrument {

struct Return {
  std::vector<Insertion> insertions;  ///< none: it stays as it is
  bool needs_braces = false;          ///< a statement comes in front of it
  bool names_value = false;
  std::string left_alone;  ///< why; empty where it tells, or returns no tensor
};

Return how_to_return(const Node& statement, const Function& function);

}  // namespace instrument
}  // namespace anycapture
