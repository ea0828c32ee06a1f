// SPDX-License-Identifier: MIT
#include "exported/known_lines.h"

#include <algorithm>
#include <utility>

#include "core/python_statements.h"
#include "exported/metadata.h"

namespace anycapture {
namespace exported {
namespace {

// How many brackets a line leaves open; `lowest`: how far it goes below what was open before it.
int balance_of(const std::string& text, int& lowest) {
  int depth = 0;
  lowest = 0;
  char quote = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quote != 0) {
      if (c == '\\') {
        ++i;
      } else if (c == quote) {
        quote = 0;
      }
      continue;
    }
    if (c == '\'' || c == '"') quote = c;
    if (c == '#') break;
    if (c == '(' || c == '[' || c == '{') ++depth;
    if (c == ')' || c == ']' || c == '}') --depth;
    lowest = std::min(lowest, depth);
  }
  return depth;
}

bool is_open(const std::string& text) {
  int lowest = 0;
  return balance_of(text, lowest) > 0 || (!text.empty() && text.back() == '\\');
}

// Whether it can be no statement of its own.
bool goes_on(const std::string& text) {
  if (text.empty()) return true;
  int lowest = 0;
  balance_of(text, lowest);
  const char first = text.front(), last = text.back();
  const bool begins = std::string(".)]}+-/%|&^,").find(first) != std::string::npos ||
                      (first == '*' && text.compare(0, 2, "**") != 0) || first == '@';
  return lowest < 0 || begins || last == ',';
}

// Whether it is one, whatever brackets lines before it may have left open: PEP 8 writes keyword
// arguments without spaces.
bool begins_statement(const std::string& text) {
  if (text.compare(0, 7, "return ") == 0) return true;
  const std::size_t equals = text.find("= ");
  if (equals == std::string::npos || equals == 0) return false;
  const std::size_t before = text.find_last_not_of("+-*/@%&|^<>", equals - 1);
  const bool spaced = before != std::string::npos && text[before] == ' ';
  const auto statements = python::statements_of(text);
  return spaced && !statements.empty() && !statements.front().targets.empty();
}

}  // namespace

void KnownLines::add(const Graph& graph) {
  for (const Node& node : graph.nodes) {
    for (PythonLine& line : python_lines(node.stack_trace))
      files_[line.file].emplace(line.line, std::move(line.text));
    each_graph(node, [this](const Graph& inner) { add(inner); });
  }
}

const std::string& KnownLines::text(const std::string& file, std::size_t line) const {
  static const std::string kNone;
  const auto found = files_.find(file);
  if (found == files_.end()) return kNone;
  const auto known = found->second.find(line);
  return known == found->second.end() ? kNone : known->second;
}

std::size_t KnownLines::statement_of(const std::string& file, std::size_t line) const {
  constexpr std::size_t kLongest = 40;  // lines of a statement
  const auto found = files_.find(file);
  if (found == files_.end()) return 0;
  auto at = found->second.find(line);
  if (at == found->second.end()) return 0;
  if (begins_statement(at->second)) return line;
  // Up to the line that left brackets open which this one stands in.
  auto before = at;
  while (before != found->second.begin()) {
    --before;
    if (line - before->first > kLongest) break;
    if (!is_open(before->second)) {
      if (goes_on(before->second)) continue;
      break;
    }
    int lowest = 0, depth = 0;
    for (auto one = before; one != at; ++one) depth += balance_of(one->second, lowest);
    if (depth <= 0 && before->second.back() != '\\') break;
    at = before;
    line = before->first;
  }
  return at->first;
}

}  // namespace exported
}  // namespace anycapture
