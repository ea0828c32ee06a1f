// SPDX-License-Identifier: MIT
#include "core/numbers.h"

#include <cmath>
#include <cstring>

#include "core/element.h"

namespace anycapture {

using safetensors::Dtype;

void read_values(Dtype, const std::byte* data, std::uint64_t first, std::size_t count,
                 float* values) {
  std::memcpy(values, data + first * sizeof(float), count * sizeof(float));
}

void read_values(Dtype dtype, const std::byte* data, std::uint64_t first, std::size_t count,
                 double* values) {
  if (numbers_per_element(dtype) == 1) return to_doubles(dtype, data, first, count, values);
  double parts[2 * kPiece];
  to_doubles(dtype, data, 2 * first, 2 * count, parts);
  for (std::size_t i = 0; i < count; ++i) values[i] = std::hypot(parts[2 * i], parts[2 * i + 1]);
}

void read_numbers(Dtype dtype, const std::byte* data, std::uint64_t first, std::size_t count,
                  float* numbers) {
  read_values(dtype, data, first, count, numbers);
}

void read_numbers(Dtype dtype, const std::byte* data, std::uint64_t first, std::size_t count,
                  double* numbers) {
  to_doubles(dtype, data, first, count, numbers);
}

}  // namespace anycapture
