// SPDX-License-Identifier: MIT
// What values an option or a positional takes, as far as the text of its definition tells.
#pragma once

#include <string>
#include <vector>

#include "cli/argument_info.h"

namespace anycapture {
namespace cli {

struct OptionValues {
  enum class Kind {
    kOther,  ///< numbers and free text
    kChoices,
    kKeys,     ///< of the command's first file
    kTensors,  ///< the same, and later calls on their own: `key#1`
    kFiles
  };

  Kind kind = Kind::kOther;
  std::vector<std::string> choices;
  std::vector<std::string> endings;  ///< of files that are meant: `.npz`; any if there is none
};

/// By what the help calls it: `a|b|c`; GLOB, or several KEY; one KEY, a tensor; FILE, or endings
/// such as `.png` in the description. Any other positional is a file.
OptionValues values_of(const ArgumentInfo& argument);

}  // namespace cli
}  // namespace anycapture
