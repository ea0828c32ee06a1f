// SPDX-License-Identifier: MIT
#include "cli/option_values.h"

#include <algorithm>

namespace anycapture {
namespace cli {
namespace {

constexpr const char* kLetters = "abcdefghijklmnopqrstuvwxyz0123456789";

std::vector<std::string> split(const std::string& text, char at) {
  return CLI::detail::split(text, at);
}

// Of CLI11's texts `{a,b}` and `value in {a->0,b->1} OR {0,1}`.
std::vector<std::string> members(const std::string& type) {
  const std::size_t open = type.find('{');
  const std::size_t close = type.find('}', open);
  if (close == std::string::npos) return {};
  std::vector<std::string> result = split(type.substr(open + 1, close - open - 1), ',');
  for (std::string& member : result) member.erase(std::min(member.find("->"), member.size()));
  return result;
}

// Of `a|b|c`, and of `N|a|b` those that stand for themselves.
std::vector<std::string> alternatives(const std::string& text) {
  if (text.find('|') == std::string::npos) return {};
  std::vector<std::string> result;
  for (const std::string& word : split(text, '|')) {
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

OptionValues values_of(const CLI::Option& option) {
  using Kind = OptionValues::Kind;
  const std::string type = option.get_type_name();
  const bool positional = option.get_positional();
  const std::string& text = option.get_option_text();  // stands in the help in place of the type
  const std::string name = positional ? option.get_name(true) : text.empty() ? type : text;
  OptionValues values;
  values.choices = members(type);
  if (values.choices.empty()) values.choices = alternatives(name);
  if (!values.choices.empty()) {
    values.kind = Kind::kChoices;
    return values;
  }
  if (name == "KEY" || name == "GLOB") {
    const bool one = name == "KEY" && option.get_expected_max() == 1;
    values.kind = one ? Kind::kTensors : Kind::kKeys;
    return values;
  }
  values.endings = endings_in(option.get_description());
  const bool file = name == "FILE" || type.find(":FILE") != std::string::npos ||
                    type.find(":PATH") != std::string::npos;
  if (positional || file || !values.endings.empty()) values.kind = Kind::kFiles;
  return values;
}

}  // namespace cli
}  // namespace anycapture
