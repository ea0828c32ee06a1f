// SPDX-License-Identifier: MIT
#include "cli/option_values.h"

#include <algorithm>
#include <sstream>

namespace anycapture {
namespace cli {
namespace {

constexpr const char* kLetters = "abcdefghijklmnopqrstuvwxyz0123456789";

// Of `a|b|c`, and of `N|a|b` those that stand for themselves.
std::vector<std::string> alternatives(const std::string& text) {
  if (text.find('|') == std::string::npos) return {};
  std::vector<std::string> result;
  std::istringstream words(text);
  for (std::string word; std::getline(words, word, '|');) {
    const bool is_word = word.find_first_not_of(std::string(kLetters) + "-_") == std::string::npos;
    if (is_word && !word.empty()) result.push_back(word);
  }
  return result;
}

// `.safetensors` and `.npz` in "A .safetensors or .npz file".
std::vector<std::string> endings_in(const std::string& description) {
  std::vector<std::string> result;
  for (std::size_t dot = description.find('.'); dot != std::string::npos;
       dot = description.find('.', dot + 1)) {
    const std::size_t end =
        std::min(description.find_first_not_of(kLetters, dot + 1), description.size());
    const bool alone = dot == 0 || description[dot - 1] == ' ' || description[dot - 1] == '(';
    const std::string ending = description.substr(dot, end - dot);
    if (!alone || ending.size() < 2) continue;
    if (std::find(result.begin(), result.end(), ending) == result.end()) result.push_back(ending);
  }
  return result;
}

}  // namespace

OptionValues values_of(const ArgumentInfo& argument) {
  using Kind = OptionValues::Kind;
  const bool positional = !argument.positional.empty();
  const std::string& name = positional ? argument.positional : argument.value;
  OptionValues values;
  values.choices = alternatives(argument.value);
  if (!values.choices.empty()) {
    values.kind = Kind::kChoices;
    return values;
  }
  if (name == "KEY" || name == "GLOB") {
    const bool one = name == "KEY" && argument.most_values == 1;
    values.kind = one ? Kind::kTensors : Kind::kKeys;
    return values;
  }
  values.endings = endings_in(argument.description);
  if (positional || name == "FILE" || !values.endings.empty()) values.kind = Kind::kFiles;
  return values;
}

}  // namespace cli
}  // namespace anycapture
