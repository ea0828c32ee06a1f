// SPDX-License-Identifier: MIT
#include "core/element.h"

#include <algorithm>
#include <array>
#include <iterator>

#include "core/minifloat.h"

namespace anycapture {
namespace {

using safetensors::Dtype;

float float_of(std::int32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

std::int32_t bits_of(float value) {
  std::int32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}

// No subnormal floats on the way, which a process may have told its processor to flush; and masks
// instead of branches, so that the loop over it becomes vector instructions.
float float_of_half(std::uint16_t half) {
  constexpr std::int32_t kOne = 1 << 23;  // in the exponent
  const std::int32_t magnitude = (half & 0x7FFF) << 13;
  const std::int32_t normal = magnitude + 112 * kOne;
  const std::int32_t subnormal = bits_of(float_of(normal + kOne) - 0x1p-14f);
  const std::int32_t is_subnormal = -static_cast<std::int32_t>(magnitude < kOne);
  const std::int32_t is_special = -static_cast<std::int32_t>(magnitude >= 31 * kOne);
  const std::int32_t finite = (subnormal & is_subnormal) | (normal & ~is_subnormal);
  return float_of((finite + (is_special & (112 * kOne))) | (half & 0x8000) << 16);
}

using Read = void(const std::byte* data, std::uint64_t first, std::uint64_t count, double* out);

template <class T, class ToNumber>
void convert(const std::byte* data, std::uint64_t count, double* out, ToNumber to_number) {
  for (std::uint64_t i = 0; i < count; ++i) {
    out[i] = static_cast<double>(to_number(load<T>(data, i)));
  }
}

template <class T>
void read(const std::byte* data, std::uint64_t first, std::uint64_t count, double* out) {
  convert<T>(data + first * sizeof(T), count, out, [](T value) { return value; });
}

void read_bool(const std::byte* data, std::uint64_t first, std::uint64_t count, double* out) {
  convert<std::uint8_t>(data + first, count, out, [](std::uint8_t byte) { return byte != 0; });
}

void read_half(const std::byte* data, std::uint64_t first, std::uint64_t count, double* out) {
  convert<std::uint16_t>(data + 2 * first, count, out,
                         [](std::uint16_t bits) { return float_of_half(bits); });
}

void read_bfloat(const std::byte* data, std::uint64_t first, std::uint64_t count, double* out) {
  convert<std::uint16_t>(data + 2 * first, count, out,
                         [](std::uint16_t bits) { return float_of(bits << 16); });
}

using Table = std::array<double, 256>;

Table make_table(Dtype dtype) {
  Table table{};
  for (std::uint32_t code = 0; code < 1u << safetensors::bits(dtype); ++code) {
    table[code] = dtype == Dtype::kF8E8M0 ? e8m0_value(code) : minifloat_of(dtype).value(code);
  }
  return table;
}

template <Dtype kDtype>
const Table& table_of() {
  static const Table table = make_table(kDtype);
  return table;
}

template <Dtype kDtype>
void look_up(const std::byte* data, std::uint64_t first, std::uint64_t count, double* out) {
  convert<std::uint8_t>(data + first, count, out,
                        [&table = table_of<kDtype>()](std::uint8_t code) { return table[code]; });
}

template <Dtype kDtype, unsigned kBits>
void look_up_packed(const std::byte* data, std::uint64_t first, std::uint64_t count, double* out) {
  const Table& table = table_of<kDtype>();
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint64_t bit = (first + i) * kBits;
    const auto shift = static_cast<unsigned>(bit % 8);
    unsigned bits = load<std::uint8_t>(data, bit / 8);
    if (shift + kBits > 8) bits |= unsigned{load<std::uint8_t>(data, bit / 8 + 1)} << 8;
    out[i] = table[(bits >> shift) & ((1u << kBits) - 1)];
  }
}

struct Row {
  Dtype dtype;
  std::string_view torch_name;
  Read* read;
};

constexpr Row kRows[] = {
    {Dtype::kF4, "float4_e2m1fn", look_up_packed<Dtype::kF4, 4>},
    {Dtype::kF6E2M3, "float6_e2m3fn", look_up_packed<Dtype::kF6E2M3, 6>},
    {Dtype::kF6E3M2, "float6_e3m2fn", look_up_packed<Dtype::kF6E3M2, 6>},
    {Dtype::kBool, "bool", read_bool},
    {Dtype::kU8, "uint8", read<std::uint8_t>},
    {Dtype::kI8, "int8", read<std::int8_t>},
    {Dtype::kF8E5M2, "float8_e5m2", look_up<Dtype::kF8E5M2>},
    {Dtype::kF8E4M3, "float8_e4m3fn", look_up<Dtype::kF8E4M3>},
    {Dtype::kF8E8M0, "float8_e8m0fnu", look_up<Dtype::kF8E8M0>},
    {Dtype::kF8E4M3FNUZ, "float8_e4m3fnuz", look_up<Dtype::kF8E4M3FNUZ>},
    {Dtype::kF8E5M2FNUZ, "float8_e5m2fnuz", look_up<Dtype::kF8E5M2FNUZ>},
    {Dtype::kI16, "int16", read<std::int16_t>},
    {Dtype::kU16, "uint16", read<std::uint16_t>},
    {Dtype::kF16, "float16", read_half},
    {Dtype::kBF16, "bfloat16", read_bfloat},
    {Dtype::kI32, "int32", read<std::int32_t>},
    {Dtype::kU32, "uint32", read<std::uint32_t>},
    {Dtype::kF32, "float32", read<float>},
    {Dtype::kF64, "float64", read<double>},
    {Dtype::kI64, "int64", read<std::int64_t>},
    {Dtype::kU64, "uint64", read<std::uint64_t>},
    {Dtype::kC64, "complex64", read<float>},
};

const Row& row_of(Dtype dtype) {
  return *std::find_if(std::begin(kRows), std::end(kRows),
                       [dtype](const Row& row) { return row.dtype == dtype; });
}

}  // namespace

std::string_view torch_name(Dtype dtype) {
  return row_of(dtype).torch_name;
}

std::uint64_t numbers_per_element(Dtype dtype) {
  return dtype == Dtype::kC64 ? 2 : 1;
}

double to_double(Dtype dtype, const std::byte* data, std::uint64_t index) {
  double value = 0;
  to_doubles(dtype, data, index, 1, &value);
  return value;
}

void to_doubles(Dtype dtype, const std::byte* data, std::uint64_t first, std::uint64_t count,
                double* out) {
  row_of(dtype).read(data, first, count, out);
}

std::uint16_t nearest_code(Dtype dtype, double value) {
  return static_cast<std::uint16_t>(dtype == Dtype::kF8E8M0 ? e8m0_code(value)
                                                            : minifloat_of(dtype).code(value));
}

}  // namespace anycapture
