// SPDX-License-Identifier: MIT
// The one place that asks which LibTorch this is. Debian's 1.13.1 calls itself 1.13.0, so only
// major and minor count.
#pragma once

#include <torch/version.h>

#define ANYCAPTURE_TORCH_AT_LEAST(major, minor) \
  (TORCH_VERSION_MAJOR > (major) ||             \
   (TORCH_VERSION_MAJOR == (major) && TORCH_VERSION_MINOR >= (minor)))
