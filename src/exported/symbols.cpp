// SPDX-License-Identifier: MIT
#include "exported/symbols.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>

namespace anycapture {
namespace exported {
namespace {

constexpr int kDeepest = 100;  // expressions in expressions
using Number = std::optional<std::int64_t>;

std::string_view taken_while(std::string_view& rest, bool (*is)(char)) {
  std::size_t count = 0;
  while (count < rest.size() && is(rest[count])) ++count;
  const std::string_view taken = rest.substr(0, count);
  rest.remove_prefix(count);
  return taken;
}

bool is_word(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '-' || c == '.';
}

bool is_gap(char c) {
  return c == ' ' || c == ',';
}

// Python's, which rounds down.
Number floor_div(std::int64_t a, std::int64_t b) {
  if (b == 0 || (a == INT64_MIN && b == -1)) return std::nullopt;
  return a / b - ((a % b != 0 && (a < 0) != (b < 0)) ? 1 : 0);
}

Number combined(const std::string& function, std::int64_t a, std::int64_t b) {
  std::int64_t made = 0;
  if (function == "Add") return __builtin_add_overflow(a, b, &made) ? Number() : made;
  if (function == "Mul") return __builtin_mul_overflow(a, b, &made) ? Number() : made;
  if (function == "Max") return std::max(a, b);
  if (function == "Min") return std::min(a, b);
  if (function == "FloorDiv" || function == "CleanDiv") return floor_div(a, b);
  if (function == "Mod" || function == "PythonMod") {
    const Number whole = floor_div(a, b);
    return whole ? Number(a - *whole * b) : Number();
  }
  if ((function == "Pow" || function == "PowByNatural") && b >= 0 && b < 64) {
    made = 1;
    for (std::int64_t i = 0; i < b; ++i) {
      if (__builtin_mul_overflow(made, a, &made)) return std::nullopt;
    }
    return made;
  }
  return std::nullopt;
}

}  // namespace

Expression Expression::parse(std::string_view text) {
  return parse(text, 0);
}

Expression Expression::parse(std::string_view& rest, int depth) {
  Expression made;
  taken_while(rest, is_gap);
  if (!rest.empty() && rest.front() == '\'') {  // a symbol's name
    const std::size_t end = std::min(rest.find('\'', 1), rest.size() - 1);
    made.symbol_ = rest.substr(1, end - 1);
    rest.remove_prefix(end + 1);
    return made;
  }
  const std::string word(taken_while(rest, is_word));
  const bool number = !word.empty() && (std::isdigit(static_cast<unsigned char>(word[0])) ||
                                        (word[0] == '-' && word.size() > 1));
  if (number) made.value_ = std::strtoll(word.c_str(), nullptr, 10);
  if (rest.empty() || rest.front() != '(' || depth > kDeepest) {
    if (!number) made.function_ = word;
    if (word.empty() && !rest.empty()) rest.remove_prefix(1);  // what is not known
    return made;
  }
  rest.remove_prefix(1);
  made.function_ = word;
  while (!rest.empty() && rest.front() != ')') {
    Expression inner = parse(rest, depth + 1);
    if (!rest.empty() && rest.front() == '=') {  // `positive=True`
      rest.remove_prefix(1);
      taken_while(rest, is_word);
    } else {
      made.arguments_.push_back(std::move(inner));
    }
    taken_while(rest, is_gap);
  }
  if (!rest.empty()) rest.remove_prefix(1);
  if ((word == "Symbol" || word == "Integer") && made.arguments_.size() == 1) {
    Expression only = std::move(made.arguments_[0]);
    return only;
  }
  return made;
}

Number Expression::value(const SymbolValues& symbols) const {
  if (!symbol_.empty()) {
    const auto found = symbols.find(symbol_);
    return found == symbols.end() ? Number() : found->second;
  }
  if (function_.empty()) return value_;
  Number made;
  for (const Expression& one : arguments_) {
    const Number next = one.value(symbols);
    if (!next) return std::nullopt;
    made = made ? combined(function_, *made, *next) : next;
    if (!made) return std::nullopt;
  }
  return arguments_.size() < 2 ? Number() : made;
}

std::set<std::string> Expression::symbols() const {
  std::set<std::string> all;
  if (!symbol_.empty()) all.insert(symbol_);
  for (const Expression& one : arguments_) all.merge(one.symbols());
  return all;
}

std::optional<Expression::Line> Expression::line() const {
  const std::set<std::string> names = symbols();
  if (names.size() != 1) return std::nullopt;
  const auto at = [&](std::int64_t symbol) { return value({{*names.begin(), symbol}}); };
  const Number zero = at(0), one = at(1), two = at(2);
  if (!zero || !one || !two) return std::nullopt;
  std::int64_t slope = 0, rise = 0;
  const bool rises = !__builtin_sub_overflow(*one, *zero, &slope) &&
                     !__builtin_sub_overflow(*two, *one, &rise) && slope == rise && slope > 0;
  return rises ? std::optional<Line>({slope, *zero}) : std::nullopt;
}

std::string Expression::text() const {
  if (!symbol_.empty()) return symbol_;
  if (function_.empty()) return std::to_string(value_);
  std::vector<std::string> parts;
  for (const Expression& one : arguments_) parts.push_back(one.text());
  const char* const sign = function_ == "Add"        ? " + "
                           : function_ == "Mul"      ? "*"
                           : function_ == "FloorDiv" ? "//"
                                                     : nullptr;
  if (sign != nullptr) return fmt::format("{}", fmt::join(parts, sign));
  return fmt::format("{}({})", function_, fmt::join(parts, ", "));
}

Range Range::of_axis() const {
  Range made = *this;
  if (made.least && *made.least <= 2) made.least.reset();
  return made;
}

std::string Range::text() const {
  if (least && most) return fmt::format("{} to {}", *least, *most);
  if (least) return fmt::format("{} or more", *least);
  return most ? fmt::format("{} or less", *most) : "any";
}

}  // namespace exported
}  // namespace anycapture
