// SPDX-License-Identifier: MIT
#pragma once

#include <anycapture/api.h>
#include <anycapture/image.h>

#include <string>

namespace anycapture {

/// A whole PNG file. Throws Error when the image is empty or its pixels are not as many as it says.
ANYCAPTURE_API std::string png_bytes(const Image& image);

}  // namespace anycapture
