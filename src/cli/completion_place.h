// SPDX-License-Identifier: MIT
// Where on a command line a word stands.
#pragma once

#include <string>
#include <vector>

#include "cli/argument_info.h"

namespace anycapture {
namespace cli {

struct Place {
  std::vector<std::string> positionals;    ///< given before
  std::vector<const ArgumentInfo*> given;  ///< options before
  const ArgumentInfo* value_of = nullptr;  ///< the option whose value the word may be
  bool must_be_value = false;              ///< and nothing else
  bool after_dashes = false;               ///< behind `--`: no option
};

/// A word that names an option: `--dtype`, `-h`, `--dtype=f16`.
bool is_option(const std::string& word);
/// Nullptr if the command has none of this name.
const ArgumentInfo* option_named(const CommandInfo& command, const std::string& word);
/// The place behind these words.
Place place_after(const CommandInfo& command, const std::vector<std::string>& words);
/// Which positional comes next; nullptr if no more are taken.
const ArgumentInfo* next_positional(const CommandInfo& command, const Place& place);

}  // namespace cli
}  // namespace anycapture
