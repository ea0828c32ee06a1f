// SPDX-License-Identifier: MIT
#include "core/tensor_difference.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <vector>

namespace anycapture {
namespace {

using safetensors::Dtype;

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

template <class T>
TensorData data_of(Dtype dtype, const std::vector<T>& values) {
  return {dtype, reinterpret_cast<const std::byte*>(values.data())};
}

template <class T>
constexpr Dtype kDtype = sizeof(T) == 4 ? Dtype::kF32 : Dtype::kF64;

template <class T>
TensorDifference of(const std::vector<T>& a, const std::vector<T>& b, const Tolerance& tolerance) {
  return difference(data_of(kDtype<T>, a), data_of(kDtype<T>, b), a.size(), tolerance);
}

// As the header defines them, value by value.
template <class T>
void expect_as_defined(const std::vector<T>& a, const std::vector<T>& b,
                       const Tolerance& tolerance) {
  TensorDifference expected;
  long double sum = 0, dot = 0, aa = 0, bb = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double x = a[i], y = b[i];
    double distance = std::abs(x - y);
    if (x == y || (std::isnan(x) && std::isnan(y))) distance = 0;
    if (std::isnan(distance)) distance = kInf;
    const bool close = distance == 0 || (std::isfinite(distance) &&
                                         distance <= tolerance.atol + tolerance.rtol * std::abs(y));
    if (!close && expected.far++ == 0) expected.first = i;
    expected.max_abs = std::max(expected.max_abs, distance);
    if (distance > 0) {
      expected.max_rel =
          std::max(expected.max_rel, distance == kInf ? kInf : distance / std::abs(y));
    }
    sum += distance;
    if (!std::isfinite(x) || !std::isfinite(y)) continue;
    dot += x * y, aa += x * x, bb += y * y;
  }
  const TensorDifference d = of(a, b, tolerance);
  EXPECT_EQ(d.far, expected.far);
  EXPECT_EQ(d.first, expected.first);
  EXPECT_EQ(d.max_abs, expected.max_abs);
  EXPECT_EQ(d.max_rel, expected.max_rel);
  const auto mean = static_cast<double>(sum / static_cast<long double>(a.size()));
  if (std::isfinite(mean)) {
    EXPECT_NEAR(d.mean_abs, mean, 1e-12 * mean);
  } else {
    EXPECT_EQ(d.mean_abs, mean);
  }
  EXPECT_NEAR(d.cosine, static_cast<double>(dot / sqrtl(aa * bb)), 1e-12);
}

template <class T>
void compare_noise(std::size_t count) {
  SCOPED_TRACE(count);
  std::mt19937 random(count);
  std::normal_distribution<T> normal;
  std::vector<T> a(count);
  for (T& value : a) value = normal(random);
  std::vector<T> b = a;
  expect_as_defined(a, b, {});
  for (T& value : b) value += normal(random) * static_cast<T>(1e-6);
  expect_as_defined(a, b, {});
  b[count / 2] = static_cast<T>(kNan);
  b[count / 3] = a[count / 3] = static_cast<T>(kInf);
  expect_as_defined(a, b, {1e-3, 1e-3});
  a[count / 2] = static_cast<T>(kNan);
  a[count - 1] = static_cast<T>(-kInf);
  expect_as_defined(a, b, {1e-3, 1e-3});
}

TEST(TensorDifference, IsAsDefinedAtEverySize) {
  for (std::size_t count : {5, 8, 9, 2048, 2049, 300'001}) {
    compare_noise<float>(count);
    compare_noise<double>(count);
  }
}

TEST(TensorDifference, FindsOneValueAmongMany) {
  std::vector<float> a(1'000'000, 1.5F), b = a;
  for (std::size_t place : {0, 7, 262'143, 262'144, 999'999}) {
    b[place] = 1.75F;
    const TensorDifference d = of(a, b, {});
    EXPECT_EQ(d.far, 1u);
    EXPECT_EQ(d.first, place);
    EXPECT_EQ(d.max_abs, 0.25);
    EXPECT_NEAR(d.max_rel, 0.25 / 1.75, 1e-12);
    b[place] = 1.5F;
  }
}

TEST(TensorDifference, OfZerosAndOfNothing) {
  const std::vector<float> zeros(10, 0), ones(10, 1);
  EXPECT_EQ(of(zeros, zeros, {}).cosine, 1);
  EXPECT_EQ(of(zeros, zeros, {}).max_rel, 0);
  EXPECT_EQ(of(ones, zeros, {}).cosine, 0);
  EXPECT_EQ(of(ones, zeros, {}).max_rel, kInf);
  EXPECT_EQ(of(std::vector<float>{}, {}, {}).far, 0u);
  EXPECT_EQ(of(std::vector<float>{0.F}, {-0.F}, {0, 0}).far, 0u);
}

TEST(TensorDifference, AcrossDtypesAndInComplexOnes) {
  const std::vector<float> floats{1, 2, 3};
  const std::vector<std::int64_t> integers{1, 2, 4};
  const TensorDifference d =
      difference(data_of(Dtype::kF32, floats), data_of(Dtype::kI64, integers), 3, {});
  EXPECT_EQ(d.far, 1u);
  EXPECT_EQ(d.first, 2u);

  const std::vector<float> a{1, 2, 3, 4}, b{1, 2, 3, 5};
  const TensorDifference imaginary =
      difference(data_of(Dtype::kC64, a), data_of(Dtype::kC64, b), 2, {});
  EXPECT_EQ(imaginary.far, 1u);
  EXPECT_EQ(imaginary.first, 1u);  // counts elements
}

}  // namespace
}  // namespace anycapture
