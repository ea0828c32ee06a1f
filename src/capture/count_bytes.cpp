// SPDX-License-Identifier: MIT
#include "capture/count_bytes.h"

#include <ATen/ops/empty.h>

namespace anycapture {
namespace capture {

at::Tensor CountBytes::operator()(const Site&, const at::Tensor& value) const {
  count(static_cast<std::uint64_t>(value.numel()) * value.element_size());
  return at::empty({0});
}

at::Tensor CountBytes::operator()(const LazyTensor& value) const {
  std::uint64_t bytes = c10::elementSize(value.dtype());
  for (const std::int64_t size : value.shape()) bytes *= static_cast<std::uint64_t>(size);
  count(bytes);
  return at::empty({0});
}

}  // namespace capture
}  // namespace anycapture
