// SPDX-License-Identifier: MIT
// What values an option or a positional takes, as far as the text of its definition tells.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

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

/// By the validator, CLI::IsMember or CLI::CheckedTransformer; else by what the help calls it:
/// `a|b|c`; GLOB, or several KEY; one KEY, a tensor; FILE, CLI::ExistingFile, or endings such as
/// `.png` in the description. Any other positional is a file.
OptionValues values_of(const CLI::Option& option);

}  // namespace cli
}  // namespace anycapture
