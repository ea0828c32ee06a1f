// SPDX-License-Identifier: MIT
#include <anycapture/error.h>
#include <anycapture/selector.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "core/tensor_shape.h"
#include "viewer/page_parts.h"

namespace anycapture {
namespace viewer {
namespace {

using safetensors::Source;

Statistics statistics_of(const Source& source) {
  const safetensors::Bytes bytes = source.bytes();
  return statistics(source.dtype, static_cast<const std::byte*>(bytes.data),
                    element_count(source.shape), WithSpread::yes);
}

const Source* named(const std::vector<Source>& sources, const std::string& key) {
  const auto found = std::find_if(sources.begin(), sources.end(),
                                  [&](const Source& source) { return source.key == key; });
  return found == sources.end() ? nullptr : &*found;
}

void note_keys(PageParts& parts, const std::vector<std::string>& keys, const std::string& what) {
  constexpr std::size_t kShown = 3;
  if (keys.empty()) return;
  std::vector<std::string> shown;
  for (std::size_t i = 0; i < std::min(kShown, keys.size()); ++i) {
    shown.push_back(printable(keys[i]));
  }
  parts.notes.push_back(fmt::format("{} key{} {}: {}{}", keys.size(), keys.size() == 1 ? "" : "s",
                                    what, fmt::join(shown, ", "),
                                    keys.size() > kShown ? " ..." : ""));
}

// Which keys cannot be compared, and why.
void note_unpaired(PageParts& parts, const Capture& a, const Capture& b) {
  std::vector<std::string> a_alone, b_alone, other_shape;
  for (const Source& source : a.sources) {
    const Source* other = named(b.sources, source.key);
    if (other == nullptr) a_alone.push_back(source.key);
    if (other != nullptr && other->shape != source.shape) other_shape.push_back(source.key);
  }
  for (const Source& source : b.sources) {
    if (named(a.sources, source.key) == nullptr) b_alone.push_back(source.key);
  }
  note_keys(parts, a_alone, a_alone.size() == 1 ? "is in A alone" : "are in A alone");
  note_keys(parts, b_alone, b_alone.size() == 1 ? "is in B alone" : "are in B alone");
  note_keys(parts, other_shape,
            other_shape.size() == 1 ? "has another shape in B" : "have other shapes in B");
}

}  // namespace

void find_others(PageParts& parts, const Capture& a, const Capture* b) {
  for (const Source& source : a.sources) {
    OtherTensor tensor;
    tensor.a = &source;
    if (b != nullptr) tensor.b = named(b->sources, source.key);
    if (b != nullptr && (tensor.b == nullptr || tensor.b->shape != source.shape)) continue;
    if (parts.maps.count(&source) != 0) continue;
    tensor.of_a = statistics_of(source);
    if (tensor.b != nullptr) tensor.of_b = statistics_of(*tensor.b);
    parts.others.push_back(std::move(tensor));
  }
  if (b != nullptr) note_unpaired(parts, a, *b);
}

}  // namespace viewer
}  // namespace anycapture
