// SPDX-License-Identifier: MIT
#pragma once

#include <anycapture/image.h>

namespace anycapture {

/// Throws Error when the image is empty or its values are not 3 * width * height.
void check_image(const Image& image);

}  // namespace anycapture
