// SPDX-License-Identifier: MIT
#include "cli/completion_place.h"

#include <algorithm>

namespace anycapture {
namespace cli {
namespace {

// Behind the option's name: at `=`, at the value of `-oVALUE`, or at the word's end.
std::size_t name_end(const std::string& word) {
  return word[1] == '-' ? std::min(word.find('='), word.size()) : 2;
}

}  // namespace

bool is_option(const std::string& word) {
  return word.size() > 1 && word[0] == '-';
}

const ArgumentInfo* option_named(const CommandInfo& command, const std::string& word) {
  const std::string name = word.substr(0, name_end(word));
  for (const ArgumentInfo& argument : command.arguments) {
    const std::vector<std::string>& names = argument.names;
    if (std::find(names.begin(), names.end(), name) != names.end()) return &argument;
  }
  return nullptr;
}

Place place_after(const CommandInfo& command, const std::vector<std::string>& words) {
  Place place;
  int values = 0;  // of value_of
  for (const std::string& word : words) {
    const bool can_be_option = is_option(word) && !place.after_dashes;
    if (place.value_of != nullptr && (place.must_be_value || !can_be_option)) {
      ++values;
      place.must_be_value = values < place.value_of->least_values;
      if (values >= place.value_of->most_values) place.value_of = nullptr;
      continue;
    }
    place.value_of = nullptr;
    if (!can_be_option) {
      place.positionals.push_back(word);
    } else if (word == "--") {
      place.after_dashes = true;
    } else if (const ArgumentInfo* option = option_named(command, word)) {
      place.given.push_back(option);
      if (name_end(word) < word.size() || option->most_values == 0) continue;
      values = 0;
      place.value_of = option;
      place.must_be_value = option->least_values > 0;
    }
  }
  return place;
}

const ArgumentInfo* next_positional(const CommandInfo& command, const Place& place) {
  int left = static_cast<int>(place.positionals.size());
  for (const ArgumentInfo& argument : command.arguments) {
    if (argument.positional.empty()) continue;
    if (left < argument.most_values) return &argument;
    left -= argument.most_values;
  }
  return nullptr;
}

}  // namespace cli
}  // namespace anycapture
