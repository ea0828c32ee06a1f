// SPDX-License-Identifier: MIT
// What a session would take, were it to keep what it hears.
#pragma once

#include <ATen/core/Tensor.h>

#include <anycapture/api.h>
#include <anycapture/site.h>

#include <cstdint>
#include <functional>

#include "capture/lazy_tensor.h"

namespace anycapture {
namespace capture {

/// CaptureOptions::transform of a session that counts and keeps nothing. Of a lazy tensor, which
/// any other transform makes a session compute, the session asks its shape alone.
struct ANYCAPTURE_API CountBytes {
  at::Tensor operator()(const Site& site, const at::Tensor& value) const;
  at::Tensor operator()(const LazyTensor& value) const;

  std::function<void(std::uint64_t bytes)> count;  ///< of each tensor
};

}  // namespace capture
}  // namespace anycapture
