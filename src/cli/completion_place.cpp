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

// So many words behind the option's name are its values at most; a list may take but one each time.
int most_values(const CLI::Option& option) {
  const int most = option.get_items_expected_max();
  const bool unlimited = most >= CLI::detail::expected_max_vector_size / 16;
  return unlimited && !option.get_allow_extra_args() ? option.get_items_expected_min() : most;
}

}  // namespace

bool is_option(const std::string& word) {
  return word.size() > 1 && word[0] == '-';
}

const CLI::Option* option_named(const CLI::App& command, const std::string& word) {
  return command.get_option_no_throw(word.substr(0, name_end(word)));
}

Place place_after(const CLI::App& command, const std::vector<std::string>& words) {
  Place place;
  int values = 0;  // of value_of
  for (const std::string& word : words) {
    const bool can_be_option = is_option(word) && !place.after_dashes;
    if (place.value_of != nullptr && (place.must_be_value || !can_be_option)) {
      ++values;
      place.must_be_value = values < place.value_of->get_items_expected_min();
      if (values >= most_values(*place.value_of)) place.value_of = nullptr;
      continue;
    }
    place.value_of = nullptr;
    if (!can_be_option) {
      place.positionals.push_back(word);
    } else if (word == "--") {
      place.after_dashes = true;
    } else if (const CLI::Option* option = option_named(command, word)) {
      place.given.push_back(option);
      if (name_end(word) < word.size() || option->get_items_expected_max() == 0) continue;
      values = 0;
      place.value_of = option;
      place.must_be_value = option->get_items_expected_min() > 0;
    }
  }
  return place;
}

const CLI::Option* next_positional(const CLI::App& command, const Place& place) {
  int left = static_cast<int>(place.positionals.size());
  for (const CLI::Option* option : command.get_options()) {
    if (!option->get_positional()) continue;
    if (left < option->get_items_expected_max()) return option;
    left -= option->get_items_expected_max();
  }
  return nullptr;
}

}  // namespace cli
}  // namespace anycapture
