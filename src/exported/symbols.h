// SPDX-License-Identifier: MIT
// Sizes that a program was exported with as symbols, and what they may be.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace anycapture {
namespace exported {

using SymbolValues = std::map<std::string, std::int64_t>;

/// As sympy's `srepr` writes it: `Mul(Integer(2), Symbol('s27', positive=True, integer=True))`.
class Expression {
 public:
  static Expression parse(std::string_view text);
  explicit Expression(std::int64_t value) : value_(value) {}

  /// Its name, if it is one symbol; else empty.
  const std::string& symbol() const { return symbol_; }
  /// Those in it.
  std::set<std::string> symbols() const;
  struct Line {
    std::int64_t slope = 1, offset = 0;
  };
  /// Of its only symbol: 2 and 1 for 2*s27 + 1. None where it is no rising line.
  std::optional<Line> line() const;
  /// None where a symbol has no value, or a function is not known.
  std::optional<std::int64_t> value(const SymbolValues& symbols) const;
  /// `2*s27`
  std::string text() const;

 private:
  Expression() = default;
  static Expression parse(std::string_view& rest, int depth);

  std::string function_;  // `Mul`; empty for a number or a symbol
  std::string symbol_;
  std::int64_t value_ = 0;
  std::vector<Expression> arguments_;
};

struct Range {
  std::optional<std::int64_t> least, most;

  bool holds(std::int64_t value) const {
    return (!least || value >= *least) && (!most || value <= *most);
  }
  std::string text() const;  ///< `2 to 128`, `2 or more`
  /// Of an axis. PyTorch takes 2 or more for granted where nobody asks for more, and runs 0 and 1.
  Range of_axis() const;
};

}  // namespace exported
}  // namespace anycapture
