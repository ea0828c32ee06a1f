// SPDX-License-Identifier: MIT
#include <anycapture/error.h>
#include <anycapture/pictures.h>

#include <numeric>

#include "pictures/figure.h"
#include "pictures/tiles.h"
#include "support/throws.h"

namespace anycapture {
namespace {

using figure::Box;
using figure::box_of;
using figure::bytes;
using figure::drawn;
using support::message_of;
using testing::HasSubstr;

// The part of the figure that the map's cells fill, found from the cell of the smallest value at
// its upper left: the colour bar has all colours too, and text has many greys.
Box map_of(const Image& image) {
  Box map = box_of(image, bytes(color_at(ColorMap::viridis, 0.0)), 0, image.width / 2);
  const int x = map.left + 5;
  const int y = map.top + 5;
  const auto white = [&image](int column, int row) {
    return figure::color(image, column, row) == figure::Color{255, 255, 255};
  };
  for (map.right = x; map.right + 1 < image.width && !white(map.right + 1, y);) ++map.right;
  for (map.bottom = y; map.bottom + 1 < image.height && !white(x, map.bottom + 1);) ++map.bottom;
  return map;
}

std::vector<float> twelve() {
  std::vector<float> values(12);
  std::iota(values.begin(), values.end(), 0.0f);
  return values;
}

TEST(DrawHead, EveryCellIsAtItsPlace) {
  const std::vector<float> values = twelve();
  const Image image = drawn([&](const std::string& path) {
    draw_head(path, {values.data(), 3, 4});
  });
  const Box map = map_of(image);
  const auto box = [&](int row, int col) {
    const double t = (row * 4 + col) / 11.0;
    return box_of(image, bytes(color_at(ColorMap::viridis, t)), map);
  };
  const Box first = box(0, 0);
  for (int row = 0; row < 3; ++row) {
    for (int col = 0; col < 4; ++col) {
      ASSERT_TRUE(box(row, col).found()) << row << ", " << col;
      EXPECT_NEAR(box(row, col).left, first.left + col * 110, 2);
      EXPECT_NEAR(box(row, col).top, first.top + row * 110, 2);
      EXPECT_NEAR(box(row, col).width(), 110, 2);
      EXPECT_NEAR(box(row, col).height(), 110, 2);
    }
  }
}

TEST(DrawHead, MarksCellsThatAreNotFinite) {
  std::vector<float> values = twelve();
  values[5] = NAN;
  const Image image = drawn([&](const std::string& path) {
    draw_head(path, {values.data(), 3, 4});
  });
  const Box map = map_of(image);
  const Box grey = box_of(image, {184, 184, 184}, map);
  const Box last = box_of(image, {253, 231, 37}, map);
  EXPECT_NEAR(grey.left, map.left + 110, 2);
  EXPECT_NEAR(grey.top, map.top + 110, 2);
  EXPECT_NEAR(grey.width(), 110, 2);
  EXPECT_NEAR(last.width(), 110, 2);
  const int cross =
      figure::color(image, (grey.left + grey.right) / 2, (grey.top + grey.bottom) / 2)[0];
  EXPECT_LT(cross, 100);
}

TEST(DrawHead, DrawsMapsOfAnyShape) {
  const std::vector<float> zeros(2000 * 3, 0.0f);
  for (const auto& [rows, cols] :
       std::vector<std::pair<int, int>>{{1, 1}, {1, 197}, {2000, 1}, {3, 2000}, {40, 40}}) {
    const Image image = drawn([&, r = rows, c = cols](const std::string& path) {
      draw_head(path, {zeros.data(), r, c});
    });
    EXPECT_GT(image.width, 100);
    EXPECT_LT(image.width, 1200);
    EXPECT_LT(image.height, 1200);
  }
  EXPECT_THAT(message_of<Error>([] { draw_head("a.png", {}); }), HasSubstr("0 x 0 values"));
}

TEST(DrawHead, ResolutionMultipliesPixels) {
  const std::vector<float> values = twelve();
  const auto size = [&](int resolution) {
    FigureOptions options;
    options.resolution = resolution;
    const Image image = drawn([&](const std::string& path) {
      draw_head(path, {values.data(), 3, 4}, options);
    });
    return std::pair(image.width, image.height);
  };
  EXPECT_EQ(size(3), std::pair(3 * size(1).first, 3 * size(1).second));
}

// Two heads of one cell each, 1 and 3: the mean, 2, is the middle of the shared colours.
TEST(DrawHeads, TheLastTileIsTheMean) {
  const std::vector<float> heads = {1, 3};
  const Image image = drawn([&](const std::string& path) {
    draw_heads(path, {{heads.data(), 1, 1}, {heads.data() + 1, 1, 1}});
  });
  const auto box = [&](double t) {
    return box_of(image, bytes(color_at(ColorMap::viridis, t)), 0, image.width - 70);
  };
  EXPECT_GT(box(0.0).width(), 200);
  EXPECT_LT(box(0.0).right, box(1.0).left);
  EXPECT_LT(box(1.0).right, box(0.5).left);
}

// Without a mean, and with names that may not be fewer.
TEST(DrawMaps, ATileForEach) {
  const std::vector<float> maps = {1, 3};
  FigureOptions options;
  options.names = {"low", "high"};
  const auto draw = [&](const std::string& path) {
    draw_maps(path, {{maps.data(), 1, 1}, {maps.data() + 1, 1, 1}}, options);
  };
  const Image image = drawn(draw);
  const auto box = [&](double t) {
    return box_of(image, bytes(color_at(ColorMap::viridis, t)), 0, image.width - 70);
  };
  EXPECT_GT(box(0.0).width(), 200);
  EXPECT_LT(box(0.0).right, box(1.0).left);
  options.names.pop_back();
  EXPECT_THAT(message_of<Error>([&] { draw("a.png"); }), HasSubstr("1 names for 2"));
}

TEST(DrawHeads, EachTileCanHaveItsOwnScale) {
  const std::vector<float> heads = {0, 1, 0, 8};
  FigureOptions options;
  options.columns = 1;
  const auto yellow = [&](ColorScale scale) {
    options.scale = scale;
    const Image image = drawn([&](const std::string& path) {
      draw_heads(path, {{heads.data(), 1, 2}, {heads.data() + 2, 1, 2}}, options);
    });
    return box_of(image, {253, 231, 37}, 0, map_of(image).right).height();
  };
  EXPECT_GT(yellow(ColorScale::each), 2 * yellow(ColorScale::shared));
}

TEST(DrawHeads, SaysWhatDoesNotFit) {
  const std::vector<float> values = twelve();
  EXPECT_THAT(message_of<Error>([&] {
                draw_heads("a.png", {{values.data(), 3, 4}, {values.data(), 3, 3}});
              }),
              HasSubstr("head 1 is 3 x 3, but head 0 is 3 x 4"));
  EXPECT_THAT(message_of<Error>([] { draw_heads("a.png", {}); }), HasSubstr("no heads"));
}

TEST(DrawHead, SaysWhichOptionIsOutOfRange) {
  const std::vector<float> values = twelve();
  const auto message = [&](FigureOptions options) {
    return message_of<Error>([&] { draw_head("a.png", {values.data(), 3, 4}, options); });
  };
  FigureOptions options;
  options.alpha = NAN;
  EXPECT_THAT(message(options), HasSubstr("alpha is nan; it must be in 0..1"));
  options = {};
  options.resolution = 9;
  EXPECT_THAT(message(options), HasSubstr("resolution is 9; it must be in 1..8"));
  options = {};
  options.columns = -1;
  EXPECT_THAT(message(options), HasSubstr("columns is -1"));
}

TEST(ChooseColumns, LeavesFewGaps) {
  EXPECT_EQ(choose_columns(1, 200, 220), 1);
  EXPECT_EQ(choose_columns(3, 300, 220), 3);
  EXPECT_EQ(choose_columns(8, 200, 220), 4);
  EXPECT_EQ(choose_columns(13, 180, 200), 5);
}

}  // namespace
}  // namespace anycapture
