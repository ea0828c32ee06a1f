// SPDX-License-Identifier: MIT
#include "core/numbers.h"

#include <cmath>
#include <cstring>

#include "core/element.h"

namespace anycapture {
namespace {

using safetensors::Dtype;

template <class T>
const T* where_they_lie(const std::byte* data, std::uint64_t first, std::size_t count, T* buffer) {
  const std::byte* start = data + first * sizeof(T);
  if (reinterpret_cast<std::uintptr_t>(start) % alignof(T) == 0) {
    return reinterpret_cast<const T*>(start);
  }
  std::memcpy(buffer, start, count * sizeof(T));
  return buffer;
}

}  // namespace

const float* read_values(Dtype, const std::byte* data, std::uint64_t first, std::size_t count,
                         float* buffer) {
  return where_they_lie(data, first, count, buffer);
}

const double* read_values(Dtype dtype, const std::byte* data, std::uint64_t first,
                          std::size_t count, double* buffer) {
  if (numbers_per_element(dtype) == 1) return read_numbers(dtype, data, first, count, buffer);
  double parts[2 * kPiece];
  to_doubles(dtype, data, 2 * first, 2 * count, parts);
  for (std::size_t i = 0; i < count; ++i) buffer[i] = std::hypot(parts[2 * i], parts[2 * i + 1]);
  return buffer;
}

const float* read_numbers(Dtype, const std::byte* data, std::uint64_t first, std::size_t count,
                          float* buffer) {
  return where_they_lie(data, first, count, buffer);
}

const double* read_numbers(Dtype dtype, const std::byte* data, std::uint64_t first,
                           std::size_t count, double* buffer) {
  if (dtype == Dtype::kF64) return where_they_lie(data, first, count, buffer);
  to_doubles(dtype, data, first, count, buffer);
  return buffer;
}

}  // namespace anycapture
