// SPDX-License-Identifier: MIT
// What commands take, as plain data: for completion.
#pragma once

#include <string>
#include <vector>

namespace anycapture {
namespace cli {

/// An option, a flag or a positional.
struct ArgumentInfo {
  std::string positional;          ///< `FILE`; empty: it is none
  std::vector<std::string> names;  ///< `-o`, `--out`; none of a positional
  std::string value;               ///< what the help calls its value: `N`, `a|b`, or its type
  std::string description;
  int least_values = 0;               ///< words behind the name, or in the place of a positional
  int most_values = 0;                ///< 0: a flag
  bool repeats = false;               ///< may be given again
  std::vector<std::string> excludes;  ///< names of those that do not go with it
};

struct CommandInfo {
  std::string name;
  std::string description;
  std::vector<ArgumentInfo> arguments;
  std::vector<CommandInfo> commands;
};

}  // namespace cli
}  // namespace anycapture
