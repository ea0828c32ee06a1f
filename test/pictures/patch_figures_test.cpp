// SPDX-License-Identifier: MIT
// Figures over a picture: the right token has the right place and the right colour.
#include <anycapture/error.h>
#include <anycapture/pictures.h>

#include <limits>
#include <numeric>

#include "pictures/figure.h"
#include "support/throws.h"

namespace anycapture {
namespace {

using figure::Box;
using figure::box_of;
using figure::bytes;
using figure::Color;
using figure::color;
using figure::drawn;
using figure::IsColor;
using figure::solid;
using support::message_of;
using testing::HasSubstr;

constexpr Color kPicture{250, 0, 250};  // no colour map and no text has it
constexpr Color kOutline{230, 25, 25};
constexpr Color kWhite{255, 255, 255};

int first_not_white(const Image& image, int from, int y) {
  while (color(image, from, y) == kWhite) ++from;
  return from;
}

// A grid-to-grid figure over a picture of one colour, and where its parts are.
class GridToGrid {
 public:
  GridToGrid(const PatchGrid& grid, const std::vector<float>& row, int query,
             FigureOptions options = {}, Color picture = kPicture)
      : grid_(grid), image_(drawn([&](const std::string& path) {
          draw_grid_to_grid(path, solid(grid.cols * 8, grid.rows * 8, picture), row, query, grid,
                            options);
        })) {
    left_ = box_of(image_, picture, 0, image_.width / 2);
    const int y = left_.top + 20;
    const int start = first_not_white(image_, 0, y);
    to_right_panel_ = first_not_white(image_, left_.right + 4, y) - start;
    prefix_left_ = start;
  }

  Color patch(int row, int col) const {
    return color(image_,
                 left_.left + to_right_panel_ + (2 * col + 1) * left_.width() / 2 / grid_.cols,
                 left_.top + (2 * row + 1) * left_.height() / 2 / grid_.rows);
  }
  // Beside the label of the right panel's first prefix cell.
  Color cls() const { return color(image_, prefix_left_ + to_right_panel_ + 5, left_.top + 5); }
  Box outline() const { return box_of(image_, kOutline, 0, left_.right + 4); }
  const Box& left_picture() const { return left_; }
  const Image& image() const { return image_; }

 private:
  PatchGrid grid_;
  Image image_;
  Box left_;
  int to_right_panel_ = 0;
  int prefix_left_ = 0;
};

std::vector<float> rising(int count) {
  std::vector<float> values(static_cast<std::size_t>(count));
  std::iota(values.begin(), values.end(), 0.0f);
  return values;
}

Color viridis(double t) {
  return bytes(color_at(ColorMap::viridis, t));
}

TEST(DrawGridToGrid, EveryTokenIsAtItsPlace) {
  for (const PatchGrid& grid : {PatchGrid{8, 8, 1}, PatchGrid{10, 16, 1}, PatchGrid{5, 3, 4}}) {
    FigureOptions options;
    options.alpha = 1.0;
    const int tokens = grid.tokens();
    const GridToGrid drawing(grid, rising(tokens), tokens - 1, options);
    EXPECT_THAT(drawing.cls(), IsColor(viridis(0)));
    for (int token = grid.prefix; token < tokens; ++token) {
      const int patch = token - grid.prefix;
      EXPECT_THAT(drawing.patch(patch / grid.cols, patch % grid.cols),
                  IsColor(viridis(token / (tokens - 1.0))))
          << "token " << token << " of grid " << grid.rows << " x " << grid.cols;
    }
  }
}

TEST(DrawGridToGrid, ColoursAreBlendedOverTheGreyPicture) {
  const PatchGrid grid{2, 2, 1};
  const GridToGrid drawing(grid, {0, 1, 2, 3, 4}, 1, {}, {200, 100, 50});
  const double grey = 0.299 * 200 + 0.587 * 100 + 0.114 * 50;
  const Rgb map = color_at(ColorMap::viridis, 0.75);
  const auto blend = [grey](double channel) {
    return static_cast<int>(std::lround(0.4 * grey + 0.6 * 255 * channel));
  };
  EXPECT_THAT(drawing.patch(1, 0),
              IsColor(Color{blend(map.red), blend(map.green), blend(map.blue)}));
}

// The tool that this library learned from wrote the weight into an 8-bit cell, where all weights
// below 1 became 0, and divided it by the largest patch's twice.
TEST(DrawGridToGrid, ThePrefixCellHasTheColourOfItsOwnWeight) {
  const PatchGrid grid{8, 8, 1};
  for (const float weight : {0.002f, 0.008f, 0.02f}) {
    std::vector<float> row(65, 0.0f);
    row[64] = 0.011f;
    row[0] = weight;
    const double high = std::max(weight, 0.011f);
    const GridToGrid drawing(grid, row, 1);
    EXPECT_THAT(drawing.cls(), IsColor(viridis(weight / high))) << weight;
  }
}

TEST(DrawGridToGrid, OutlinesTheQuery) {
  const PatchGrid grid{4, 6, 1};
  for (int query = 1; query < grid.tokens(); query += 3) {
    const GridToGrid drawing(grid, rising(grid.tokens()), query);
    const Box& picture = drawing.left_picture();
    const Box outline = drawing.outline();
    const double side = picture.width() / 6.0;
    EXPECT_NEAR(outline.left, picture.left + (query - 1) % 6 * side, 3) << query;
    EXPECT_NEAR(outline.top, picture.top + (query - 1) / 6 * side, 3) << query;
    EXPECT_NEAR(outline.width(), side, 4) << query;
    EXPECT_NEAR(outline.height(), side, 4) << query;
  }
  const GridToGrid cls(grid, rising(grid.tokens()), 0);
  EXPECT_LT(cls.outline().right, cls.left_picture().left);
}

TEST(DrawGridToGrid, AValueThatIsNotFiniteChangesOnlyItsCell) {
  const PatchGrid grid{2, 2, 1};
  FigureOptions options;
  options.alpha = 1.0;
  std::vector<float> row = {0, 1, 2, 3, 4};
  const GridToGrid whole(grid, row, 1, options);
  row[2] = std::numeric_limits<float>::infinity();
  const GridToGrid drawing(grid, row, 1, options);
  EXPECT_EQ(drawing.patch(1, 0), whole.patch(1, 0));
  EXPECT_EQ(drawing.patch(1, 1), whole.patch(1, 1));
  EXPECT_NE(drawing.patch(0, 1), whole.patch(0, 1));
}

TEST(DrawGridToGrid, SmoothValuesStayBetweenThePatches) {
  FigureOptions options;
  options.alpha = 1.0;
  options.overlay = Overlay::smooth;
  options.color_map = ColorMap::grey;
  const PatchGrid grid{3, 3, 0};
  const std::vector<float> row = {0, 0, 0, 0, 1, 0, 0, 0, 0};
  const Image image = drawn([&](const std::string& path) {
    draw_grid_to_grid(path, solid(96, 96, kPicture), row, 0, grid, options);
  });
  const Box left = box_of(image, kPicture, 0, image.width);
  const int x = first_not_white(image, left.right + 4, left.top + 20);
  const Color centre = color(image, x + left.width() / 2, left.top + left.height() / 2);
  const Color corner = color(image, x + left.width() - 5, left.top + left.height() - 5);
  EXPECT_GT(centre[0], 250);
  EXPECT_THAT(corner, IsColor(Color{0, 0, 0}));
}

TEST(DrawGridToGrid, SaysWhatDoesNotFit) {
  const Image picture = solid(8, 8, kPicture);
  const auto message = [&](int count, int query, const PatchGrid& grid) {
    return message_of<Error>(
        [&] { draw_grid_to_grid("a.png", picture, rising(count), query, grid); });
  };
  EXPECT_EQ(message(64, 0, {8, 8, 1}),
            "row has 64 values, but grid 8 x 8 with 1 prefix token needs 65");
  EXPECT_EQ(message(65, 65, {8, 8, 1}),
            "there is no token 65; grid 8 x 8 with 1 prefix token has 0 to 64");
  EXPECT_THAT(message(1, 0, {0, 8, 1}), HasSubstr("a grid of 0 x 8 patches"));
  EXPECT_THAT(message_of<Error>([&] {
                draw_grid_to_grid("a.png", {}, rising(65), 0, {8, 8, 1});
              }),
              HasSubstr("an image of 0 x 0 pixels"));
}

TEST(DrawGridToGrid, APictureOfOnePixelIsEnlarged) {
  const PatchGrid grid{2, 2, 1};
  const std::vector<float> row = rising(5);
  const Image image = drawn([&](const std::string& path) {
    draw_grid_to_grid(path, solid(1, 1, kPicture), row, 1, grid);
  });
  const Box picture = box_of(image, kPicture, 0, image.width / 2);
  EXPECT_EQ(picture.width(), 400);
  EXPECT_EQ(picture.height(), 400);
}

TEST(DrawGridToGrid, TextStaysInsideItsPrefixCell) {
  const PatchGrid grid{4, 4, 2};
  FigureOptions options;
  options.prefix_names = {"CLS", "a name that is far too long"};
  std::vector<float> row = rising(grid.tokens());
  row[0] = 0.0001234f;
  row[1] = -0.0001234f;
  const Image image = drawn([&](const std::string& path) {
    draw_grid_to_grid(path, solid(32, 32, kPicture), row, 2, grid, options);
  });
  // Between the cells and the picture, and in the margin, nothing but white.
  const Box picture = box_of(image, kPicture, 0, image.width / 2);
  for (int y = picture.top; y < picture.bottom; ++y) {
    EXPECT_EQ(color(image, picture.left - 5, y), kWhite) << y;
    EXPECT_EQ(color(image, 10, y), kWhite) << y;
  }
}

TEST(DrawHighlight, OutlinesTheTokens) {
  const PatchGrid grid{2, 3, 0};
  const Image image = drawn(
      [&](const std::string& path) { draw_highlight(path, solid(30, 20, kPicture), {4}, grid); });
  const Box picture = box_of(image, kPicture, 0, image.width);
  const Box outline = box_of(image, kOutline, 0, image.width);
  EXPECT_NEAR(outline.left, picture.left + picture.width() / 3, 3);
  EXPECT_NEAR(outline.top, picture.top + picture.height() / 2, 3);
  EXPECT_NEAR(outline.width(), picture.width() / 3, 4);
  EXPECT_THAT(message_of<Error>([&] {
                draw_highlight("a.png", solid(30, 20, kPicture), {0, -1}, grid);
              }),
              HasSubstr("there is no token -1"));
}

TEST(DrawLayersOverImage, LeavesPrefixTokensOut) {
  FigureOptions options;
  options.alpha = 1.0;
  options.columns = 2;
  const PatchGrid grid{10, 16, 5};
  std::vector<float> row(5, 1000.0f);  // would outshine all patches
  for (int i = 0; i < 160; ++i) row.push_back(static_cast<float>(i));
  const Image picture = solid(160, 100, kPicture);
  const Image image = drawn([&](const std::string& path) {
    draw_layers_over_image(path, picture, {row}, grid, options);
  });
  const Box left = box_of(image, kPicture, 0, image.width);
  const int x = first_not_white(image, left.right + 2, left.top + 2);
  for (int i = 0; i < 160; ++i) {
    EXPECT_THAT(color(image, x + (2 * (i % 16) + 1) * left.width() / 32,
                      left.top + (2 * (i / 16) + 1) * left.height() / 20),
                IsColor(viridis(i / 159.0)))
        << i;
  }
  const std::vector<float> patches(row.begin() + 5, row.end());
  EXPECT_EQ(drawn([&](const std::string& path) {
              draw_layers_over_image(path, picture, {patches}, grid, options);
            }).rgb,
            image.rgb);
}

TEST(DrawLayersOverImage, SaysWhatDoesNotFit) {
  const std::vector<float> right = rising(5);
  const std::vector<float> wrong = rising(3);
  const auto message = [&](const std::vector<RowView>& rows) {
    return message_of<Error>([&] {
      draw_layers_over_image("a.png", solid(8, 8, kPicture), rows, {2, 2, 1});
    });
  };
  EXPECT_THAT(message({right, wrong}), HasSubstr("row 1 has 3 values, but grid 2 x 2 needs 4"));
  EXPECT_THAT(message({}), HasSubstr("no rows"));
}

}  // namespace
}  // namespace anycapture
