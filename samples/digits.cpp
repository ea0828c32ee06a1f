// SPDX-License-Identifier: MIT
#include "digits.h"

#include <ATen/ATen.h>

#include <anycapture/error.h>
#include <anycapture/safetensors.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <utility>

namespace digits {
namespace {

namespace safetensors = anycapture::safetensors;

constexpr std::uint64_t kSplitSeed = 1797;
constexpr std::size_t kUnseen = 360;
constexpr int kPieceSide = 3;                    // of the clutter, in digit pixels
constexpr int kFewestTries = 6, kMoreTries = 6;  // of placing clutter
constexpr double kSmallest = 2, kLargest = 3;    // canvas pixels per digit pixel
constexpr float kFaintest = 0.1F;

const std::uint8_t* bytes_of(const safetensors::Reader& file, const std::string& path,
                             const char* key, const std::vector<std::int64_t>& shape) {
  const auto* info = file.find(key);
  if (!info || info->dtype != safetensors::Dtype::kU8 || info->shape != shape) {
    throw anycapture::FileError(path + ": no `" + key +
                                "` of the shape and type that make_digits.py writes");
  }
  return reinterpret_cast<const std::uint8_t*>(file.data(*info));
}

// Bilinear between pixel centres, nothing outside.
float sample(const Digit& digit, double x, double y) {
  const auto ink = [&](int column, int row) {
    const bool inside = column >= 0 && row >= 0 && column < kDigitSide && row < kDigitSide;
    return inside ? digit.ink[static_cast<std::size_t>(row * kDigitSide + column)] : 0.0F;
  };
  const int left = static_cast<int>(std::floor(x - 0.5)),
            top = static_cast<int>(std::floor(y - 0.5));
  const auto dx = static_cast<float>(x - 0.5 - left), dy = static_cast<float>(y - 0.5 - top);
  return (1 - dy) * ((1 - dx) * ink(left, top) + dx * ink(left + 1, top)) +
         dy * ((1 - dx) * ink(left, top + 1) + dx * ink(left + 1, top + 1));
}

bool overlap(const Box& a, const Box& b) {
  return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
}

// The piece of a digit that lies at (left, top), in the middle of paper.
Digit piece_of(const Digit& digit, int left, int top) {
  constexpr int kMargin = (kDigitSide - kPieceSide) / 2;
  Digit piece;
  for (int row = 0; row < kPieceSide; ++row) {
    const auto from = digit.ink.begin() + (top + row) * kDigitSide + left;
    std::copy_n(from, kPieceSide, piece.ink.begin() + (kMargin + row) * kDigitSide + kMargin);
  }
  return piece;
}

}  // namespace

Split load(const std::string& path) {
  const safetensors::Reader file(path);
  const auto* images = file.find("images");
  const std::int64_t count = images && !images->shape.empty() ? images->shape[0] : 0;
  const auto* ink = bytes_of(file, path, "images", {count, kDigitSide, kDigitSide});
  const auto* labels = bytes_of(file, path, "labels", {count});

  std::vector<Digit> all(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < all.size(); ++i) {
    all[i].label = labels[i];
    all[i].index = static_cast<int>(i);
    for (auto& value : all[i].ink) value = static_cast<float>(*ink++) / 16.0F;
  }
  // std::shuffle is not the same in every standard library.
  std::mt19937_64 engine(kSplitSeed);
  for (std::size_t i = all.size(); i > 1; --i) std::swap(all[i - 1], all[engine() % i]);
  const auto middle = all.begin() + static_cast<std::ptrdiff_t>(std::min(kUnseen, all.size()));
  return {{middle, all.end()}, {all.begin(), middle}};
}

// Where a digit lies on the canvas, and how it is drawn out.
struct Scenes::Placing {
  double x = 0, y = 0;                    // its centre, in canvas pixels
  double xx = 1, xy = 0, yx = 0, yy = 1;  // digit pixels per canvas pixel
  double reach = 0;                       // no ink farther from the centre, in canvas pixels

  Box around() const {
    const auto pixel = [](double v) { return std::clamp(static_cast<int>(v), 0, kSceneSide); };
    return {pixel(x - reach), pixel(y - reach), pixel(x + reach + 1), pixel(y + reach + 1)};
  }
};

Scenes::Scenes(std::vector<Digit> digits, std::uint64_t seed, double distortion)
    : digits_(std::move(digits)), engine_(seed), distortion_(distortion) {}

double Scenes::uniform(double low, double high) {
  return low + (high - low) * (static_cast<double>(engine_() >> 11) * 0x1p-53);
}

int Scenes::below(std::size_t count) {
  return static_cast<int>(engine_() % count);
}

// `side`: of what is placed, in digit pixels.
Scenes::Placing Scenes::placing(int side) {
  const double scale = uniform(kSmallest, kLargest), reach = scale * side / 2;
  const auto bend = [&](double straight) {
    return (straight + uniform(-distortion_, distortion_)) / scale;
  };
  Placing placing;
  placing.x = uniform(reach, kSceneSide - reach);
  placing.y = uniform(reach, kSceneSide - reach);
  placing.xx = bend(1);
  placing.xy = bend(0);
  placing.yx = bend(0);
  placing.yy = bend(1);
  placing.reach = reach * (1 + 2 * distortion_);
  return placing;
}

// Returns the box around the ink.
Box Scenes::draw(Canvas& canvas, const Digit& digit, const Placing& at) {
  Box ink{kSceneSide, kSceneSide, 0, 0};
  const Box area = at.around();
  for (int row = area.top; row < area.bottom; ++row) {
    for (int column = area.left; column < area.right; ++column) {
      const double dx = column + 0.5 - at.x, dy = row + 0.5 - at.y;
      const float value = sample(digit, kDigitSide / 2.0 + at.xx * dx + at.xy * dy,
                                 kDigitSide / 2.0 + at.yx * dx + at.yy * dy);
      if (value < kFaintest) continue;
      auto& pixel = canvas[static_cast<std::size_t>(row * kSceneSide + column)];
      pixel = std::max(pixel, value);
      ink = {std::min(ink.left, column), std::min(ink.top, row), std::max(ink.right, column + 1),
             std::max(ink.bottom, row + 1)};
    }
  }
  return ink;
}

Scene Scenes::next() {
  Canvas canvas{};
  const auto& digit = digits_[static_cast<std::size_t>(below(digits_.size()))];
  Scene scene;
  scene.label = digit.label;
  scene.digit = digit.index;
  scene.box = draw(canvas, digit, placing(kDigitSide));
  std::vector<Box> taken = {scene.box};
  for (int tries = kFewestTries + below(kMoreTries + 1); tries > 0; --tries) {
    const auto& other = digits_[static_cast<std::size_t>(below(digits_.size()))];
    const int left = below(kDigitSide - kPieceSide + 1), top = below(kDigitSide - kPieceSide + 1);
    const auto at = placing(kPieceSide);
    const auto in_the_way = [&](const Box& box) { return overlap(at.around(), box); };
    if (std::any_of(taken.begin(), taken.end(), in_the_way)) continue;
    taken.push_back(draw(canvas, piece_of(other, left, top), at));
  }
  std::transform(canvas.begin(), canvas.end(), scene.pixels.begin(),
                 [](float ink) { return static_cast<std::uint8_t>(ink * 255.0F + 0.5F); });
  return scene;
}

std::vector<Scene> Scenes::next(int count) {
  std::vector<Scene> scenes;
  std::generate_n(std::back_inserter(scenes), count, [&] { return next(); });
  return scenes;
}

at::Tensor images_of(const std::vector<Scene>& scenes) {
  auto pixels =
      at::empty({static_cast<std::int64_t>(scenes.size()), 1, kSceneSide, kSceneSide}, at::kByte);
  auto* to = pixels.data_ptr<std::uint8_t>();
  for (const auto& scene : scenes) to = std::copy(scene.pixels.begin(), scene.pixels.end(), to);
  return pixels.to(at::kFloat).div_(127.5).sub_(1);
}

at::Tensor labels_of(const std::vector<Scene>& scenes) {
  auto labels = at::empty({static_cast<std::int64_t>(scenes.size())}, at::kLong);
  auto* to = labels.data_ptr<std::int64_t>();
  for (const auto& scene : scenes) *to++ = scene.label;
  return labels;
}

std::vector<int> patches_of(const Box& box, int patch_size) {
  std::vector<int> patches;
  for (int row = box.top / patch_size; row * patch_size < box.bottom; ++row) {
    for (int column = box.left / patch_size; column * patch_size < box.right; ++column) {
      patches.push_back(row * (kSceneSide / patch_size) + column);
    }
  }
  return patches;
}

}  // namespace digits
