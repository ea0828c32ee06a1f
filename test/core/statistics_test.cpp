// SPDX-License-Identifier: MIT
#include "core/statistics.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

namespace anycapture {
namespace {

using safetensors::Dtype;

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

template <class T>
Statistics of(Dtype dtype, const std::vector<T>& values, WithSpread spread = WithSpread::yes) {
  return statistics(dtype, reinterpret_cast<const std::byte*>(values.data()), values.size(),
                    spread);
}

// What they are, value by value, with more digits.
template <class T>
void expect_as_defined(const std::vector<T>& values, const Statistics& s) {
  std::uint64_t nans = 0, infinities = 0, zeros = 0;
  long double sum = 0;
  std::vector<T> finite;
  for (T value : values) {
    if (std::isnan(static_cast<double>(value))) {
      ++nans;
    } else if (std::isinf(static_cast<double>(value))) {
      ++infinities;
    } else {
      zeros += value == 0 ? 1 : 0;
      sum += static_cast<long double>(value);
      finite.push_back(value);
    }
  }
  EXPECT_EQ(s.count, values.size());
  EXPECT_EQ(s.nans, nans);
  EXPECT_EQ(s.infinities, infinities);
  EXPECT_EQ(s.zeros, zeros);
  ASSERT_FALSE(finite.empty());
  const auto low = *std::min_element(finite.begin(), finite.end());
  const auto high = *std::max_element(finite.begin(), finite.end());
  EXPECT_EQ(s.min, static_cast<double>(low));
  EXPECT_EQ(s.max, static_cast<double>(high));
  const auto index = [&](T value) {
    return static_cast<std::uint64_t>(std::find(values.begin(), values.end(), value) -
                                      values.begin());
  };
  EXPECT_EQ(s.min_index, index(low));
  EXPECT_EQ(s.max_index, index(high));
  const long double mean = sum / static_cast<long double>(finite.size());
  long double squares = 0;
  for (T value : finite) squares += (value - mean) * (value - mean);
  const auto std = static_cast<double>(sqrtl(squares / static_cast<long double>(finite.size())));
  EXPECT_NEAR(s.mean, static_cast<double>(mean), 1e-12 * std + 1e-15 * std::abs(s.mean));
  EXPECT_NEAR(s.std, std, 1e-12 * std);
}

std::vector<float> normal(std::size_t count, float mean = 0) {
  std::mt19937 random(count);
  std::normal_distribution<float> distribution(mean, 1);
  std::vector<float> values(count);
  for (float& value : values) value = distribution(random);
  return values;
}

TEST(Statistics, AreAsDefinedAtEverySize) {
  for (std::size_t count : {1, 2, 15, 16, 17, 2047, 2048, 2049, 262'144, 1'000'003}) {
    SCOPED_TRACE(count);
    const std::vector<float> values = normal(count);
    expect_as_defined(values, of(Dtype::kF32, values));
    const std::vector<double> wide(values.begin(), values.end());
    expect_as_defined(wide, of(Dtype::kF64, wide));
  }
}

TEST(Statistics, KeepTheirDigitsFarFromZero) {
  const std::vector<float> values = normal(100'000, 1e6F);
  expect_as_defined(values, of(Dtype::kF32, values));
}

TEST(Statistics, LeaveOutWhatIsNotFiniteWhereverItStands) {
  for (std::size_t place : {0, 1, 17, 2047, 2048, 9'999}) {
    SCOPED_TRACE(place);
    std::vector<float> values = normal(10'000);
    values[place] = static_cast<float>(kNan);
    values[(place + 1) % values.size()] = static_cast<float>(-kInf);
    values[(place + 5000) % values.size()] = static_cast<float>(kInf);
    values[(place + 3) % values.size()] = 0;
    values[(place + 4) % values.size()] = -100;  // in a piece that is looked through again
    expect_as_defined(values, of(Dtype::kF32, values));
    const std::vector<double> wide(values.begin(), values.end());
    expect_as_defined(wide, of(Dtype::kF64, wide));
    EXPECT_EQ(first_not_finite(Dtype::kF32, reinterpret_cast<const std::byte*>(values.data()),
                               values.size()),
              place == 9'999 ? 0 : place);
  }
}

TEST(Statistics, OfNothingAndOfNoFiniteValue) {
  const Statistics none = of(Dtype::kF32, std::vector<float>{});
  EXPECT_EQ(none.count, 0u);
  EXPECT_EQ(none.finite(), 0u);
  const Statistics nan = of(Dtype::kF64, std::vector<double>(5000, kNan));
  EXPECT_EQ(nan.nans, 5000u);
  EXPECT_EQ(nan.finite(), 0u);
  EXPECT_EQ(nan.min, 0);
  EXPECT_EQ(nan.spread->median, 0);
}

TEST(Statistics, OfEveryKindOfNumber) {
  expect_as_defined(std::vector<std::int64_t>{5, -3, 0, 0, 7},
                    of(Dtype::kI64, std::vector<std::int64_t>{5, -3, 0, 0, 7}));
  const std::vector<std::uint8_t> bytes{0, 255, 3, 255};
  expect_as_defined(bytes, of(Dtype::kU8, bytes));
  // 3+4i has the magnitude 5.
  const std::vector<float> parts{3, 4, 0, 0};
  const Statistics s =
      statistics(Dtype::kC64, reinterpret_cast<const std::byte*>(parts.data()), 2, WithSpread::yes);
  EXPECT_EQ(s.max, 5);
  EXPECT_EQ(s.zeros, 1u);
  EXPECT_EQ(s.spread->median, 2.5);
}

TEST(Statistics, ReadUnalignedData) {
  const std::vector<float> values = normal(5000);
  std::vector<std::byte> bytes(values.size() * sizeof(float) + 1);
  std::memcpy(&bytes[1], values.data(), values.size() * sizeof(float));
  expect_as_defined(values, statistics(Dtype::kF32, &bytes[1], values.size(), WithSpread::yes));
}

TEST(Statistics, GiveTheSameBitsEachTime) {
  const std::vector<float> values = normal(3'000'000);
  const Statistics first = of(Dtype::kF32, values);
  for (int i = 0; i < 5; ++i) {
    const Statistics again = of(Dtype::kF32, values);
    EXPECT_EQ(again.mean, first.mean);
    EXPECT_EQ(again.std, first.std);
    EXPECT_EQ(again.spread->median, first.spread->median);
  }
}

TEST(Spread, IsNumpysForFewValues) {
  // numpy.percentile([1, 2, 3, 4, 10], [1, 50, 99])
  const Statistics s = of(Dtype::kF32, std::vector<float>{10, 1, 2, 3, 4});
  EXPECT_NEAR(s.spread->p1, 1.04, 1e-12);
  EXPECT_EQ(s.spread->median, 3);
  EXPECT_NEAR(s.spread->p99, 9.76, 1e-12);
  EXPECT_EQ(s.spread->histogram, (std::array<std::uint64_t, 8>{2, 1, 1, 0, 0, 0, 0, 1}));
}

TEST(Spread, IsAtMost4PerMilleOffForMany) {
  for (float mean : {0.F, -50.F, 3.F}) {
    std::vector<float> values = normal(200'001, mean);
    const Statistics s = of(Dtype::kF32, values);
    std::sort(values.begin(), values.end());
    EXPECT_NEAR(s.spread->p1, values[2000], std::abs(values[2000]) * 0.004);
    EXPECT_NEAR(s.spread->median, values[100'000], std::abs(values[100'000]) * 0.004);
    EXPECT_NEAR(s.spread->p99, values[198'000], std::abs(values[198'000]) * 0.004);
    std::uint64_t all = 0;
    for (std::uint64_t count : s.spread->histogram) all += count;
    EXPECT_EQ(all, values.size());
  }
}

TEST(Spread, HoldsForValuesOfAnyMagnitude) {
  std::vector<double> values;
  for (int i = 0; i < 10'000; ++i)
    values.push_back(std::pow(10, -300 + 0.06 * i) * (i % 2 ? 1 : -1));
  const Statistics s = of(Dtype::kF64, values);
  std::sort(values.begin(), values.end());
  EXPECT_NEAR(s.spread->p99 / values[9899], 1, 0.004);
  EXPECT_NEAR(s.spread->p1 / values[99], 1, 0.004);
}

}  // namespace
}  // namespace anycapture
