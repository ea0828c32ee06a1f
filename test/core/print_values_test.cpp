// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <nlohmann/json.hpp>

#include <cmath>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "core/element.h"
#include "core/print_values.h"
#include "support/data.h"

namespace anycapture {
namespace {

using nlohmann::json;
using safetensors::Dtype;
using Shape = std::vector<std::int64_t>;

Dtype dtype_named(const std::string& text) {
  int dtype = 0;
  while (safetensors::name(static_cast<Dtype>(dtype)) != text) ++dtype;
  return static_cast<Dtype>(dtype);
}

std::string from_base64(const std::string& text) {
  const std::string digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string bytes;
  unsigned bits = 0;
  int count = 0;
  for (char letter : text) {
    if (letter == '=') break;
    bits = bits << 6 | static_cast<unsigned>(digits.find(letter));
    count += 6;
    if (count >= 8) bytes += static_cast<char>(bits >> (count -= 8) & 0xFF);
  }
  return bytes;
}

template <class T>
std::string printed(Dtype dtype, const Shape& shape, const std::vector<T>& values) {
  return print_values(dtype, shape, reinterpret_cast<const std::byte*>(values.data()));
}

// Of one axis, rounded to the dtype.
std::string printed_nearest(Dtype dtype, const std::vector<double>& values) {
  std::vector<std::uint16_t> wide;
  std::vector<std::uint8_t> narrow;
  for (double value : values) {
    wide.push_back(nearest_code(dtype, value));
    narrow.push_back(static_cast<std::uint8_t>(wide.back()));
  }
  const Shape shape = {static_cast<std::int64_t>(values.size())};
  return safetensors::bits(dtype) == 16 ? printed(dtype, shape, wide)
                                        : printed(dtype, shape, narrow);
}

TEST(PrintValues, PrintsWhatNumPyPrints) {
  std::ifstream file(support::data("print/print_reference.json"));
  const json cases = json::parse(file);
  EXPECT_GT(cases.size(), 150u);
  for (const json& one : cases) {
    const Dtype dtype = dtype_named(one.at("dtype").get<std::string>());
    // One byte off, so that nothing is aligned.
    const std::string bytes = " " + from_base64(one.at("bytes").get<std::string>());
    const auto* data = reinterpret_cast<const std::byte*>(bytes.data() + 1);
    EXPECT_EQ(print_values(dtype, one.at("shape").get<Shape>(), data),
              one.at("text").get<std::string>())
        << one.at("name") << " " << one.at("dtype");
  }
}

TEST(PrintValues, RoundsBfloat16ToItsOwnDigits) {
  EXPECT_EQ(printed_nearest(Dtype::kBF16, {0.2, 1.75, 100.5, -0.0}),
            "[  0.2    1.75 100.5   -0.  ]");
  EXPECT_EQ(printed_nearest(Dtype::kBF16, {3.3e38, 1}), "[3.3e+38 1.0e+00]");
  EXPECT_EQ(printed_nearest(Dtype::kBF16, {NAN, INFINITY, 2}), "[nan inf  2.]");
}

TEST(PrintValues, ShowsFloat8AsItIs) {
  EXPECT_EQ(printed_nearest(Dtype::kF8E4M3, {0.125, 1.75, -3}), "[ 0.125  1.75  -3.   ]");
  EXPECT_EQ(printed_nearest(Dtype::kF8E4M3, {448, 1}), "[448.   1.]");
  EXPECT_EQ(printed_nearest(Dtype::kF8E5M2, {0.5, INFINITY}), "[0.5 inf]");
  EXPECT_EQ(printed_nearest(Dtype::kF8E5M2FNUZ, {NAN, 0.25}), "[ nan 0.25]");
}

TEST(PrintValues, KeepsTheDigitsOfScalesAndTinyFloats) {
  EXPECT_EQ(printed_nearest(Dtype::kF8E8M0, {0.125, 64}), "[ 0.125 64.   ]");
  EXPECT_EQ(printed_nearest(Dtype::kF8E8M0, {0x1p-127, 1024}), "[5.877472e-39 1.024000e+03]");
  EXPECT_EQ(printed(Dtype::kF4, {4}, std::vector<std::uint8_t>{0x91, 0x73}),
            "[ 0.5 -0.5  1.5  6. ]");
  EXPECT_EQ(printed(Dtype::kF6E2M3, {2, 2}, std::vector<std::uint8_t>{0x08, 0x84, 0x85}),
            "[[ 1.     2.   ]\n [ 4.    -0.125]]");
}

TEST(PrintValues, SmallFloatsReadBack) {
  for (Dtype dtype : {Dtype::kF16, Dtype::kBF16, Dtype::kF8E5M2, Dtype::kF8E4M3, Dtype::kF8E4M3FNUZ,
                      Dtype::kF8E5M2FNUZ}) {
    for (std::uint32_t code = 0; code < 1u << safetensors::bits(dtype); ++code) {
      const auto bits = static_cast<std::uint16_t>(code);
      const auto* data = reinterpret_cast<const std::byte*>(&bits);
      if (std::isnan(to_double(dtype, data, 0))) continue;
      const std::string text = print_values(dtype, {}, data);
      ASSERT_EQ(nearest_code(dtype, std::strtod(text.c_str(), nullptr)), bits) << text;
    }
  }
}

TEST(PrintValues, ReadsOnlyWhatItShows) {
  constexpr std::int64_t kRows = 1 << 17;
  constexpr std::size_t kBytes = std::size_t{kRows} * kRows * sizeof(float);  // 64 GiB
  void* memory =
      mmap(nullptr, kBytes, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  ASSERT_NE(memory, MAP_FAILED);
  EXPECT_EQ(print_values(Dtype::kF32, {kRows, kRows}, static_cast<const std::byte*>(memory)),
            "[[0. 0. 0. ... 0. 0. 0.]\n"
            " [0. 0. 0. ... 0. 0. 0.]\n"
            " [0. 0. 0. ... 0. 0. 0.]\n"
            " ...\n"
            " [0. 0. 0. ... 0. 0. 0.]\n"
            " [0. 0. 0. ... 0. 0. 0.]\n"
            " [0. 0. 0. ... 0. 0. 0.]]");
  munmap(memory, kBytes);
}

TEST(PrintValues, TakesAnyNumberOfAxes) {
  const Shape shape(100, 1);
  EXPECT_EQ(printed(Dtype::kU8, shape, std::vector<std::uint8_t>{7}),
            std::string(100, '[') + "7" + std::string(100, ']'));
  EXPECT_EQ(print_values(Dtype::kF32, {4, 0, 2}, nullptr), "[]");
}

}  // namespace
}  // namespace anycapture
