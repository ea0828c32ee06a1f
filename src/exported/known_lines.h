// SPDX-License-Identifier: MIT
// The Python source of a program, as far as the tracebacks of its nodes hold it.
#pragma once

#include <cstddef>
#include <map>
#include <string>

#include "exported/graph.h"

namespace anycapture {
namespace exported {

/// The lines of source that nodes of a program came from.
class KnownLines {
 public:
  void add(const Graph& graph);
  /// Where the statement of a line begins; 0 where it is not known.
  std::size_t statement_of(const std::string& file, std::size_t line) const;
  const std::string& text(const std::string& file, std::size_t line) const;
  bool empty() const { return files_.empty(); }

 private:
  std::map<std::string, std::map<std::size_t, std::string>> files_;
};

}  // namespace exported
}  // namespace anycapture
