// SPDX-License-Identifier: MIT
#include <anycapture/pictures.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace anycapture {
namespace {

// Every 15th of the 256 colours of viridis and magma, by N. Smith, S. van der Walt and E. Firing,
// who gave them to the public domain (CC0): https://bids.github.io/colormap/. Between them colours
// are linear, at most 5 of 255 off.
using Anchors = std::array<unsigned, 18>;
constexpr Anchors kViridis = {0x440154, 0x481769, 0x472a7a, 0x433d84, 0x3d4e8a, 0x355e8d,
                              0x2e6d8e, 0x297b8e, 0x23898e, 0x1f978b, 0x21a585, 0x2eb37c,
                              0x46c06f, 0x65cb5e, 0x89d548, 0xb0dd2f, 0xd8e219, 0xfde725};
constexpr Anchors kMagma = {0x000004, 0x090720, 0x1a1042, 0x311165, 0x4a1079, 0x621980,
                            0x792282, 0x912b81, 0xaa337d, 0xc23b75, 0xd9466b, 0xec5860,
                            0xf7725c, 0xfc8e64, 0xfeaa74, 0xfec68a, 0xfde2a3, 0xfcfdbf};

double channel(unsigned color, unsigned shift) {
  return ((color >> shift) & 0xFF) / 255.0;
}

Rgb between(const Anchors& anchors, double t) {
  const double place = t * static_cast<double>(anchors.size() - 1);
  const std::size_t lower = std::min(static_cast<std::size_t>(place), anchors.size() - 2);
  const double part = place - static_cast<double>(lower);
  const auto mix = [&](unsigned shift) {
    const double low = channel(anchors[lower], shift);
    return low + part * (channel(anchors[lower + 1], shift) - low);
  };
  return {mix(16), mix(8), mix(0)};
}

}  // namespace

Rgb color_at(ColorMap map, double t) {
  t = t > 0.0 ? std::min(t, 1.0) : 0.0;  // a NaN becomes 0
  switch (map) {
    case ColorMap::viridis:
      return between(kViridis, t);
    case ColorMap::magma:
      return between(kMagma, t);
    case ColorMap::grey:
      break;
  }
  return {t, t, t};
}

}  // namespace anycapture
