// SPDX-License-Identifier: MIT
// What attention is laid over: a picture, and how the tokens lie on it.
#pragma once

#include <anycapture/image.h>
#include <anycapture/metadata.h>
#include <anycapture/pictures.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/tensors.h"

namespace anycapture {
namespace cli {

/// What a user says of it, before what the file says.
struct PatchOptions {
  std::string image;                       ///< path of a picture
  std::optional<double> crop;              ///< timm's crop_pct: the middle square of it
  std::optional<std::array<int, 2>> grid;  ///< rows and columns
  std::optional<int> prefix;
};

/// How `tokens` of `key` lie: as the options say, else the metadata, else a square behind 1, 0, 5
/// or 2 tokens. Throws Error when they do not fit, or cannot be known.
PatchGrid patch_grid(int tokens, const PatchOptions& options, const CaptureMetadata& metadata,
                     const std::string& key);

struct PatchPicture {
  Image image;
  bool blank = false;   ///< there is no picture
  std::string warning;  ///< empty if there is none
};

/// The picture that the options name, else the one in the file, else a grey one. `batch`: which of
/// the pictures in the file. Throws FileError, and Error when the file's tensor is no picture.
PatchPicture patch_picture(const PatchGrid& grid, const PatchOptions& options,
                           const Tensors& tensors, const CaptureMetadata& metadata,
                           std::int64_t batch);

/// The picture that the file holds. Throws Error.
Image image_in_file(const safetensors::Source& source, const CaptureMetadata::Image& about,
                    std::int64_t batch);

}  // namespace cli
}  // namespace anycapture
