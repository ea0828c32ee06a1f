// SPDX-License-Identifier: MIT
// How a camera was held.
#pragma once

#include <anycapture/image.h>

#include <cstddef>
#include <cstdint>

namespace anycapture {

/// The orientation, 1..8, that the content of a JPEG's APP1 marker names; 1, upright, if it names
/// none or is damaged.
int exif_orientation(const std::uint8_t* marker, std::size_t size);

/// The picture upright, given its EXIF orientation.
Image turn_upright(Image image, int orientation);

}  // namespace anycapture
