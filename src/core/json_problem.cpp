// SPDX-License-Identifier: MIT
#include "core/json_problem.h"

#include <algorithm>

namespace anycapture {

std::string json_problem(std::string what) {
  const auto drop = [&what](const char* up_to) {
    const std::size_t at = what.find(up_to);
    if (at != std::string::npos) what.erase(0, at + std::string(up_to).size());
  };
  // `[json.exception.parse_error.101] parse error at line 1, column 1: syntax error ...`
  drop("] ");
  if (what.rfind("parse error", 0) == 0) drop(": ");
  for (const char* read : {"; last read: '", " parsing '"}) {
    what.erase(std::min(what.find(read), what.size()));
  }
  return what;
}

bool is_json_deeper(std::string_view text, int deepest) {
  int depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '"') in_string = !in_string;
    if (text[i] == '\\') ++i;
    if (in_string || i >= text.size()) continue;
    if (text[i] == '{' || text[i] == '[') ++depth;
    if (text[i] == '}' || text[i] == ']') --depth;
    if (depth > deepest) return true;
  }
  return false;
}

}  // namespace anycapture
