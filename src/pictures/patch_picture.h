// SPDX-License-Identifier: MIT
// What attention is laid over: a picture, and how the tokens lie on it.
#pragma once

#include <anycapture/api.h>
#include <anycapture/image.h>
#include <anycapture/metadata.h>
#include <anycapture/pictures.h>
#include <anycapture/safetensors.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace anycapture {

/// What a user says of it, before what the file says.
struct PatchOptions {
  std::string image;                       ///< path of a picture
  std::optional<double> crop;              ///< timm's crop_pct: the middle square of it
  std::optional<std::array<int, 2>> grid;  ///< rows and columns
  std::optional<int> prefix;
};

/// How `tokens` of `key` lie: as the options say, else the metadata, else a square behind 1, 0, 5
/// or 2 tokens. Throws Error when they do not fit, or cannot be known.
ANYCAPTURE_API PatchGrid patch_grid(int tokens, const PatchOptions& options,
                                    const CaptureMetadata& metadata, const std::string& key);

struct PatchPicture {
  Image image;
  bool blank = false;   ///< there is no picture
  std::string warning;  ///< empty if there is none
};

/// The picture that the options name, else the one in the file, else a grey one. `batch`: which of
/// the pictures in the file. Throws FileError, and Error when the file's tensor is no picture.
ANYCAPTURE_API PatchPicture patch_picture(const PatchGrid& grid, const PatchOptions& options,
                                          const std::vector<safetensors::Source>& sources,
                                          const CaptureMetadata& metadata, std::int64_t batch);

/// The picture that the options name, else the one in the file; none where there is none. Throws as
/// patch_picture().
ANYCAPTURE_API std::optional<Image> picture_itself(const PatchOptions& options,
                                                   const std::vector<safetensors::Source>& sources,
                                                   const CaptureMetadata& metadata,
                                                   std::int64_t batch);

/// A picture whose patches come out as oblongs is often not what the model saw: says so, else is
/// empty.
ANYCAPTURE_API std::string stretch_warning(const Image& image, const PatchGrid& grid);

/// The picture that the file holds. Throws Error.
ANYCAPTURE_API Image image_in_file(const safetensors::Source& source,
                                   const CaptureMetadata::Image& about, std::int64_t batch);

}  // namespace anycapture
