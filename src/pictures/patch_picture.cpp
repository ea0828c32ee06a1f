// SPDX-License-Identifier: MIT
#include "pictures/patch_picture.h"

#include <anycapture/error.h>
#include <anycapture/selector.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "pictures/tensor_part.h"

namespace anycapture {
namespace {

std::optional<int> square_side(int patches) {
  const int side = static_cast<int>(std::lround(std::sqrt(std::max(0, patches))));
  return side > 0 && side * side == patches ? std::optional<int>(side) : std::nullopt;
}

// Of a grid alone, or of the number of prefix tokens alone; all of it where both are given.
std::optional<PatchGrid> fitted(int tokens, const std::optional<std::array<int, 2>>& grid,
                                const std::optional<int>& prefix) {
  if (grid) {
    const std::int64_t patches = std::int64_t{(*grid)[0]} * (*grid)[1];
    const std::int64_t rest = tokens - patches;
    if (rest < 0 || (prefix && *prefix != rest)) return std::nullopt;
    return PatchGrid{(*grid)[0], (*grid)[1], static_cast<int>(rest)};
  }
  if (!prefix) return std::nullopt;
  const std::optional<int> side = square_side(tokens - *prefix);
  return side ? std::optional<PatchGrid>({*side, *side, *prefix}) : std::nullopt;
}

// The grids nearest to a square behind the usual numbers of tokens in front: CLS; none; CLS and
// distillation; CLS and 4 registers.
std::string what_would_fit(int tokens) {
  for (const int prefix : {1, 0, 2, 5}) {
    const int patches = tokens - prefix;
    for (int rows = static_cast<int>(std::sqrt(std::max(0, patches))); rows > 1; --rows) {
      if (patches % rows != 0 || patches / rows > 4 * rows) continue;
      return fmt::format("; --grid {}x{} --prefix {} would fit", rows, patches / rows, prefix);
    }
  }
  return "";
}

std::string behind(const std::optional<int>& prefix) {
  if (!prefix) return "";
  return fmt::format(" behind {} prefix token{}", *prefix, *prefix == 1 ? "" : "s");
}

[[noreturn]] void throw_unfit(int tokens, const PatchOptions& options,
                              const CaptureMetadata& metadata, const std::string& key) {
  const std::string prefix = behind(options.prefix);
  if (!options.grid && !options.prefix && metadata.grid) {
    const auto [rows, cols] = *metadata.grid;
    throw Error(fmt::format(
        "the {} tokens of {} are not the {} of the {} x {} patches{} that the file tells of: give "
        "--grid ROWSxCOLUMNS{}",
        tokens, printable(key), std::int64_t{rows} * cols + metadata.prefix.value_or(0), rows, cols,
        behind(metadata.prefix), what_would_fit(tokens)));
  }
  if (!options.grid) {
    throw Error(fmt::format("the {} tokens of {} are no square{}: give --grid ROWSxCOLUMNS{}",
                            tokens, printable(key), prefix, what_would_fit(tokens)));
  }
  const auto [rows, cols] = *options.grid;
  throw Error(fmt::format("the {} tokens of {} are not {} x {} patches{}: give another --grid{}{}",
                          tokens, printable(key), rows, cols, prefix,
                          options.prefix ? " or --prefix" : "", what_would_fit(tokens)));
}

// Row-major pixels of one channel, or three.
Image image_of(const TensorPart& part, const CaptureMetadata::Image& about) {
  const std::vector<MapView> channels = part.maps();
  Image image{channels[0].cols, channels[0].rows, {}};
  const std::size_t pixels =
      static_cast<std::size_t>(image.width) * static_cast<std::size_t>(image.height);
  image.rgb.resize(3 * pixels);
  for (std::size_t c = 0; c < 3; ++c) {
    const std::size_t from = channels.size() == 1 ? 0 : c;
    const auto number = [&](const std::vector<double>& numbers, double missing) {
      return numbers.empty() ? missing : numbers[std::min(from, numbers.size() - 1)];
    };
    const double mean = number(about.mean, 0), std = number(about.std, 1);
    for (std::size_t i = 0; i < pixels; ++i) {
      const double value = channels[from].data[i] * std + mean;
      const double byte = std::isfinite(value) ? std::clamp(value, 0.0, 1.0) * 255 : 0;
      image.rgb[3 * i + c] = static_cast<std::uint8_t>(std::lround(byte));
    }
  }
  return image;
}

Image picture_of(const PatchOptions& options) {
  const Image image = read_image(options.image);
  if (!options.crop) return image;
  const int side = static_cast<int>(std::min(image.width, image.height) * *options.crop);
  return timm_preprocess(image, std::max(1, side), *options.crop);
}

}  // namespace

PatchGrid patch_grid(int tokens, const PatchOptions& options, const CaptureMetadata& metadata,
                     const std::string& key) {
  if (options.grid || options.prefix) {
    const auto grid = options.grid ? options.grid : metadata.grid;
    if (const auto result = fitted(tokens, grid, options.prefix)) return *result;
    if (const auto result = fitted(tokens, options.grid, options.prefix)) return *result;
    throw_unfit(tokens, options, metadata, key);
  }
  if (const auto result = fitted(tokens, metadata.grid, metadata.prefix)) return *result;
  if (const auto result = fitted(tokens, std::nullopt, metadata.prefix)) return *result;
  for (const int prefix : {1, 0, 5, 2}) {  // CLS, none, CLS and 4 registers, CLS and distillation
    const auto guess = fitted(tokens, std::nullopt, prefix);
    if (guess && guess->rows > 1) return *guess;  // one patch makes no picture
  }
  throw_unfit(tokens, options, metadata, key);
}

Image image_in_file(const safetensors::Source& source, const CaptureMetadata::Image& about,
                    std::int64_t batch) {
  const auto& shape = source.shape;
  const std::size_t rank = shape.size();
  const std::int64_t channels = rank < 3 ? 0 : shape[rank - 3];
  if (rank > 4 || (channels != 1 && channels != 3)) {
    throw Error(fmt::format("{} has shape ({}), no picture: give one with --image",
                            printable(source.key), fmt::join(shape, ", ")));
  }
  std::vector<std::int64_t> index;
  if (rank == 4) index.push_back(batch < shape[0] ? batch : 0);
  return image_of(TensorPart(source, index), about);
}

std::string stretch_warning(const Image& image, const PatchGrid& grid) {
  constexpr double kVisibly = 1.1;
  const double width = static_cast<double>(image.width) / grid.cols;
  const double height = static_cast<double>(image.height) / grid.rows;
  if (std::max(width, height) < kVisibly * std::min(width, height)) return "";
  return fmt::format(
      "the picture of {} x {} pixels makes patches of {:.3g} x {:.3g}; if the model saw its "
      "middle alone, --crop 0.9 takes that",
      image.width, image.height, width, height);
}

std::optional<Image> picture_itself(const PatchOptions& options,
                                    const std::vector<safetensors::Source>& sources,
                                    const CaptureMetadata& metadata, std::int64_t batch) {
  if (!options.image.empty()) return picture_of(options);
  const auto found =
      std::find_if(sources.begin(), sources.end(), [&](const safetensors::Source& source) {
        return metadata.image && source.key == metadata.image->key;
      });
  if (found == sources.end()) return std::nullopt;
  return image_in_file(*found, *metadata.image, batch);
}

PatchPicture patch_picture(const PatchGrid& grid, const PatchOptions& options,
                           const std::vector<safetensors::Source>& sources,
                           const CaptureMetadata& metadata, std::int64_t batch) {
  if (auto image = picture_itself(options, sources, metadata, batch)) {
    PatchPicture picture{std::move(*image), false, ""};
    if (!options.image.empty()) picture.warning = stretch_warning(picture.image, grid);
    return picture;
  }
  constexpr int kSide = 16;
  Image blank{kSide * grid.cols, kSide * grid.rows, {}};
  blank.rgb.assign(
      3 * static_cast<std::size_t>(blank.width) * static_cast<std::size_t>(blank.height), 225);
  return {blank, true, "there is no picture in the file: --image FILE lays the values over one"};
}

}  // namespace anycapture
