// SPDX-License-Identifier: MIT
// The Python text that nodes of a graph came from.
#pragma once

#include <torch/csrc/jit/ir/ir.h>

#include <cstddef>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/python_statements.h"

namespace anycapture {
namespace script {

using python::Statement;

/// The text that a function was written in.
struct SourceText {
  std::string file;
  std::size_t first_line = 0;  ///< of the file, from 1
  std::vector<Statement> statements;

  const Statement& at(int statement) const {
    return statements[static_cast<std::size_t>(statement)];
  }
  bool assigns(const std::string& name) const;
  /// How many statements before this one assign the name.
  std::size_t assignments_before(int statement, const std::string& name) const;
  /// The `else` or `elif` of an `if`; -1 if it has none.
  int otherwise(int header) const;
  /// Whether a statement runs whenever the block below `header` does (-1: the function's own): an
  /// unrolled `for` has no block in a graph.
  bool stands_in(int statement, int header) const;
};

/// Where a node comes from.
struct SourcePlace {
  const SourceText* text = nullptr;
  int statement = -1;
  std::string file;      ///< also where there is no text
  std::size_t line = 0;  ///< from 1
  bool traced = false;   ///< a trace keeps files and lines, in place of the text

  const Statement* get() const { return statement < 0 ? nullptr : &text->at(statement); }
};

/// The texts of one graph, each parsed once.
class SourceTexts {
 public:
  SourcePlace place_of(const torch::jit::Node& node);

 private:
  const SourceText& text_of(torch::jit::Source& source);

  std::unordered_map<const torch::jit::Source*, SourceText> texts_;
};

}  // namespace script
}  // namespace anycapture
