// SPDX-License-Identifier: MIT
// A part of a tensor as floats, to be drawn.
#pragma once

#include <anycapture/api.h>
#include <anycapture/pictures.h>
#include <anycapture/safetensors.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace anycapture {

/// What is left of a tensor when an index is given for each of its first axes. Of complex values,
/// their magnitudes.
class ANYCAPTURE_API TensorPart {
 public:
  /// `index` may count from the end: -1 is the last. Throws Error when it does not fit the shape,
  /// or when nothing is left to draw.
  TensorPart(const safetensors::Source& source, std::vector<std::int64_t> index);

  const std::vector<std::int64_t>& shape() const { return shape_; }
  int rank() const { return static_cast<int>(shape_.size()); }
  /// All values, row-major.
  const float* data() const { return data_; }
  /// All of a part of rank 1.
  RowView row() const { return {data_, size(0)}; }
  /// A part of rank 2.
  MapView map() const { return {data_, size(0), size(1)}; }
  /// A part of rank 3, along its first axis.
  std::vector<MapView> maps() const;
  /// `[0, 3, :, :] of (1, 12, 197, 197)`; empty when it is the whole.
  const std::string& text() const { return text_; }

 private:
  int size(int axis) const { return static_cast<int>(shape_[static_cast<std::size_t>(axis)]); }

  std::vector<std::int64_t> shape_;
  std::shared_ptr<const void> owner_;
  const float* data_ = nullptr;
  std::string text_;
};

/// Whether each row of a part of rank 2 or 3 is a distribution: no value below 0, the sum 1 to 0.01
/// since half precision rounds. Rows without a finite sum, fully masked ones, do not count.
ANYCAPTURE_API bool is_attention(const TensorPart& part);

}  // namespace anycapture
