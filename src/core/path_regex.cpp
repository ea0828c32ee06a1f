// SPDX-License-Identifier: MIT
#include "core/path_regex.h"

#include <regex>

namespace anycapture {

struct PathRegex::Compiled {
  std::regex regex;
};

PathRegex::PathRegex(const std::string& text)
    : compiled_(std::make_shared<Compiled>(
          Compiled{std::regex(text, std::regex::ECMAScript | std::regex::optimize)})) {}

bool PathRegex::matches(std::string_view path) const {
  return std::regex_match(path.begin(), path.end(), compiled_->regex);
}

}  // namespace anycapture
