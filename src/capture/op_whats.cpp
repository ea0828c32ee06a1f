// SPDX-License-Identifier: MIT
#include "capture/op_whats.h"

#include <algorithm>
#include <utility>

namespace anycapture {
namespace capture {
namespace {

std::string_view without_namespace(std::string_view name) {
  const std::size_t colon = name.rfind("::");
  return colon == std::string_view::npos ? name : name.substr(colon + 2);
}

// `_softmax` is what `softmax` calls, `relu_` writes into its input: the same to whoever asks.
std::string_view without_underscores(std::string_view name) {
  const std::size_t first = name.find_first_not_of('_');
  if (first == std::string_view::npos) return name;
  return name.substr(first, name.find_last_not_of('_') - first + 1);
}

// They give memory that holds no values yet, or no longer.
bool gives_values(std::string_view registered) {
  if (registered.compare(0, 6, "aten::") != 0) return true;
  const std::string_view name = without_underscores(registered.substr(6));
  for (const std::string_view start : {"empty", "new_empty", "resize"}) {
    if (name.compare(0, start.size(), start) == 0) return false;
  }
  return true;
}

}  // namespace

std::vector<std::string> op_whats(std::string_view registered) {
  if (!gives_values(registered)) return {};
  const std::string_view name = without_namespace(registered);
  std::vector<std::string> whats;
  for (const std::string_view spelled : {without_underscores(name), name, registered}) {
    std::string what(1, '@');
    what += spelled;
    if (std::find(whats.begin(), whats.end(), what) == whats.end())
      whats.push_back(std::move(what));
  }
  return whats;
}

}  // namespace capture
}  // namespace anycapture
