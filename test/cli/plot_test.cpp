// SPDX-License-Identifier: MIT
#include <anycapture/image.h>
#include <anycapture/metadata.h>
#include <anycapture/pictures.h>
#include <anycapture/safetensors.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "core/safetensors_bytes.h"
#include "support/cli.h"
#include "support/data.h"
#include "support/temp_dir.h"

namespace {

using anycapture::CaptureMetadata;
using anycapture::FigureOptions;
using anycapture::Image;
using anycapture::MapView;
using anycapture::RowView;
using anycapture::safetensors::Dtype;
using anycapture::safetensors::Source;
using anycapture::safetensors::source;
using support::bytes_of;
using support::Said;
using support::TempDir;
using ::testing::HasSubstr;

constexpr int kTokens = 7;  // CLS and 2 x 3 patches

// Rows that sum to 1, all of them different.
std::vector<float> attention(int heads, int queries, int keys) {
  std::vector<float> values;
  for (int row = 0; row < heads * queries; ++row) {
    float sum = 0;
    for (int key = 0; key < keys; ++key) {
      values.push_back(1 + static_cast<float>((row * 5 + key * 3) % 11));
      sum += values.back();
    }
    for (int key = 0; key < keys; ++key)
      values[values.size() - static_cast<std::size_t>(key) - 1] /= sum;
  }
  return values;
}

std::vector<float> ramp(int count) {
  std::vector<float> values;
  for (int i = 0; i < count; ++i) values.push_back(static_cast<float>(i) - 3);
  return values;
}

// A picture of 6 x 4 pixels as a model's input, normalised with mean 0.5 and std 0.25.
Image picture() {
  Image image{6, 4, {}};
  for (int i = 0; i < 3 * 24; ++i) image.rgb.push_back(static_cast<std::uint8_t>(3 * i));
  return image;
}

std::vector<float> normalised(const Image& image) {
  std::vector<float> values;
  for (int c = 0; c < 3; ++c) {
    for (int i = 0; i < 24; ++i) {
      const float byte = image.rgb[static_cast<std::size_t>(3 * i + c)];
      values.push_back((byte / 255 - 0.5f) / 0.25f);
    }
  }
  return values;
}

class Plot : public ::testing::Test {
 protected:
  Plot() {
    CaptureMetadata metadata;
    metadata.order = {"blocks.0.attn:attn", "blocks.1.attn:attn"};
    metadata.model = "tiny";
    metadata.grid = {2, 3};
    metadata.prefix = 1;
    metadata.image = CaptureMetadata::Image{":input.0", {0.5}, {0.25}};
    anycapture::safetensors::write(
        path,
        {source("blocks.0.attn:attn", Dtype::kF32, {1, 2, kTokens, kTokens}, bytes_of(first)),
         source("blocks.1.attn:attn", Dtype::kF32, {2, 2, kTokens, kTokens}, bytes_of(second)),
         source("cross", Dtype::kF32, {1, 2, 4, kTokens}, bytes_of(attention(2, 4, kTokens))),
         source("conv", Dtype::kF32, {1, 2, 3, 4}, bytes_of(ramp(24))),
         source("line", Dtype::kF32, {9}, bytes_of(ramp(9))),
         source("line#1", Dtype::kF32, {9}, bytes_of(std::vector<float>(9, 2.0f))),
         source("short", Dtype::kF16, {3}, bytes_of<std::uint16_t>({0x3c00, 0x4000, 0x4200})),
         source("phase", Dtype::kC64, {2}, bytes_of<float>({3, 4, 0, 1})),
         source("plane", Dtype::kF32, {2, 3}, bytes_of(ramp(6))),
         source("none", Dtype::kF32, {0, 3}, ""),
         source("value", Dtype::kF32, {}, bytes_of(ramp(1))),
         source(":input.0", Dtype::kF32, {1, 3, 4, 6}, bytes_of(normalised(picture())))},
        {{"anycapture", metadata.to_json()}});
  }

  Said plot(std::vector<std::string> arguments, const std::string& file = "p.svg") {
    arguments.insert(arguments.begin(), {"plot", path});
    arguments.insert(arguments.end(), {"-o", folder.file(file)});
    return support::anycapture(arguments);
  }
  // What the command draws, byte for byte, is what `draw` draws.
  void expect_same(const std::vector<std::string>& arguments, const FigureOptions& options,
                   const std::function<void(const std::string&, const FigureOptions&)>& draw) {
    const Said said = plot(arguments);
    EXPECT_EQ(said.status, 0) << said.err;
    EXPECT_EQ(said.out + said.err, "");
    draw(folder.file("expected.svg"), options);
    EXPECT_TRUE(anycapture::safetensors::contents(folder.file("p.svg")) ==
                anycapture::safetensors::contents(folder.file("expected.svg")))
        << ::testing::PrintToString(arguments);
  }

  TempDir folder;
  std::string path = folder.file("x.safetensors");
  std::vector<float> first = attention(2, kTokens, kTokens);
  std::vector<float> second = attention(4, kTokens, kTokens);
};

FigureOptions titles(const std::string& title, const std::string& subtitle) {
  FigureOptions options;
  options.title = title;
  options.subtitle = subtitle;
  return options;
}

std::vector<MapView> heads_of(const std::vector<float>& values, std::size_t from) {
  constexpr std::size_t kMap = kTokens * kTokens;
  return {{values.data() + from * kMap, kTokens, kTokens},
          {values.data() + (from + 1) * kMap, kTokens, kTokens}};
}

std::vector<float> mean_row(const std::vector<MapView>& heads, int row) {
  std::vector<float> mean;
  for (int i = 0; i < kTokens; ++i) {
    mean.push_back((heads[0].row(row).data[i] + heads[1].row(row).data[i]) / 2);
  }
  return mean;
}

TEST_F(Plot, AttentionIsATileForEachHeadAndTheirMean) {
  expect_same({"blocks.0.attn:attn"},
              titles("blocks.0.attn:attn", "tiny, [0, :, :, :] of (1, 2, 7, 7)"),
              [&](const std::string& to, const FigureOptions& options) {
                draw_heads(to, heads_of(first, 0), options);
              });
}

TEST_F(Plot, TheFirstIndexIsTheBatch) {
  expect_same({"blocks.1.attn:attn", "--index", "-1"},
              titles("blocks.1.attn:attn", "tiny, [1, :, :, :] of (2, 2, 7, 7)"),
              [&](const std::string& to, const FigureOptions& options) {
                draw_heads(to, heads_of(second, 2), options);
              });
}

TEST_F(Plot, OneHeadIsAMap) {
  expect_same({"blocks.0.attn:attn", "--head", "1"},
              titles("blocks.0.attn:attn", "tiny, [0, 1, :, :] of (1, 2, 7, 7)"),
              [&](const std::string& to, const FigureOptions& options) {
                draw_head(to, heads_of(first, 0)[1], options);
              });
}

TEST_F(Plot, TheMeanOfHeadsIsAMap) {
  std::vector<float> mean;
  for (int row = 0; row < kTokens; ++row) {
    for (const float value : mean_row(heads_of(first, 0), row)) mean.push_back(value);
  }
  expect_same({"blocks.0.attn:attn", "--head", "mean"},
              titles("blocks.0.attn:attn", "tiny, mean of 2 heads"),
              [&](const std::string& to, const FigureOptions& options) {
                draw_head(to, {mean.data(), kTokens, kTokens}, options);
              });
}

TEST_F(Plot, WhereATokenLooksLiesOverThePictureInTheFile) {
  const std::vector<float> row = mean_row(heads_of(first, 0), 5);
  const auto draw = [&](const std::string& to, const FigureOptions& options) {
    draw_grid_to_grid(to, picture(), row, 5, {2, 3, 1}, options);
  };
  const FigureOptions options = titles("blocks.0.attn:attn", "tiny, mean of 2 heads");
  expect_same({"blocks.0.attn:attn", "--token", "5"}, options, draw);
  expect_same({"blocks.0.attn:attn", "--patch", "1,1"}, options, draw);
}

TEST_F(Plot, ClsIsMeantWhereNoTokenIsNamed) {
  const std::vector<float> row = mean_row(heads_of(first, 0), 0);
  expect_same({"blocks.0.attn:attn", "--over"},
              titles("blocks.0.attn:attn", "tiny, mean of 2 heads"),
              [&](const std::string& to, const FigureOptions& options) {
                draw_grid_to_grid(to, picture(), row, 0, {2, 3, 1}, options);
              });
}

TEST_F(Plot, SeveralKeysAreLayers) {
  const std::vector<float> rows[] = {mean_row(heads_of(first, 0), 0),
                                     mean_row(heads_of(second, 0), 0)};
  FigureOptions options =
      titles("*.attn:attn", "tiny, attention of CLS (token 0), mean of 2 heads, 0 of a batch of 2");
  options.names = {"blocks.0.attn:attn", "blocks.1.attn:attn"};
  expect_same({"*.attn:attn", "--token", "0"}, options,
              [&](const std::string& to, const FigureOptions& figure) {
                draw_layers_over_image(to, picture(), {rows[0], rows[1]}, {2, 3, 1}, figure);
              });
}

TEST_F(Plot, EachHeadCanHaveItsTileOverThePicture) {
  FigureOptions options = titles("blocks.0.attn:attn", "tiny, attention of token 2");
  options.names = {"Head 0", "Head 1"};
  const std::vector<MapView> heads = heads_of(first, 0);
  expect_same({"blocks.0.attn:attn", "--token", "2", "--head", "each"}, options,
              [&](const std::string& to, const FigureOptions& figure) {
                draw_layers_over_image(to, picture(), {heads[0].row(2), heads[1].row(2)}, {2, 3, 1},
                                       figure);
              });
}

TEST_F(Plot, TokensAreOutlined) {
  expect_same({"blocks.0.attn:attn", "--highlight", "1,6"},
              titles("blocks.0.attn:attn", "tiny, mean of 2 heads"),
              [&](const std::string& to, const FigureOptions& options) {
                draw_highlight(to, picture(), {1, 6}, {2, 3, 1}, options);
              });
}

TEST_F(Plot, TheTopPatchesAreOutlined) {
  const std::vector<float> row = mean_row(heads_of(first, 0), 3);
  const int best = static_cast<int>(std::max_element(row.begin() + 1, row.end()) - row.begin());
  expect_same({"blocks.0.attn:attn", "--token", "3", "--top", "1"},
              titles("blocks.0.attn:attn", "tiny, the 1 largest, mean of 2 heads"),
              [&](const std::string& to, const FigureOptions& options) {
                draw_highlight(to, picture(), {best}, {2, 3, 1}, options);
              });
}

TEST_F(Plot, GridAndPrefixAreTakenFromTheCommandLine) {
  const std::vector<float> row = mean_row(heads_of(first, 0), 0);
  FigureOptions options = titles("blocks.0.attn:attn", "tiny, mean of 2 heads");
  expect_same({"blocks.0.attn:attn", "--token", "0", "--grid", "1x5"}, options,
              [&](const std::string& to, const FigureOptions& figure) {
                draw_grid_to_grid(to, picture(), row, 0, {1, 5, 2}, figure);
              });
  expect_same({"blocks.0.attn:attn", "--token", "0", "--prefix", "3"}, options,
              [&](const std::string& to, const FigureOptions& figure) {
                draw_grid_to_grid(to, picture(), row, 0, {2, 2, 3}, figure);
              });
}

TEST_F(Plot, AnyPictureCanLieUnder) {
  const Image other = anycapture::read_image(support::data("images/scene_64x45.png"));
  const std::vector<float> row = mean_row(heads_of(first, 0), 0);
  const auto expect = [&](const std::vector<std::string>& more, const Image& image) {
    std::vector<std::string> arguments{"blocks.0.attn:attn", "--image",
                                       support::data("images/scene_64x45.png")};
    arguments.insert(arguments.end(), more.begin(), more.end());
    expect_same(arguments, titles("blocks.0.attn:attn", "tiny, mean of 2 heads"),
                [&](const std::string& to, const FigureOptions& options) {
                  draw_grid_to_grid(to, image, row, 0, {2, 3, 1}, options);
                });
  };
  expect({}, other);
  const Said said = plot({"blocks.0.attn:attn", "--grid", "3x2", "--image",
                          support::data("images/scene_64x45.png"), "--crop", "0.9"});
  EXPECT_EQ(said.status, 0);
  EXPECT_THAT(said.err, HasSubstr("makes patches of 20 x 13.3"));
}

TEST_F(Plot, ASquareIsCroppedAsTimmDoes) {
  const Image other = anycapture::timm_preprocess(
      anycapture::read_image(support::data("images/scene_64x45.png")), 40, 0.9);
  anycapture::safetensors::write(
      path, {source("a", Dtype::kF32, {1, 1, 5, 5}, bytes_of(attention(1, 5, 5)))});
  const std::vector<float> values = attention(1, 5, 5);
  expect_same({"a", "--image", support::data("images/scene_64x45.png"), "--crop", "0.9"},
              titles("a", ""), [&](const std::string& to, const FigureOptions& options) {
                draw_grid_to_grid(to, other, {values.data(), 5}, 0, {2, 2, 1}, options);
              });
}

TEST_F(Plot, CrossAttentionHasNoQueryInThePicture) {
  FigureOptions options = titles("cross", "tiny, attention of token 3, mean of 2 heads");
  options.names = {"cross"};
  const std::vector<float> values = attention(2, 4, kTokens);
  const std::vector<float> row =
      mean_row({{values.data(), 4, kTokens}, {values.data() + 4 * kTokens, 4, kTokens}}, 3);
  expect_same({"cross", "--token", "3"}, options,
              [&](const std::string& to, const FigureOptions& figure) {
                draw_layers_over_image(to, picture(), {row}, {2, 3, 1}, figure);
              });
}

TEST_F(Plot, WithoutAPictureThereIsAGreyOneAndAWarning) {
  anycapture::safetensors::write(path,
                                 {source("a", Dtype::kF32, {5, 5}, bytes_of(attention(1, 5, 5)))});
  const Said said = plot({"a", "--token", "0"});
  EXPECT_EQ(said.status, 0);
  EXPECT_THAT(said.err, HasSubstr("no picture in the file: --image FILE"));
}

TEST_F(Plot, OtherTensorsAreHeatMaps) {
  FigureOptions options = titles("conv", "tiny, [0, 0, :, :] of (1, 2, 3, 4)");
  options.row_axis = "axis 2";
  options.column_axis = "axis 3";
  const std::vector<float> values = ramp(24);
  expect_same({"conv"}, options, [&](const std::string& to, const FigureOptions& figure) {
    draw_head(to, {values.data(), 3, 4}, figure);
  });
  options.subtitle = "tiny, [0, :, :, :] of (1, 2, 3, 4)";
  expect_same({"conv", "--index", "0"}, options,
              [&](const std::string& to, const FigureOptions& figure) {
                draw_maps(to, {{values.data(), 3, 4}, {values.data() + 12, 3, 4}}, figure);
              });
}

TEST_F(Plot, AMapOfThePictureLiesOverIt) {
  FigureOptions options = titles("plane", "tiny");
  options.names = {"plane"};
  const std::vector<float> values = ramp(6);
  expect_same({"plane", "--over"}, options,
              [&](const std::string& to, const FigureOptions& figure) {
                draw_layers_over_image(to, picture(), {values}, {2, 3, 0}, figure);
              });
}

TEST_F(Plot, OneAxisIsACurve) {
  FigureOptions options = titles("line", "tiny, call 0 of 2");
  options.column_axis = "axis 0";
  options.row_axis = "axis 0";
  const std::vector<float> values = ramp(9);
  expect_same({"line"}, options, [&](const std::string& to, const FigureOptions& figure) {
    draw_curves(to, {values}, figure);
  });
  options.title = "line#1";
  options.subtitle = "tiny";
  expect_same({"line#1"}, options, [&](const std::string& to, const FigureOptions& figure) {
    draw_curves(to, {std::vector<float>(9, 2.0f)}, figure);
  });
}

TEST_F(Plot, SeveralCurvesShareTheirAxes) {
  FigureOptions options = titles("{line,short}", "tiny");
  options.column_axis = "axis 0";
  options.names = {"line", "short"};
  const std::vector<float> values = ramp(9);
  expect_same({"{line,short}"}, options, [&](const std::string& to, const FigureOptions& figure) {
    draw_curves(to, {values, std::vector<float>{1, 2, 3}}, figure);
  });
}

TEST_F(Plot, RowsCanBeCurvesAndComplexValuesAreMagnitudes) {
  FigureOptions options = titles("plane", "tiny");
  options.column_axis = "axis 1";
  options.names = {"[0]", "[1]"};
  const std::vector<float> values = ramp(6);
  expect_same({"plane", "--curve"}, options,
              [&](const std::string& to, const FigureOptions& figure) {
                draw_curves(to, {{values.data(), 3}, {values.data() + 3, 3}}, figure);
              });
  options = titles("phase", "tiny");
  options.column_axis = "axis 0";
  expect_same({"phase"}, options, [&](const std::string& to, const FigureOptions& figure) {
    draw_curves(to, {std::vector<float>{5, 1}}, figure);
  });
}

TEST_F(Plot, ThePictureItselfIsShownAsItIs) {
  expect_same({":input.0"}, titles(":input.0", "tiny"),
              [&](const std::string& to, const FigureOptions& options) {
                draw_highlight(to, picture(), {}, {1, 1, 0}, options);
              });
}

TEST_F(Plot, LooksCanBeChosen) {
  FigureOptions options = titles("A title", "tiny, [0, 0, :, :] of (1, 2, 7, 7)");
  options.color_map = anycapture::ColorMap::magma;
  options.limits = {-0.5f, 0.5f};
  expect_same({"blocks.0.attn:attn", "--head", "0", "--title", "A title", "--colors", "magma",
               "--limits", "-0.5,0.5"},
              options, [&](const std::string& to, const FigureOptions& figure) {
                draw_head(to, heads_of(first, 0)[0], figure);
              });
  ASSERT_EQ(plot({"plane", "--resolution", "2"}, "two.png").status, 0);
  ASSERT_EQ(plot({"plane"}, "one.png").status, 0);
  EXPECT_EQ(anycapture::read_image(folder.file("two.png")).width,
            2 * anycapture::read_image(folder.file("one.png")).width);
}

TEST_F(Plot, NumPyFilesCanBeDrawn) {
  ASSERT_EQ(support::anycapture({"convert", path, folder.file("x.npy"), "--keys", "plane"}).status,
            0);
  path = folder.file("x.npy");
  FigureOptions options = titles("x", "");
  options.row_axis = "axis 0";
  options.column_axis = "axis 1";
  const std::vector<float> values = ramp(6);
  expect_same({}, options, [&](const std::string& to, const FigureOptions& figure) {
    draw_head(to, {values.data(), 2, 3}, figure);
  });
}

TEST_F(Plot, SaysWhatDoesNotFit) {
  struct Case {
    std::vector<std::string> arguments;
    int status;
    std::string says;
  };
  for (const Case& wrong : std::vector<Case>{
           {{}, 2, "holds 12 tensors: which one?"},
           {{"blocks.0.attn"}, 2, "no key matches \"blocks.0.attn\""},
           {{"value"}, 2, "\"value\" is a single value"},
           {{"none"}, 2, "\"none\" has shape (0, 3), no values to draw"},
           {{"plane", "--index", "0,1"}, 2, "an index of 2 leaves nothing to draw: give at most 1"},
           {{"plane", "--index", "2"}, 2, "there is no 2 along its axis 0: give 0 to 1"},
           {{"plane", "--head", "0"}, 2, "no axis of heads is left"},
           {{"blocks.0.attn:attn", "--head", "all"},
            2,
            "\"all\" is not a number, `mean` or `each`"},
           {{"blocks.0.attn:attn", "--head", "2"}, 2, "there is no 2 along its axis 1"},
           {{"blocks.0.attn:attn", "--token", "7"}, 2, "no token 7 among the 7"},
           {{"blocks.0.attn:attn", "--patch", "2,0"}, 2, "no patch 2,0 in the grid of 2 x 3"},
           {{"blocks.0.attn:attn", "--patch", "2"}, 2, "\"2\" is not ROW,COLUMN"},
           {{"blocks.0.attn:attn", "--over", "--grid", "3x3"}, 2, "are not 3 x 3 patches"},
           {{"blocks.0.attn:attn", "--over", "--grid", "2x3", "--prefix", "2"},
            2,
            "are not 2 x 3 patches behind 2 prefix tokens: give another --grid or --prefix"},
           {{"blocks.0.attn:attn", "--over", "--prefix", "2"}, 2, "are no square behind 2 prefix"},
           {{"blocks.0.attn:attn", "--highlight", "7"}, 2, "there is no token 7"},
           {{"{plane,conv}"}, 2, "map 1 is"},
           {{"plane", "--limits", "1,0"}, 2, "\"1,0\" is not LOW,HIGH"},
           {{"plane", "--crop", "0.9"}, 2, "--crop requires --image"},
           {{"plane", "--over", "--image", path}, 3, "neither JPEG nor PNG"}}) {
    const Said said = plot(wrong.arguments);
    EXPECT_EQ(said.status, wrong.status) << ::testing::PrintToString(wrong.arguments);
    EXPECT_THAT(said.err, HasSubstr(wrong.says));
    EXPECT_EQ(said.out, "");
    EXPECT_FALSE(std::filesystem::exists(folder.file("p.svg")));
  }
  const Said said = plot({"plane"}, "p.gif");
  EXPECT_EQ(said.status, 3);
  EXPECT_THAT(said.err, HasSubstr("end its name with .png, .svg or .pdf"));
}

}  // namespace
