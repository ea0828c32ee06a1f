// SPDX-License-Identifier: MIT
// Which memory the nodes of a graph write into after others read it.
#pragma once

#include <cstddef>
#include <vector>

#include "exported/exported_program.h"

namespace anycapture {
namespace exported {

class Writes {
 public:
  Writes(const ExportedProgram& program, const Graph& graph);

  /// Whether what the node reads or gives is written into after it.
  bool follow(std::size_t node) const;

 private:
  Slot memory_of(Slot slot) const;
  void share(const std::vector<Slot>& slots);

  const Graph& graph_;
  std::vector<Slot> same_;         // by slot: one whose memory it may share; itself
  std::vector<std::size_t> last_;  // by slot of memory: behind the last node that writes; 0: none
};

}  // namespace exported
}  // namespace anycapture
