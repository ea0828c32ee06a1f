// SPDX-License-Identifier: MIT
#include <anycapture/error.h>
#include <anycapture/pictures.h>

#include <cmath>
#include <limits>

#include "pictures/color_range.h"
#include "support/throws.h"

namespace anycapture {
namespace {

using support::message_of;
using testing::HasSubstr;

void expect_color(ColorMap map, double t, int red, int green, int blue) {
  const Rgb color = color_at(map, t);
  EXPECT_NEAR(255 * color.red, red, 5.0) << t;
  EXPECT_NEAR(255 * color.green, green, 5.0) << t;
  EXPECT_NEAR(255 * color.blue, blue, 5.0) << t;
}

// The published tables at entries 0, 40, 128, 200 and 255.
TEST(ColorAt, IsViridisAndMagma) {
  expect_color(ColorMap::viridis, 0 / 255.0, 68, 1, 84);
  expect_color(ColorMap::viridis, 40 / 255.0, 69, 55, 129);
  expect_color(ColorMap::viridis, 128 / 255.0, 33, 145, 140);
  expect_color(ColorMap::viridis, 200 / 255.0, 112, 207, 87);
  expect_color(ColorMap::viridis, 255 / 255.0, 253, 231, 37);
  expect_color(ColorMap::magma, 40 / 255.0, 41, 17, 90);
  expect_color(ColorMap::magma, 128 / 255.0, 183, 55, 121);
  expect_color(ColorMap::magma, 255 / 255.0, 252, 253, 191);
  expect_color(ColorMap::grey, 0.5, 128, 128, 128);
}

TEST(ColorAt, StaysAtTheEnds) {
  expect_color(ColorMap::viridis, -3, 68, 1, 84);
  expect_color(ColorMap::viridis, std::nan(""), 68, 1, 84);
  expect_color(ColorMap::viridis, 7, 253, 231, 37);
}

ColorRange range_of_values(const std::vector<float>& values, const FigureOptions& options = {}) {
  return range_of({{values.data(), 1, static_cast<int>(values.size())}}, options);
}

TEST(RangeOf, SpansFiniteValues) {
  const float inf = std::numeric_limits<float>::infinity();
  const ColorRange range = range_of_values({2, NAN, 3, inf, -inf});
  EXPECT_EQ(range.low, 2);
  EXPECT_EQ(range.high, 3);
  EXPECT_EQ(range.not_finite, 3u);
  EXPECT_EQ(range.place(2.5f), 0.5);
}

TEST(RangeOf, StartsAtZeroWhenTheSmallestIsNearIt) {
  EXPECT_EQ(range_of_values({1e-7f, 0.5f}).low, 0);
  EXPECT_EQ(range_of_values({-1e-7f, 0.5f}).low, -1e-7f);
}

TEST(RangeOf, IsARangeForConstantMaps) {
  EXPECT_EQ(range_of_values({0, 0}).high, 1);
  EXPECT_EQ(range_of_values({0.25f, 0.25f}).high, 0.25);
  EXPECT_EQ(range_of_values({0.25f, 0.25f}).low, 0);
  EXPECT_EQ(range_of_values({-2}).low, -2);
  EXPECT_EQ(range_of_values({NAN}).high, 1);
}

TEST(RangeOf, TakesLimits) {
  FigureOptions options;
  options.limits = {0.f, 2.f};
  const ColorRange range = range_of_values({1, 3}, options);
  EXPECT_EQ(range.high, 2);
  EXPECT_TRUE(range.above);
  EXPECT_FALSE(range.below);
  EXPECT_EQ(range.place(3), 1.0);
  options.limits = {2.f, 2.f};
  EXPECT_THAT(message_of<Error>([&] {
                range_of_values({1, 3}, options);
              }),
              HasSubstr("limits 2 and 2 are no range"));
}

}  // namespace
}  // namespace anycapture
