// SPDX-License-Identifier: MIT
// A captured tensor that is computed when it is read.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

namespace anycapture {
namespace capture {

class LazyTensor {
 public:
  virtual ~LazyTensor() = default;
  virtual std::vector<std::int64_t> shape() const = 0;
  virtual at::ScalarType dtype() const = 0;
  /// Whether something that it is computed from was changed in place since.
  virtual bool is_stale() const = 0;
  /// Also of what is stale, which readers ask before. Throws Error where what it gives would be
  /// wrong.
  virtual at::Tensor make() const = 0;
  /// What is to be known of its values; empty for most.
  virtual std::string note() const { return ""; }
};

}  // namespace capture
}  // namespace anycapture
