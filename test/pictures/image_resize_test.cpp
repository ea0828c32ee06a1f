// SPDX-License-Identifier: MIT
// Against what Pillow made of the same picture: test/data/images/make_images.py.
#include <anycapture/error.h>
#include <anycapture/image.h>

#include <gmock/gmock.h>

#include "support/data.h"
#include "support/throws.h"

namespace anycapture {
namespace {

using support::message_of;
using testing::HasSubstr;

Image data(const std::string& name) {
  return read_image(support::data("images/") + name + ".png");
}

void expect_same(const Image& image, const Image& expected) {
  EXPECT_EQ(image.width, expected.width);
  EXPECT_EQ(image.height, expected.height);
  EXPECT_EQ(image.rgb, expected.rgb);
}

Image turned_left(const Image& image) {
  Image result{image.height, image.width, {}};
  for (int y = 0; y < result.height; ++y) {
    for (int x = 0; x < result.width; ++x) {
      const std::uint8_t* pixel = image.pixel(image.width - 1 - y, x);
      result.rgb.insert(result.rgb.end(), pixel, pixel + 3);
    }
  }
  return result;
}

TEST(Resize, GivesPillowsValues) {
  const Image scene = data("scene");
  for (const auto& [width, height] :
       std::vector<std::pair<int, int>>{{13, 9}, {31, 9}, {13, 22}, {64, 45}, {7, 40}, {1, 1}}) {
    SCOPED_TRACE(std::to_string(width) + " x " + std::to_string(height));
    expect_same(resize(scene, width, height),
                data("scene_" + std::to_string(width) + "x" + std::to_string(height)));
  }
  expect_same(resize(scene, 31, 22), scene);
}

TEST(Resize, EnlargesOnePixel) {
  const Image large = resize({1, 1, {10, 20, 30}}, 3, 2);
  EXPECT_EQ(large.rgb.size(), 18u);
  for (std::size_t i = 0; i < large.rgb.size(); ++i) EXPECT_EQ(large.rgb[i], 10 + 10 * (i % 3));
}

TEST(Resize, RefusesSizesThatAreNone) {
  const Image one{1, 1, {1, 2, 3}};
  EXPECT_THAT(message_of<Error>([&] { resize(one, 0, 5); }), HasSubstr("0 x 5"));
  EXPECT_THAT(message_of<Error>([&] { resize(one, 100000, 100000); }), HasSubstr("100 million"));
  EXPECT_THAT(message_of<Error>([] { resize({}, 2, 2); }), HasSubstr("0 x 0 pixels"));
}

TEST(CentreCrop, RoundsTheOffsetToEven) {
  Image row{8, 1, {}};
  for (int i = 0; i < 24; ++i) row.rgb.push_back(static_cast<std::uint8_t>(i / 3));
  EXPECT_EQ(centre_crop(row, 4, 1).rgb[0], 2);
  EXPECT_EQ(centre_crop(row, 3, 1).rgb[0], 2);  // 2.5
  EXPECT_EQ(centre_crop(row, 1, 1).rgb[0], 4);  // 3.5
  EXPECT_THAT(message_of<Error>([&] { centre_crop(row, 4, 2); }),
              HasSubstr("cannot cut 4 x 2 out of an image of 8 x 1"));
}

TEST(TimmPreprocess, GivesWhatTheModelWasEvaluatedOn) {
  const Image scene = data("scene");
  expect_same(timm_preprocess(scene, 16, 0.9), data("scene_timm_16"));
  expect_same(timm_preprocess(turned_left(scene), 13, 0.875), data("scene_timm_13_tall"));
}

TEST(TimmPreprocess, RefusesSizesThatAreNone) {
  const Image one{1, 1, {1, 2, 3}};
  EXPECT_EQ(timm_preprocess(one).width, 224);
  EXPECT_THAT(message_of<Error>([&] { timm_preprocess(one, 224, 0.0); }), HasSubstr("crop_pct 0"));
  EXPECT_THAT(message_of<Error>([&] { timm_preprocess(one, -1); }), HasSubstr("size -1"));
  EXPECT_THAT(message_of<Error>([&] { timm_preprocess(one, 224, 1.5); }), HasSubstr("1.5"));
}

}  // namespace
}  // namespace anycapture
