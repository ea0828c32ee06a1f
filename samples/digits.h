// SPDX-License-Identifier: MIT
// Small pictures with something to find: one handwritten digit among strokes of others. The same
// code makes the scenes that train_digits learns from, that the demo shows and that tests count.
#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

namespace digits {

constexpr int kDigitSide = 8;
constexpr int kSceneSide = 64;

struct Digit {
  std::array<float, kDigitSide * kDigitSide> ink{};  ///< row by row, 0..1
  int label = 0;
  int index = 0;  ///< position in the file
};

/// Digits to learn from and digits that training never sees, not even as clutter.
struct Split {
  std::vector<Digit> train;
  std::vector<Digit> unseen;
};

/// Reads `digits.safetensors` and deals it out, the same way each time. Throws
/// `anycapture::FileError`.
Split load(const std::string& path);

/// In pixels; `right` and `bottom` are the first that lie outside.
struct Box {
  int left = 0, top = 0, right = 0, bottom = 0;
};

struct Scene {
  std::array<std::uint8_t, kSceneSide * kSceneSide> pixels{};  ///< grey, row by row
  int label = 0;
  Box box;        ///< around the digit's ink
  int digit = 0;  ///< its position in the file
};

/// Draws scenes from `digits`: the same seed gives the same ones on every machine, since the
/// distributions of <random>, which differ between standard libraries, are not used.
class Scenes {
 public:
  /// `distortion`: 0 shows the digits upright; above it, they lean, turn and stretch up to so much.
  Scenes(std::vector<Digit> digits, std::uint64_t seed, double distortion = 0);

  Scene next();
  std::vector<Scene> next(int count);

 private:
  using Canvas = std::array<float, kSceneSide * kSceneSide>;
  struct Placing;

  double uniform(double low, double high);
  int below(std::size_t count);
  Placing placing(int side);
  static Box draw(Canvas& canvas, const Digit& digit, const Placing& at);

  std::vector<Digit> digits_;
  std::mt19937_64 engine_;
  double distortion_;
};

/// What the model takes: float (scenes, 1, 64, 64), -1 for paper to 1 for ink.
at::Tensor images_of(const std::vector<Scene>& scenes);
/// Long (scenes).
at::Tensor labels_of(const std::vector<Scene>& scenes);

/// Indexes, row by row, of the patches that the box touches.
std::vector<int> patches_of(const Box& box, int patch_size);

}  // namespace digits
