// SPDX-License-Identifier: MIT
#include <anycapture/captures.h>
#include <anycapture/error.h>
#include <anycapture/metadata.h>
#include <anycapture/safetensors.h>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "capture/dtype.h"
#include "capture/file_form.h"
#include "capture/listening.h"
#include "capture/store.h"

namespace anycapture {
namespace {

using capture::StoredCall;
using capture::StoredSite;

void check_fresh(const std::vector<const StoredSite*>& sites) {
  std::vector<std::string> stale;
  for (const StoredSite* site : sites) {
    for (const StoredCall& call : site->calls) {
      if (!call.is_stale()) continue;
      stale.push_back(site->site.key);
      break;
    }
  }
  if (stale.empty()) return;
  throw StaleCaptureError(
      fmt::format("changed in place after their capture, so nothing was saved: {}; "
                  "open the session with options.keep = Keep::clone",
                  fmt::join(stale, ", ")));
}

void check_any(const capture::Store& store, const std::vector<const StoredSite*>& sites,
               const std::string& glob) {
  if (!sites.empty()) return;
  if (store.fired().empty()) {
    throw KeyError("nothing was captured, so nothing was saved: " + store.why_empty());
  }
  throw KeyError(fmt::format("no key matches \"{}\" among the {} that fired, so nothing was saved",
                             glob, store.fired().size()));
}

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

void describe(const SaveOptions& options, CaptureMetadata& metadata) {
  if (!options.model.empty()) metadata.model = options.model;
  if (options.grid) metadata.grid = *options.grid;
  if (options.prefix) metadata.prefix = *options.prefix;
  if (!options.tokens.empty()) metadata.tokens = options.tokens;
}

}  // namespace

void CaptureReader::save(const std::string& path, const SaveOptions& options) const {
  const capture::Deaf deaf;
  const std::vector<const StoredSite*> sites = store_->matching(options.keys);
  check_any(*store_, sites, options.keys);
  check_fresh(sites);
  check(options);
  CaptureMetadata metadata = capture::metadata_of(*store_, sites);
  std::vector<safetensors::Source> sources;
  for (const StoredSite* site : sites) {
    for (std::size_t i = 0; i < site->calls.size(); ++i) {
      const at::Tensor& value = store_->value_of(*site, site->calls[i]);
      sources.push_back(capture::source_of(capture::file_key(*site, i), value));
    }
  }
  describe(options, metadata);
  if (options.image.defined()) {
    const std::string key = ":input.0";
    if (store_->find(key) == nullptr) sources.push_back(capture::source_of(key, options.image));
    metadata.image = CaptureMetadata::Image{key, options.image_mean, options.image_std};
  }
  safetensors::write(path, sources, capture::metadata_for_file(metadata, path));
}

}  // namespace anycapture
