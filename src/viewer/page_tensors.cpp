// SPDX-License-Identifier: MIT
#include <anycapture/error.h>
#include <anycapture/selector.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/cast.h"
#include "core/tensor_shape.h"
#include "viewer/page_parts.h"

namespace anycapture {
namespace viewer {
namespace {

using safetensors::Source;

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

// Scores are masked with the lowest number of their dtype, or about that.
double masked_up_to(safetensors::Dtype dtype) {
  switch (dtype) {
    case safetensors::Dtype::kF16:
      return -65504.0 / 2;
    case safetensors::Dtype::kBF16:
    case safetensors::Dtype::kF32:
    case safetensors::Dtype::kF64:
      return std::numeric_limits<float>::lowest() / 2;
    default:
      return -std::numeric_limits<double>::infinity();
  }
}

// What is masked becomes -Inf, so that it is in no range.
std::vector<float> values_of(const Source& source) {
  const TensorPart part(source, {});
  std::vector<float> values(part.data(), part.data() + element_count(source.shape));
  const double limit = masked_up_to(source.dtype);
  for (float& value : values) {
    if (value <= limit) value = -std::numeric_limits<float>::infinity();
  }
  return values;
}

// Of a masked one, what is not: a mean with the mask in it tells nothing.
ShownStatistics statistics_of(const Source& source) {
  const safetensors::Bytes bytes = source.bytes();
  const Statistics all = statistics(source.dtype, static_cast<const std::byte*>(bytes.data),
                                    element_count(source.shape), WithSpread::yes);
  if (all.finite() == 0 || all.min > masked_up_to(source.dtype)) return {all, 0};
  std::vector<float> values = values_of(source);
  values.erase(
      std::remove_if(values.begin(), values.end(), [](float value) { return std::isinf(value); }),
      values.end());
  Statistics open =
      statistics(safetensors::Dtype::kF32, reinterpret_cast<const std::byte*>(values.data()),
                 values.size(), WithSpread::yes);
  const std::uint64_t masked = all.finite() - open.finite();
  open.count = all.count;
  open.infinities = all.infinities;
  return {open, masked};
}

}  // namespace

bool is_integer(safetensors::Dtype dtype) {
  return !is_float(dtype) && dtype != safetensors::Dtype::kC64;
}

void pack_tensor(OtherTensor& tensor) {
  const auto columns = static_cast<std::size_t>(tensor.a->shape.back());
  std::vector<std::vector<float>> all = {values_of(*tensor.a)};
  if (tensor.b != nullptr) {
    all.push_back(values_of(*tensor.b));
    std::vector<float> difference = all[0];
    for (std::size_t i = 0; i < difference.size(); ++i) {
      const bool same = tensor.masked() && all[0][i] == all[1][i];  // -Inf less itself is NaN
      difference[i] = same ? 0 : difference[i] - all[1][i];
    }
    all.push_back(std::move(difference));
  }
  for (const std::vector<float>& values : all) {
    if (tensor.form == Form::half) tensor.form = half_or_whole(values.data(), values.size());
  }
  for (const std::vector<float>& values : all) {
    tensor.blocks.push_back(pack(values.data(), values.size() / columns, columns, tensor.form));
  }
}

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
