// SPDX-License-Identifier: MIT
#include "core/cast.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <memory>

#include "core/element.h"
#include "core/numbers.h"
#include "core/parallel.h"

namespace anycapture {
namespace {

using safetensors::Dtype;

// Writes one value; gives whether it is infinite.
bool put(Dtype to, double value, std::byte* at) {
  if (to == Dtype::kF64) {
    std::memcpy(at, &value, sizeof value);
    return std::isinf(value);
  }
  if (to == Dtype::kF32) {
    const auto narrow = static_cast<float>(value);
    std::memcpy(at, &narrow, sizeof narrow);
    return std::isinf(narrow);
  }
  const std::uint16_t code = nearest_code(to, value);
  std::memcpy(at, &code, sizeof code);
  return std::isinf(to_double(to, at, 0));
}

}  // namespace

bool is_float(Dtype dtype) {
  switch (dtype) {
    case Dtype::kF4:
    case Dtype::kF6E2M3:
    case Dtype::kF6E3M2:
    case Dtype::kF8E5M2:
    case Dtype::kF8E4M3:
    case Dtype::kF8E8M0:
    case Dtype::kF8E4M3FNUZ:
    case Dtype::kF8E5M2FNUZ:
    case Dtype::kF16:
    case Dtype::kBF16:
    case Dtype::kF32:
    case Dtype::kF64:
      return true;
    default:
      return false;
  }
}

Cast cast_floats(Dtype from, const std::byte* data, std::uint64_t count, Dtype to) {
  const auto size = static_cast<std::size_t>(safetensors::bits(to) / 8);
  // Not a vector: no zeros are written first.
  const std::shared_ptr<std::byte> memory(new std::byte[count * size],
                                          std::default_delete<std::byte[]>());
  std::atomic<std::uint64_t> overflowed{0};
  const auto chunks = static_cast<std::size_t>((count + kChunk - 1) / kChunk);
  parallel_for(chunks, [&](std::size_t chunk, std::size_t) {
    double values[kPiece];
    std::uint64_t infinite = 0;
    const std::uint64_t end = std::min(count, (chunk + 1) * kChunk);
    for (std::uint64_t first = chunk * kChunk; first < end; first += kPiece) {
      const auto piece = static_cast<std::size_t>(std::min<std::uint64_t>(kPiece, end - first));
      to_doubles(from, data, first, piece, values);
      for (std::size_t i = 0; i < piece; ++i) {
        const bool became = put(to, values[i], memory.get() + (first + i) * size);
        infinite += became && !std::isinf(values[i]) ? 1 : 0;
      }
    }
    overflowed += infinite;
  });
  return {{memory.get(), count * size, memory}, overflowed};
}

}  // namespace anycapture
