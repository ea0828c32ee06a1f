// SPDX-License-Identifier: MIT
#include "exported/known_lines.h"

#include <algorithm>
#include <cctype>
#include <iterator>
#include <utility>
#include <vector>

#include "core/python_statements.h"
#include "exported/python_frames.h"

namespace anycapture {
namespace exported {
namespace {

struct Brackets {
  int depth = 0;           // how many a line leaves open
  int lowest = 0;          // how far that goes below what was open before it
  std::size_t first_open;  // where the first of them stands; the end of the code if there is none
  std::size_t code;        // how much of the line is no comment
};

Brackets brackets_of(const std::string& text) {
  Brackets all{0, 0, text.size(), text.size()};
  std::vector<std::size_t> open;
  char quote = 0;
  for (std::size_t i = 0; i < all.code; ++i) {
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
    if (c == '#') all.code = i;
    if (c == '(' || c == '[' || c == '{') {
      ++all.depth;
      open.push_back(i);
    }
    if (c == ')' || c == ']' || c == '}') {
      --all.depth;
      if (!open.empty()) open.pop_back();
    }
    all.lowest = std::min(all.lowest, all.depth);
  }
  all.first_open = open.empty() ? all.code : open.front();
  return all;
}

bool is_open(const std::string& text) {
  return brackets_of(text).depth > 0 || (!text.empty() && text.back() == '\\');
}

// Whether it goes on with what a bracket before it holds or called.
bool continues(const std::string& text) {
  if (text.empty()) return false;
  const char first = text.front();
  return std::string(".)]}+-/%|&^,@").find(first) != std::string::npos ||
         (first == '*' && text.compare(0, 2, "**") != 0);
}

// Whether it can be no statement of its own.
bool goes_on(const std::string& text) {
  if (text.empty()) return true;
  return brackets_of(text).lowest < 0 || continues(text) || text.back() == ',';
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

bool is_part_of_name(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '.';
}

// Where the dotted name begins that ends there.
std::size_t name_before(const std::string& text, std::size_t end) {
  while (end > 0 && is_part_of_name(text[end - 1])) --end;
  return end;
}

// `cat` of `y = torch.cat([x,`.
std::string open_callee(const std::string& text) {
  const std::size_t open = brackets_of(text).first_open;
  const std::size_t begin = name_before(text, open);
  const std::string name = text.substr(begin, open - begin);
  return name.substr(name.rfind('.') + 1);
}

// Whether nothing of some code makes nodes, by what stands in it: calls, subscripts and operators.
bool is_plain(const std::string& code) {
  for (std::size_t i = 0; i < code.size(); ++i) {
    const char before = i == 0 ? ' ' : code[i - 1], after = i + 1 < code.size() ? code[i + 1] : ' ';
    const bool calls = (code[i] == '(' || code[i] == '[') &&
                       (is_part_of_name(before) || before == ')' || before == ']');
    const bool negative = code[i] == '-' && std::isdigit(static_cast<unsigned char>(after)) != 0;
    const bool computes = std::string("+-*/@%&|^<>~").find(code[i]) != std::string::npos;
    if (calls || (computes && !negative)) return false;
  }
  return true;
}

// Whether nothing of it makes nodes but the call that it leaves open: `y = torch.cat([x, 1],`.
bool is_lone_call(const std::string& text) {
  const auto [depth, lowest, open, code] = brackets_of(text);
  if (depth <= 0 || text[open] != '(' || open_callee(text).empty()) return false;
  const std::string before = text.substr(0, name_before(text, open));
  const std::size_t last = before.find_last_not_of(' ');
  const bool begins = last == std::string::npos;
  const bool assigns = !begins && last > 0 && before[last] == '=' &&
                       std::string("=!").find(before[last - 1]) == std::string::npos;
  return (begins || assigns) && before.find_first_of("([{") == std::string::npos &&
         is_plain(before) && is_plain(text.substr(open + 1, code - open - 1));
}

// `proj` of the call of a module or a function.
std::string name_of_call(const std::string& call) {
  const std::string path = without_call_number(call.substr(0, call.find(' ')));
  return path.substr(path.find_last_of("./") + 1);
}

}  // namespace

void KnownLines::add(const Graph& graph) {
  for (const Node& node : graph.nodes) {
    for (PythonLine& line : python_lines(node.stack_trace))
      files_[line.file][line.line].text = std::move(line.text);
    add_run(node);
    each_graph(node, [this](const Graph& inner) { add(inner); });
  }
}

void KnownLines::add_run(const Node& node) {
  ++nodes_;
  for (const PythonFrame& frame : python_frames(node)) {
    const std::size_t call = calls_.emplace(frame.instance, calls_.size()).first->second;
    auto& runs = files_[frame.line.file][frame.line.line].runs;
    Run& run = runs.emplace(call, Run{nodes_, nodes_, ""}).first->second;
    run.last = nodes_;
    run.last_did = frame.inner.empty() ? name_of_op(node) : name_of_call(frame.inner);
  }
}

const std::string& KnownLines::text(const std::string& file, std::size_t line) const {
  static const std::string kNone;
  const auto found = files_.find(file);
  if (found == files_.end()) return kNone;
  const auto known = found->second.find(line);
  return known == found->second.end() ? kNone : known->second.text;
}

// Whether a line stands in the brackets that one before it, by all that is known, left open. Lines
// that close them have no nodes and are not known; but arguments run before the call that they are
// of.
KnownLines::Place KnownLines::place_of(Lines::const_iterator opener, Lines::const_iterator line) {
  const auto between = static_cast<std::size_t>(std::distance(opener, line));
  const bool all_known = between == line->first - opener->first;
  if (all_known || continues(line->second.text)) return Place::inside;
  const auto together =
      std::find_if(line->second.runs.begin(), line->second.runs.end(),
                   [&](const auto& one) { return opener->second.runs.count(one.first) != 0; });
  if (together == line->second.runs.end()) return Place::outside;
  const Run& inner = together->second;
  const Run& outer = opener->second.runs.at(together->first);
  const std::string& text = opener->second.text;
  if (is_lone_call(text)) return inner.first < outer.first ? Place::inside : Place::outside;
  const bool has_run = outer.last_did == open_callee(text) && outer.last < inner.first;
  if (has_run || begins_statement(line->second.text)) return Place::outside;
  return inner.last < outer.last ? Place::inside : Place::unsure;
}

KnownLines::Statement KnownLines::statement_of(const std::string& file, std::size_t line) const {
  constexpr std::size_t kLongest = 40;  // lines of a statement
  const auto found = files_.find(file);
  if (found == files_.end()) return {};
  auto at = found->second.find(line);
  if (at == found->second.end()) return {};
  bool sure = true;
  // Up to the line that left brackets open which this one stands in.
  auto before = at;
  while (before != found->second.begin()) {
    --before;
    const std::string& text = before->second.text;
    if (at->first - before->first > kLongest) break;
    if (!is_open(text)) {
      if (goes_on(text)) continue;
      break;
    }
    int depth = 0;
    for (auto one = before; one != at; ++one) depth += brackets_of(one->second.text).depth;
    if (depth <= 0 && text.back() != '\\') break;
    const Place place = place_of(before, at);
    if (place == Place::outside) break;
    sure = sure && place == Place::inside;
    at = before;
  }
  return {at->first, sure};
}

}  // namespace exported
}  // namespace anycapture
