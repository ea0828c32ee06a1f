// SPDX-License-Identifier: MIT
#pragma once

#include <anycapture/error.h>
#include <anycapture/pictures.h>

#include <fmt/format.h>

namespace anycapture {

/// Throws Error when there is no map, or one is of another shape than the first. `what` is what
/// one is called.
inline void check_same_shape(const std::vector<MapView>& maps, const char* what) {
  if (maps.empty()) throw Error(fmt::format("there are no {0}s to draw; give at least one", what));
  for (std::size_t i = 0; i < maps.size(); ++i) {
    if (maps[i].rows == maps[0].rows && maps[i].cols == maps[0].cols) continue;
    throw Error(fmt::format("{0} {1} is {2} x {3}, but {0} 0 is {4} x {5}; draw them one by one",
                            what, i, maps[i].rows, maps[i].cols, maps[0].rows, maps[0].cols));
  }
}

/// Throws Error unless there is a name for each of `count`, or none at all.
inline void check_names(const FigureOptions& options, std::size_t count) {
  if (options.names.empty() || options.names.size() == count) return;
  throw Error(fmt::format("{} names for {} tiles or curves; give one for each, or none",
                          options.names.size(), count));
}

}  // namespace anycapture
