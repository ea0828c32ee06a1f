// SPDX-License-Identifier: MIT
#include "pictures/tensor_part.h"

#include <anycapture/error.h>
#include <anycapture/selector.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/element.h"
#include "core/parallel.h"
#include "core/tensor_shape.h"

namespace anycapture {
namespace {

using safetensors::Bytes;
using safetensors::Dtype;
using safetensors::Source;

void check_index(const Source& source, std::vector<std::int64_t>& index) {
  const auto& shape = source.shape;
  const std::string what =
      fmt::format("{} has shape ({})", printable(source.key), fmt::join(shape, ", "));
  if (index.size() >= shape.size()) {
    throw Error(shape.empty()
                    ? fmt::format("{} is a single value, nothing to draw: anycapture inspect FILE "
                                  "--show KEY prints it",
                                  printable(source.key))
                    : fmt::format("{}, an index of {} leaves nothing to draw: give at most {}",
                                  what, index.size(), shape.size() - 1));
  }
  for (std::size_t axis = 0; axis < index.size(); ++axis) {
    const std::int64_t length = shape[axis];
    if (index[axis] < -length || index[axis] >= length) {
      throw Error(fmt::format("{}, there is no {} along its axis {}: give 0 to {}", what,
                              index[axis], axis, length - 1));
    }
    if (index[axis] < 0) index[axis] += length;
  }
}

// Values `first` to `first + count`.
std::shared_ptr<const std::vector<float>> converted(const Source& source, const std::byte* data,
                                                    std::uint64_t first, std::uint64_t count) {
  constexpr std::uint64_t kPiece = 4096;
  const std::uint64_t numbers = numbers_per_element(source.dtype);
  auto values = std::make_shared<std::vector<float>>(count);
  parallel_for((count + kPiece - 1) / kPiece, [&](std::size_t piece, std::size_t) {
    const std::uint64_t at = piece * kPiece;
    const std::uint64_t size = std::min(kPiece, count - at);
    std::vector<double> read(numbers * size);
    to_doubles(source.dtype, data, numbers * (first + at), numbers * size, read.data());
    for (std::uint64_t i = 0; i < size; ++i) {
      (*values)[at + i] =
          static_cast<float>(numbers == 1 ? read[i] : std::hypot(read[2 * i], read[2 * i + 1]));
    }
  });
  return values;
}

std::string text_of(const std::vector<std::int64_t>& index,
                    const std::vector<std::int64_t>& shape) {
  if (index.empty()) return "";
  std::string places = fmt::format("{}", fmt::join(index, ", "));
  for (std::size_t axis = index.size(); axis < shape.size(); ++axis) places += ", :";
  return fmt::format("[{}] of ({})", places, fmt::join(shape, ", "));
}

enum class RowKind { kDistribution, kMasked, kOther };

RowKind kind_of(RowView row) {
  constexpr double kTolerance = 0.01;
  double sum = 0;
  for (int i = 0; i < row.size; ++i) {
    if (row.data[i] < 0) return RowKind::kOther;
    sum += row.data[i];
  }
  if (!std::isfinite(sum) || sum == 0) return RowKind::kMasked;
  return std::abs(sum - 1) <= kTolerance ? RowKind::kDistribution : RowKind::kOther;
}

}  // namespace

TensorPart::TensorPart(const Source& source, std::vector<std::int64_t> index) {
  check_index(source, index);
  shape_.assign(source.shape.begin() + static_cast<std::ptrdiff_t>(index.size()),
                source.shape.end());
  const std::uint64_t count = element_count(shape_);
  if (count == 0) {
    throw Error(fmt::format("{} has shape ({}), no values to draw", printable(source.key),
                            fmt::join(source.shape, ", ")));
  }
  if (std::any_of(shape_.begin(), shape_.end(),
                  [](std::int64_t length) { return length > std::numeric_limits<int>::max(); })) {
    throw Error(fmt::format("{} has shape ({}), too long to draw: give a part of it with --index",
                            printable(source.key), fmt::join(source.shape, ", ")));
  }
  std::uint64_t place = 0;
  for (std::size_t axis = 0; axis < index.size(); ++axis) {
    place = place * static_cast<std::uint64_t>(source.shape[axis]) +
            static_cast<std::uint64_t>(index[axis]);
  }
  const Bytes bytes = source.bytes();
  const auto* data = static_cast<const std::byte*>(bytes.data);
  if (source.dtype == Dtype::kF32 && reinterpret_cast<std::uintptr_t>(data) % alignof(float) == 0) {
    owner_ = bytes.owner;
    data_ = reinterpret_cast<const float*>(data) + place * count;
  } else {
    const auto values = converted(source, data, place * count, count);
    owner_ = values;
    data_ = values->data();
  }
  text_ = text_of(index, source.shape);
}

std::vector<MapView> TensorPart::maps() const {
  std::vector<MapView> maps;
  const std::size_t size =
      static_cast<std::size_t>(shape_[1]) * static_cast<std::size_t>(shape_[2]);
  for (std::size_t i = 0; i < static_cast<std::size_t>(shape_[0]); ++i) {
    maps.push_back({data_ + i * size, this->size(1), this->size(2)});
  }
  return maps;
}

bool is_attention(const TensorPart& part) {
  if (part.rank() < 2 || part.shape().back() < 2) return false;
  const std::vector<MapView> maps =
      part.rank() == 3 ? part.maps() : std::vector<MapView>{part.map()};
  bool any = false;
  for (const MapView& map : maps) {
    for (int row = 0; row < map.rows; ++row) {
      const RowKind kind = kind_of(map.row(row));
      if (kind == RowKind::kOther) return false;
      any |= kind == RowKind::kDistribution;
    }
  }
  return any;
}

}  // namespace anycapture
