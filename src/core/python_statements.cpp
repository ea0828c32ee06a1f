// SPDX-License-Identifier: MIT
#include "core/python_statements.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

namespace anycapture {
namespace python {
namespace {

bool is_name_start(char c) {
  return std::isalpha(static_cast<unsigned char>(c)) != 0 || c == '_' || (c & 0x80) != 0;
}

bool is_name_part(char c) {
  return is_name_start(c) || std::isdigit(static_cast<unsigned char>(c)) != 0;
}

bool is_name(std::string_view text) {
  return !text.empty() && is_name_start(text[0]) &&
         std::all_of(text.begin(), text.end(), is_name_part);
}

std::string_view trimmed(std::string_view text) {
  const char* const kSpace = " \t\r\n\f\\";
  const std::size_t first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

// `x`, or `self.mask`.
bool is_alias(std::string_view value) {
  constexpr std::string_view kSelf = "self.";
  if (value.substr(0, kSelf.size()) == kSelf) return is_name(value.substr(kSelf.size()));
  return is_name(value) && value != "None" && value != "True" && value != "False";
}

// Walks over code: strings and comments are stepped over whole, and brackets are counted.
class Walk {
 public:
  Walk(std::string_view text, std::size_t at) : text_(text), at_(at) {}

  bool done() const { return at_ >= text_.size(); }
  std::size_t at() const { return at_; }
  char here() const { return text_[at_]; }
  bool outside() const { return depth_ == 0; }  // of all brackets

  void step() {
    const char c = here();
    if (c == '#') {
      at_ = std::min(text_.find('\n', at_), text_.size());
    } else if (c == '"' || c == '\'') {
      skip_string(c);
    } else if (c == '\\') {
      const bool crlf = text_.compare(at_ + 1, 2, "\r\n") == 0;
      at_ += crlf ? 3 : 2;
    } else {
      if (c == '(' || c == '[' || c == '{') ++depth_;
      if ((c == ')' || c == ']' || c == '}') && depth_ > 0) --depth_;
      ++at_;
    }
  }

 private:
  void skip_string(char quote) {
    const std::string three(3, quote);
    const bool is_long = text_.compare(at_, 3, three) == 0;
    at_ += is_long ? 3 : 1;
    while (!done()) {
      if (here() == '\\') {
        at_ += 2;
      } else if (is_long ? text_.compare(at_, 3, three) == 0 : here() == quote) {
        at_ += is_long ? 3 : 1;
        return;
      } else if (!is_long && here() == '\n') {
        return;  // no string after all
      } else {
        ++at_;
      }
    }
  }

  std::string_view text_;
  std::size_t at_;
  int depth_ = 0;
};

// Offset of the first place outside of brackets where `found` holds; the end if there is none.
template <class Found>
std::size_t find_outside(std::string_view text, std::size_t from, std::size_t to, Found found) {
  Walk walk(text.substr(0, to), from);
  while (!walk.done()) {
    if (walk.outside() && found(walk.at())) return walk.at();
    walk.step();
  }
  return to;
}

// `a, b`, `(a, b)`, `[a]`, `{...}`, `(f(a) for a in b)`, `dict(a=b)`; of text that is cut short
// too.
bool is_display(std::string_view value) {
  for (const std::string_view type : {"dict(", "list(", "map(", "set(", "tuple(", "zip("}) {
    if (value.substr(0, type.size()) == type && value.back() == ')') return true;
  }
  const auto place_of = [](std::string_view text, char wanted) {
    return find_outside(text, 0, text.size(), [&](std::size_t i) { return text[i] == wanted; });
  };
  if (place_of(value, ',') < value.size()) return true;
  constexpr std::string_view kOpen = "[{(", kClose = "]})";
  const std::size_t bracket = value.empty() ? kOpen.npos : kOpen.find(value.front());
  if (bracket == kOpen.npos) return false;
  const std::string_view inside = value.substr(1);
  const std::size_t close = place_of(inside, kClose[bracket]);
  const bool whole = close + 1 >= inside.size();  // `[a][0]` is none
  if (!whole || value.front() != '(') return whole;
  const std::string_view content = inside.substr(0, close);
  const std::size_t loop = find_outside(
      content, 0, close, [&](std::size_t i) { return content.substr(i, 5) == " for "; });
  return place_of(content, ',') < close || loop < close;
}

std::vector<std::string> names_in(std::string_view target) {
  target = trimmed(target);
  if (!target.empty() && (target.front() == '(' || target.front() == '[')) {
    target = target.substr(1, target.size() - std::min<std::size_t>(2, target.size()));
  }
  std::vector<std::string> names;
  for (std::size_t at = 0; at < target.size();) {
    const std::size_t comma =
        find_outside(target, at, target.size(), [&](std::size_t i) { return target[i] == ','; });
    std::string_view part = trimmed(target.substr(at, comma - at));
    if (!part.empty() && part.front() == '*') part.remove_prefix(1);
    if (!part.empty()) names.emplace_back(is_name(part) ? part : std::string_view());
    at = comma + 1;
  }
  return names;
}

// Of what ends in `)`: the name in front of the bracket that this closes, and what is inside.
std::pair<std::string_view, std::string_view> last_call(std::string_view value) {
  std::size_t open = value.size();
  for (Walk walk(value, 0); !walk.done(); walk.step()) {
    if (walk.outside() && walk.here() == '(') open = walk.at();
  }
  std::size_t name = open;
  while (name > 0 && is_name_part(value[name - 1])) --name;
  return {value.substr(name, open - name), value.substr(std::min(open + 1, value.size()))};
}

class Parser {
 public:
  explicit Parser(std::string_view source) : source_(source) {}

  std::vector<Statement> parse() {
    for (std::size_t at = 0; at < source_.size();) {
      const std::size_t end = find_outside(source_, at, source_.size(),
                                           [&](std::size_t i) { return source_[i] == '\n'; });
      logical_line(at, end);
      at = end + 1;
    }
    return std::move(statements_);
  }

 private:
  static bool is_compound(std::string_view word) {
    static constexpr std::array kWords{"if",  "elif", "else",  "for",   "while",  "with",
                                       "try", "def",  "class", "async", "except", "finally"};
    return std::find(kWords.begin(), kWords.end(), word) != kWords.end();
  }

  void logical_line(std::size_t begin, std::size_t end) {
    std::size_t first = begin;
    int indent = 0;
    while (first < end && (source_[first] == ' ' || source_[first] == '\t')) {
      indent += source_[first] == '\t' ? 8 - indent % 8 : 1;
      ++first;
    }
    if (trimmed(source_.substr(first, end - first)).empty()) return;
    if (source_[first] == '#' || source_[first] == '@') return;  // a decorator is no statement
    while (!open_.empty() && open_.back().indent >= indent) open_.pop_back();
    statement(first, end, indent);
  }

  void statement(std::size_t begin, std::size_t end, int indent) {
    std::size_t word = begin;
    while (word < end && is_name_part(source_[word])) ++word;
    const std::string keyword(source_.substr(begin, word - begin));
    if (is_compound(keyword)) {
      const std::size_t colon =
          find_outside(source_, begin, end, [&](std::size_t i) { return source_[i] == ':'; });
      add(begin, colon, keyword);
      open_.push_back({indent, static_cast<int>(statements_.size()) - 1});
      simple_statements(colon + 1, end);
    } else {
      simple_statements(begin, end);
    }
  }

  void simple_statements(std::size_t begin, std::size_t end) {
    while (begin < end) {
      const std::size_t stop =
          find_outside(source_, begin, end, [&](std::size_t i) { return source_[i] == ';'; });
      while (begin < stop && std::isspace(static_cast<unsigned char>(source_[begin])) != 0) ++begin;
      if (begin < stop && source_[begin] != '#') simple_statement(begin, stop);
      begin = stop + 1;
    }
  }

  void simple_statement(std::size_t begin, std::size_t end) {
    std::size_t word = begin;
    while (word < end && is_name_part(source_[word])) ++word;
    const std::string_view first = source_.substr(begin, word - begin);
    Statement& made =
        add(begin, end, first == "return" || first == "assert" ? std::string(first) : "");
    std::size_t start = begin;
    while (true) {
      const std::size_t equals = find_outside(source_, start, end, [&](std::size_t i) {
        return source_[i] == '=' && is_assignment(i, begin, end);
      });
      if (equals == end) break;
      made.targets.push_back(names_in(target_text(start, equals)));
      start = equals + 1;
    }
    const std::size_t comment =
        find_outside(source_, start, end, [&](std::size_t i) { return source_[i] == '#'; });
    const std::string_view value = trimmed(source_.substr(start, comment - start));
    if (!made.targets.empty()) {
      if (is_alias(value)) made.alias = value;
      describe(made, value);
    } else if (first == "return") {
      describe(made, trimmed(value.substr(first.size())));
    }
  }

  static void describe(Statement& made, std::string_view value) {
    made.is_display = is_display(value);
    made.ends_in_call = !value.empty() && value.back() == ')';
    if (!made.ends_in_call) return;
    const auto [callee, arguments] = last_call(value);
    made.callee = callee;
    made.calls_within = arguments.find('(') != std::string_view::npos;
  }

  // What stands in front of the `=`, without an annotation and the operator of `+=`.
  std::string_view target_text(std::size_t begin, std::size_t equals) {
    const std::size_t colon =
        find_outside(source_, begin, equals, [&](std::size_t i) { return source_[i] == ':'; });
    std::string_view text = trimmed(source_.substr(begin, colon - begin));
    while (!text.empty() &&
           std::string_view("+-*/%@&|^<>").find(text.back()) != std::string_view::npos) {
      text.remove_suffix(1);
    }
    return trimmed(text);
  }

  bool is_assignment(std::size_t i, std::size_t begin, std::size_t end) const {
    if (i + 1 < end && source_[i + 1] == '=') return false;
    if (i == begin) return false;
    const char before = source_[i - 1];
    if (before == '<' || before == '>') return i >= begin + 2 && source_[i - 2] == before;
    return before != '=' && before != '!' && before != ':';
  }

  Statement& add(std::size_t begin, std::size_t end, std::string keyword) {
    Statement made;
    made.begin = begin;
    made.end = end;
    made.line = static_cast<std::size_t>(
        std::count(source_.begin(), source_.begin() + static_cast<std::ptrdiff_t>(begin), '\n'));
    made.parent = open_.empty() ? -1 : open_.back().index;
    made.keyword = std::move(keyword);
    statements_.push_back(std::move(made));
    return statements_.back();
  }

  struct Open {
    int indent;
    int index;
  };

  std::string_view source_;
  std::vector<Open> open_;
  std::vector<Statement> statements_;
};

}  // namespace

bool Statement::assigns(std::string_view name) const {
  for (const std::vector<std::string>& names : targets) {
    if (std::find(names.begin(), names.end(), name) != names.end()) return true;
  }
  return false;
}

std::vector<Statement> statements_of(std::string_view source) {
  return Parser(source).parse();
}

namespace {

// The first argument of the call that it ends with, where that is a variable or a part of one.
Write first_argument(std::string_view text) {
  const std::string_view arguments = last_call(text).second;
  std::size_t end = 0;
  while (end < arguments.size() && is_name_part(arguments[end])) ++end;
  const std::string_view name = arguments.substr(0, end);
  const char behind = end < arguments.size() ? arguments[end] : 0;
  const bool whole = behind == ',' || behind == ')';
  if (!is_name(name) || name == "self" || (!whole && behind != '[')) return {};
  return {std::string(name), whole};
}

}  // namespace

Write write_of(const Statement& statement, std::string_view source) {
  const std::string_view text =
      trimmed(source.substr(statement.begin, statement.end - statement.begin));
  if (text.find("inplace=True") < text.size()) {
    const Write write = first_argument(text);
    return {write.name, write.whole && statement.targets.empty()};
  }
  for (const std::vector<std::string>& names : statement.targets) {
    if (names != std::vector<std::string>{""}) return {};
  }
  std::size_t end = 0;
  while (end < text.size() && is_name_part(text[end])) ++end;
  const std::string_view name = text.substr(0, end);
  const bool is_part = end < text.size() && (text[end] == '[' || text[end] == '.');
  if (!is_part || !is_name(name) || name == "self") return {};
  if (!statement.targets.empty()) return {std::string(name), false};
  const std::size_t call = text.find("_(");
  if (call >= text.size()) return {};
  if (name == "torch" || name == "F" || name == "nn") return first_argument(text);
  const std::string_view method = text.substr(end + 1, call - end - 1);
  return {std::string(name), text[end] == '.' && is_name(method) && method.front() != '_'};
}

int statement_at(const std::vector<Statement>& statements, std::size_t offset) {
  int found = -1;
  for (std::size_t i = 0; i < statements.size(); ++i) {
    if (statements[i].begin <= offset && offset < statements[i].end) found = static_cast<int>(i);
  }
  return found;
}

}  // namespace python
}  // namespace anycapture
