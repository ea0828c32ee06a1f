// SPDX-License-Identifier: MIT
// The Python source of a program, as far as the tracebacks of its nodes hold it.
#pragma once

#include <cstddef>
#include <map>
#include <string>

#include "exported/graph.h"

namespace anycapture {
namespace exported {

/// The lines of source that nodes of a program came from, and when they ran.
class KnownLines {
 public:
  /// Where a statement begins; 0 where that is not known. `sure`: whether all lines that are taken
  /// for its own are.
  struct Statement {
    std::size_t line = 0;
    bool sure = true;
  };

  void add(const Graph& graph);
  /// The one that a line belongs to.
  Statement statement_of(const std::string& file, std::size_t line) const;
  const std::string& text(const std::string& file, std::size_t line) const;
  bool empty() const { return files_.empty(); }

 private:
  // Of a line in one call of its function: by number of node.
  struct Run {
    std::size_t first = 0, last = 0;
    std::string last_did;  // `cat` of `aten::cat`, `proj` of the module `blocks.0.proj`
  };
  struct Line {
    std::string text;
    std::map<std::size_t, Run> runs;  // by call
  };
  using Lines = std::map<std::size_t, Line>;
  enum class Place { inside, outside, unsure };

  void add_run(const Node& node);
  static Place place_of(Lines::const_iterator opener, Lines::const_iterator line);

  std::map<std::string, Lines> files_;
  std::map<std::string, std::size_t> calls_;
  std::size_t nodes_ = 0;
};

}  // namespace exported
}  // namespace anycapture
