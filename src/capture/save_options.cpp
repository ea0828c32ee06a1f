// SPDX-License-Identifier: MIT
#include "capture/save_options.h"

#include <anycapture/error.h>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "capture/file_form.h"

namespace anycapture {
namespace capture {
namespace {

[[noreturn]] void refuse(const char* option, const std::string& value, const char* wanted) {
  throw Error(
      fmt::format("SaveOptions::{} is {}, must be {}; nothing was saved", option, value, wanted));
}

void check_numbers(const char* option, const std::vector<double>& values, const at::Tensor& image) {
  const bool finite =
      std::all_of(values.begin(), values.end(), [](double value) { return std::isfinite(value); });
  const auto channels = static_cast<std::size_t>(image.size(-3));
  if (finite && (values.size() <= 1 || values.size() == channels)) return;
  refuse(option, fmt::format("{}", values), "one number, or one a channel of the image");
}

}  // namespace

void check(const SaveOptions& options) {
  if (options.grid && ((*options.grid)[0] < 1 || (*options.grid)[1] < 1)) {
    refuse("grid", fmt::format("{}", *options.grid), "rows and columns from 1");
  }
  if (options.prefix && *options.prefix < 0) {
    refuse("prefix", std::to_string(*options.prefix), "a number of tokens from 0");
  }
  if (!options.image.defined()) return;
  if (options.image.dim() < 3 || options.image.dim() > 4) {
    refuse("image", fmt::format("of shape {}", options.image.sizes().vec()),
           "(channels, H, W), or a batch of such");
  }
  check_numbers("image_mean", options.image_mean, options.image);
  check_numbers("image_std", options.image_std, options.image);
}

std::optional<safetensors::Source> describe(const SaveOptions& options, const Store& store,
                                            CaptureMetadata& metadata) {
  if (!options.model.empty()) metadata.model = options.model;
  if (options.grid) metadata.grid = *options.grid;
  if (options.prefix) metadata.prefix = *options.prefix;
  if (!options.tokens.empty()) metadata.tokens = options.tokens;
  if (!options.image.defined()) return std::nullopt;
  const std::string key = ":input.0";
  metadata.image = CaptureMetadata::Image{key, options.image_mean, options.image_std};
  if (store.find(key) != nullptr) return std::nullopt;
  return source_of(key, options.image);
}

}  // namespace capture
}  // namespace anycapture
