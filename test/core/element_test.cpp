// SPDX-License-Identifier: MIT
#include <anycapture/safetensors.h>

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "core/element.h"
#include "support/data.h"

namespace anycapture {
namespace {

using safetensors::Dtype;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

template <class T>
const std::byte* bytes_of(const std::vector<T>& values) {
  return reinterpret_cast<const std::byte*>(values.data());
}

template <class T>
std::vector<double> read(Dtype dtype, const std::vector<T>& values, std::uint64_t count) {
  std::vector<double> numbers(count);
  to_doubles(dtype, bytes_of(values), 0, count, numbers.data());
  return numbers;
}

// NaN are equal, 0 and -0 are not.
void expect_same(double got, double want, const std::string& what) {
  if (std::isnan(want)) {
    EXPECT_TRUE(std::isnan(got)) << what << ": " << got;
  } else {
    EXPECT_EQ(got, want) << what;
    EXPECT_EQ(std::signbit(got), std::signbit(want)) << what;
  }
}

// All codes in order, packed as in a file.
std::vector<std::uint8_t> all_codes(Dtype dtype) {
  const std::uint64_t bits = safetensors::bits(dtype);
  std::vector<std::uint8_t> bytes((bits << bits) / 8);
  for (std::uint64_t i = 0; i < bits << bits; ++i) {
    if ((i / bits) >> (i % bits) & 1) bytes[i / 8] |= static_cast<std::uint8_t>(1 << (i % 8));
  }
  return bytes;
}

std::uint64_t fnv1a(const std::vector<float>& values) {
  std::uint64_t hash = 0xCBF29CE484222325;
  const std::byte* at = bytes_of(values);
  for (std::size_t i = 0; i < values.size() * sizeof(float); ++i) {
    hash = (hash ^ std::to_integer<std::uint64_t>(at[i])) * 0x100000001B3;
  }
  return hash;
}

const std::vector<Dtype> kRounded = {Dtype::kF8E5M2,     Dtype::kF8E4M3,     Dtype::kF8E8M0,
                                     Dtype::kF8E4M3FNUZ, Dtype::kF8E5M2FNUZ, Dtype::kF16,
                                     Dtype::kBF16};

class ElementTest : public testing::Test {
 protected:
  template <class T>
  std::vector<T> values(const std::string& key) {
    const safetensors::TensorInfo* tensor = reference_.find(key);
    std::vector<T> values(tensor->bytes / sizeof(T));
    std::memcpy(values.data(), reference_.data(*tensor), tensor->bytes);
    return values;
  }

  safetensors::Reader reference_{support::data("element/element_reference.safetensors")};
};

TEST_F(ElementTest, ReadsAllCodesOfSmallFloats) {
  for (Dtype dtype : {Dtype::kF4, Dtype::kF6E2M3, Dtype::kF6E3M2, Dtype::kF8E5M2, Dtype::kF8E4M3,
                      Dtype::kF8E8M0, Dtype::kF8E4M3FNUZ, Dtype::kF8E5M2FNUZ}) {
    const std::string kind(name(dtype));
    const std::vector<float> want = values<float>("values/" + kind);
    ASSERT_EQ(want.size(), 1u << safetensors::bits(dtype));
    const std::vector<std::uint8_t> codes = all_codes(dtype);
    const std::vector<double> got = read(dtype, codes, want.size());
    for (std::size_t i = 0; i < want.size(); ++i) {
      const std::string what = kind + " " + std::to_string(i);
      expect_same(got[i], want[i], what);
      expect_same(to_double(dtype, bytes_of(codes), i), want[i], what);
    }
  }
}

TEST_F(ElementTest, ReadsAllCodesOfHalves) {
  for (Dtype dtype : {Dtype::kF16, Dtype::kBF16}) {
    std::vector<float> numbers;
    for (double number : read(dtype, all_codes(dtype), 65536)) {
      if (!std::isnan(number)) numbers.push_back(static_cast<float>(number));
    }
    const std::string kind(name(dtype));
    EXPECT_EQ(numbers.size(), 65536u - (dtype == Dtype::kF16 ? 2 * 1023 : 2 * 127)) << kind;
    EXPECT_EQ(fnv1a(numbers), std::stoull(reference_.metadata().at(kind), nullptr, 16)) << kind;
  }
}

TEST_F(ElementTest, CastsAsPyTorch) {
  for (Dtype dtype : kRounded) {
    const std::string kind(name(dtype));
    const std::vector<float> numbers = values<float>("cast/" + kind);
    ASSERT_GT(numbers.size(), 500u);
    const bool wide = safetensors::bits(dtype) == 16;
    std::vector<std::uint16_t> want;
    if (wide) {
      want = values<std::uint16_t>("cast_to/" + kind);
    } else {
      for (std::uint8_t code : values<std::uint8_t>("cast_to/" + kind)) want.push_back(code);
    }
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      EXPECT_EQ(nearest_code(dtype, numbers[i]), want[i]) << kind << " " << numbers[i];
    }
  }
}

TEST_F(ElementTest, EachNumberHasItsOwnCode) {
  for (Dtype dtype : kRounded) {
    const std::uint32_t count = 1u << safetensors::bits(dtype);
    const std::vector<double> numbers = read(dtype, all_codes(dtype), count);
    for (std::uint32_t code = 0; code < count; ++code) {
      if (std::isnan(numbers[code])) continue;
      ASSERT_EQ(nearest_code(dtype, numbers[code]), code) << name(dtype);
    }
  }
}

TEST(Element, RoundsTiesToEvenAndOnce) {
  EXPECT_EQ(nearest_code(Dtype::kF16, 1 + 0x1p-11), 0x3C00);
  EXPECT_EQ(nearest_code(Dtype::kF16, 1 + 0x3p-11), 0x3C02);
  EXPECT_EQ(nearest_code(Dtype::kF16, 1 + 0x1p-11 + 0x1p-52), 0x3C01);
  EXPECT_EQ(nearest_code(Dtype::kBF16, 1 + 0x1p-8), 0x3F80);
  EXPECT_EQ(nearest_code(Dtype::kBF16, 1 + 0x1p-8 + 0x1p-52), 0x3F81);
  EXPECT_EQ(nearest_code(Dtype::kF16, 0x1p-25), 0x0000);
  EXPECT_EQ(nearest_code(Dtype::kF16, 0x1.8p-25), 0x0001);
  EXPECT_EQ(nearest_code(Dtype::kF16, std::numeric_limits<double>::denorm_min()), 0x0000);
}

TEST(Element, WhatIsTooLargeIsInfiniteOrNaNOrLargest) {
  EXPECT_EQ(nearest_code(Dtype::kF16, 65519.99), 0x7BFF);
  EXPECT_EQ(nearest_code(Dtype::kF16, 65520), 0x7C00);
  EXPECT_EQ(nearest_code(Dtype::kF16, -1e300), 0xFC00);
  EXPECT_EQ(nearest_code(Dtype::kBF16, -kInfinity), 0xFF80);
  EXPECT_EQ(nearest_code(Dtype::kF8E5M2, 1e6), 0x7C);
  EXPECT_EQ(nearest_code(Dtype::kF8E4M3, 464), 0x7E);
  EXPECT_EQ(nearest_code(Dtype::kF8E4M3, 464.01), 0x7E);
  EXPECT_EQ(nearest_code(Dtype::kF8E4M3, -kInfinity), 0xFE);
  EXPECT_EQ(nearest_code(Dtype::kF8E4M3FNUZ, -300), 0x80);
  EXPECT_EQ(nearest_code(Dtype::kF8E5M2FNUZ, kInfinity), 0x80);
  EXPECT_EQ(nearest_code(Dtype::kF8E8M0, 0x1.8p127), 0xFF);
  for (Dtype dtype : kRounded) {
    const std::vector<std::uint16_t> code = {nearest_code(dtype, kNan)};
    EXPECT_TRUE(std::isnan(to_double(dtype, bytes_of(code), 0))) << name(dtype);
  }
}

TEST(Element, ReadsIntegersAndBools) {
  const std::vector<std::uint8_t> bytes = {0, 1, 255, 128};
  EXPECT_EQ(read(Dtype::kBool, bytes, 4), (std::vector<double>{0, 1, 1, 1}));
  EXPECT_EQ(read(Dtype::kU8, bytes, 4), (std::vector<double>{0, 1, 255, 128}));
  EXPECT_EQ(read(Dtype::kI8, bytes, 4), (std::vector<double>{0, 1, -1, -128}));
  EXPECT_EQ(read(Dtype::kI16, std::vector<std::int16_t>{-32768, 5}, 2),
            (std::vector<double>{-32768, 5}));
  EXPECT_EQ(read(Dtype::kU16, std::vector<std::uint16_t>{65535}, 1), std::vector<double>{65535});
  EXPECT_EQ(read(Dtype::kI32, std::vector<std::int32_t>{-7}, 1), std::vector<double>{-7});
  EXPECT_EQ(read(Dtype::kU32, std::vector<std::uint32_t>{0xFFFFFFFF}, 1),
            std::vector<double>{4294967295.0});
  EXPECT_EQ(read(Dtype::kI64, std::vector<std::int64_t>{-(1LL << 53), 3}, 2),
            (std::vector<double>{-0x1p53, 3}));
  EXPECT_EQ(read(Dtype::kU64, std::vector<std::uint64_t>{~0ULL}, 1), std::vector<double>{0x1p64});
}

TEST(Element, ReadsFloatsThatAreNotAligned) {
  std::vector<std::uint8_t> bytes(1 + 3 * sizeof(double));
  const double numbers[] = {0.1, -0.0, 1e300};
  std::memcpy(bytes.data() + 1, numbers, sizeof numbers);
  std::vector<double> got(2);
  to_doubles(Dtype::kF64, bytes_of(bytes) + 1, 1, 2, got.data());
  expect_same(got[0], -0.0, "first");
  expect_same(got[1], 1e300, "second");
  const float small[] = {0.1f, 2};
  std::memcpy(bytes.data() + 3, small, sizeof small);
  EXPECT_EQ(to_double(Dtype::kF32, bytes_of(bytes) + 3, 0), double{0.1f});
}

TEST(Element, AComplexElementIsTwoNumbers) {
  const std::vector<float> values = {1, 2, 3, 4};
  EXPECT_EQ(numbers_per_element(Dtype::kC64), 2u);
  EXPECT_EQ(numbers_per_element(Dtype::kF64), 1u);
  EXPECT_EQ(read(Dtype::kC64, values, 4), (std::vector<double>{1, 2, 3, 4}));
  EXPECT_EQ(to_double(Dtype::kC64, bytes_of(values), 3), 4);
}

TEST(Element, ReadsPartsOfBytesFromAnyPlace) {
  // 1, 6, -0.5; then four of 6 bits: 1, 2, 4, -0.125.
  EXPECT_EQ(to_double(Dtype::kF4, bytes_of(std::vector<std::uint8_t>{0x72, 0x09}), 2), -0.5);
  const std::vector<std::uint8_t> bits = {0x08, 0x84, 0x85};
  std::vector<double> got(3);
  to_doubles(Dtype::kF6E2M3, bytes_of(bits), 1, 3, got.data());
  EXPECT_EQ(got, (std::vector<double>{2, 4, -0.125}));
}

TEST(Element, NamesDtypesAsPyTorch) {
  EXPECT_EQ(torch_name(Dtype::kF4), "float4_e2m1fn");
  EXPECT_EQ(torch_name(Dtype::kF8E8M0), "float8_e8m0fnu");
  EXPECT_EQ(torch_name(Dtype::kBF16), "bfloat16");
  EXPECT_EQ(torch_name(Dtype::kU64), "uint64");
  EXPECT_EQ(torch_name(Dtype::kC64), "complex64");
}

}  // namespace
}  // namespace anycapture
