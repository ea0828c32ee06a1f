// SPDX-License-Identifier: MIT
#include <anycapture/error.h>
#include <anycapture/pictures.h>

#include <cmath>
#include <limits>

#include "pictures/axis.h"
#include "pictures/figure.h"
#include "support/throws.h"

namespace anycapture {
namespace {

using figure::Box;
using figure::Color;
using figure::drawn;
using support::message_of;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr Color kFirst{0, 114, 178};
constexpr Color kSecond{213, 94, 0};

Image curves(const std::vector<std::vector<float>>& values, const FigureOptions& options = {}) {
  return drawn([&](const std::string& path) {
    draw_curves(path, {values.begin(), values.end()}, options);
  });
}

// Around the pixels that are mostly of this colour: a thin line's are mixed with what is behind it.
Box stroke(const Image& image, const Color& wanted, const Box& within) {
  Box box;
  for (int y = within.top; y <= within.bottom; ++y) {
    for (int x = within.left; x <= within.right; ++x) {
      int off = 0;
      for (std::size_t c = 0; c < 3; ++c) {
        off = std::max(off, std::abs(figure::color(image, x, y)[c] - wanted[c]));
      }
      if (off > 80) continue;
      box = {std::min(box.left, x), std::min(box.top, y), std::max(box.right, x),
             std::max(box.bottom, y)};
    }
  }
  return box;
}

Box line(const Image& image, const Color& color) {
  return stroke(image, color, {0, 0, image.width - 1, image.height - 1});
}

// The frame, found from its upright sides.
Box frame(const Image& image) {
  Box box;
  for (int x = 0; x < image.width; ++x) {
    int run = 0;
    for (int y = 0; y < image.height; ++y) {
      run = figure::color(image, x, y)[0] < 220 ? run + 1 : 0;
      if (run < 295) continue;
      box.top = std::min(box.top, y - run + 1);
      box.bottom = std::max(box.bottom, y);
      box.left = std::min(box.left, x);
      box.right = x;
    }
  }
  return box;
}

TEST(DrawCurves, TheLineGoesThroughItsValues) {
  const Image image = curves({{0, 1, 0.5f}});
  const Box box = frame(image);
  const Box blue = line(image, kFirst);
  EXPECT_NEAR(blue.left, box.left, 3);
  EXPECT_NEAR(blue.right, box.right, 3);
  EXPECT_NEAR(blue.top, box.top, 4);        // 1 is a round end of the axis
  EXPECT_NEAR(blue.bottom, box.bottom, 4);  // and so is 0
  const int middle = (box.left + box.right) / 2;
  const Box peak = stroke(image, kFirst, {middle - 2, box.top, middle + 2, box.bottom});
  EXPECT_NEAR(peak.top, box.top, 4);
  const Box end = stroke(image, kFirst, {box.right - 4, box.top, box.right - 1, box.bottom});
  EXPECT_NEAR((end.top + end.bottom) / 2.0, (box.top + box.bottom) / 2.0, 4);
}

TEST(DrawCurves, ValuesThatAreNotFiniteAreGaps) {
  std::vector<float> values(101, 1.0f);
  for (std::size_t i = 40; i <= 60; ++i) values[i] = i % 2 == 0 ? NAN : INFINITY;
  values[50] = 1;  // alone between gaps: a dot
  const Image image = curves({values});
  const Box box = frame(image);
  const auto blue_at = [&](double place) {
    const int x = box.left + static_cast<int>(place * box.width());
    return stroke(image, kFirst, {x - 1, box.top, x + 1, box.bottom}).found();
  };
  EXPECT_TRUE(blue_at(0.2));
  EXPECT_FALSE(blue_at(0.45));
  EXPECT_TRUE(blue_at(0.5));
  EXPECT_FALSE(blue_at(0.55));
  EXPECT_TRUE(blue_at(0.8));
}

// A spike of one value among a million is as high as it is.
TEST(DrawCurves, ManyValuesKeepTheirSpikes) {
  std::vector<float> values(1'000'000, 0.0f);
  values[654'321] = 8;
  const Image image = curves({values});
  const Box box = frame(image);
  const Box spike = stroke(image, kFirst, {box.left, box.top, box.right, box.top + 100});
  ASSERT_TRUE(spike.found());
  EXPECT_NEAR((spike.left + spike.right) / 2.0, box.left + 0.654321 * box.width(), 3);
  EXPECT_LT(spike.width(), 6);
}

TEST(DrawCurves, CurvesOfSeveralLengthsShareTheAxes) {
  FigureOptions options;
  options.names = {"long", "short"};
  const Image image = curves({{0, 0, 0, 0, 4}, {2, 2, 2}}, options);
  const Box box = frame(image);
  const Box second = stroke(image, kSecond, box);
  EXPECT_NEAR(second.right, (box.left + box.right) / 2.0, 4);
  EXPECT_NEAR(second.top, (box.top + box.bottom) / 2.0, 4);
  const Box legend = stroke(image, kSecond, {box.right + 2, 0, image.width - 1, image.height - 1});
  EXPECT_GT(legend.width(), 15);
}

TEST(DrawCurves, LimitsAreTheEndsOfTheAxis) {
  FigureOptions options;
  options.limits = {0.0f, 10.0f};
  const Image image = curves({{5, 5, 5}}, options);
  const Box box = frame(image);
  EXPECT_NEAR(line(image, kFirst).top, (box.top + box.bottom) / 2.0, 4);
}

TEST(DrawCurves, DrawsWhatIsDegenerate) {
  const float inf = std::numeric_limits<float>::infinity();
  const float most = std::numeric_limits<float>::max();
  for (const std::vector<float>& values : std::vector<std::vector<float>>{
           {3}, {0, 0}, {NAN}, {inf, -inf}, {-most, most}, {1e-42f, 2e-42f}, {7, 7, 7}}) {
    EXPECT_GT(curves({values}).width, 600);
  }
}

TEST(DrawCurves, SaysWhatDoesNotFit) {
  const std::vector<float> one = {1};
  EXPECT_THAT(message_of<Error>([&] { draw_curves("a.png", {}); }), HasSubstr("0 curves; 1 to 7"));
  EXPECT_THAT(message_of<Error>([&] { draw_curves("a.png", std::vector<RowView>(8, one)); }),
              HasSubstr("8 curves"));
  EXPECT_THAT(message_of<Error>([&] {
                draw_curves("a.png", {one, {}});
              }),
              HasSubstr("curve 1 has no values"));
  FigureOptions options;
  options.names = {"a", "b"};
  EXPECT_THAT(message_of<Error>([&] { draw_curves("a.png", {one}, options); }),
              HasSubstr("2 names for 1"));
  EXPECT_THAT(message_of<Error>([&] { draw_curves("a.gif", {one}); }), HasSubstr(".png"));
}

TEST(ValueTicks, AreRoundAndHaveRoom) {
  EXPECT_THAT(value_ticks(0, 1, 300),
              ElementsAre(0, testing::DoubleEq(0.2), testing::DoubleEq(0.4), testing::DoubleEq(0.6),
                          testing::DoubleEq(0.8), 1));
  EXPECT_THAT(value_ticks(-3, 4, 150), ElementsAre(0));
}

}  // namespace
}  // namespace anycapture
