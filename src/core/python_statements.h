// SPDX-License-Identifier: MIT
// The statements of a Python function, as far as names and assignments go.
#pragma once

#include <anycapture/api.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace anycapture {
namespace python {

struct ANYCAPTURE_API Statement {
  std::size_t begin = 0;  ///< offset of its first character
  std::size_t end = 0;    ///< behind its last one
  std::size_t line = 0;   ///< of `begin`, from 0
  int parent = -1;        ///< the compound statement that it stands in, by index
  std::string keyword;    ///< `if`, `elif`, `else`, `for`, `while`, `return`, `def` ...; else empty
  /// What each `=` assigns, from left to right: one name, or those of an unpacking; a part that is
  /// no plain name, such as `self.x`, is empty. `x += y` assigns x.
  std::vector<std::vector<std::string>> targets;
  /// Where the right side is a name, or `self.name`, and nothing else: that.
  std::string alias;
  bool ends_in_call =
      false;  ///< its right side, or what it returns, does: `f(x)`, but not `f(x)[0]`
  /// Of such a right side: `chunk` of `x.chunk(2)`; and whether its arguments hold calls.
  std::string callee;
  bool calls_within = false;
  /// Its right side is a tuple, list, dict or the like that is spelled out: `a, b`, `[f(x) for
  /// ...]`, `map(f, x)`.
  bool is_display = false;

  bool assigns(std::string_view name) const;
};

/// In the order of the source. Whatever is no Python gives some statements, never an error.
ANYCAPTURE_API std::vector<Statement> statements_of(std::string_view source);

/// A variable that a statement writes into in place, which no assignment tells.
struct Write {
  std::string name;    ///< empty: none that is known
  bool whole = false;  ///< `x.add_(1)`; else a part of it, `x[0] = 1`
};

/// `x.add_(1)`, `torch.relu_(x)`, `y = F.relu(x, inplace=True)`, `x[0] += 1`, `x[0].add_(1)`, in
/// `source`; of `self` nothing.
ANYCAPTURE_API Write write_of(const Statement& statement, std::string_view source);

/// Index of the innermost one that holds the offset; -1 if none does.
ANYCAPTURE_API int statement_at(const std::vector<Statement>& statements, std::size_t offset);

}  // namespace python
}  // namespace anycapture
