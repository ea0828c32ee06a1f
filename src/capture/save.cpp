// SPDX-License-Identifier: MIT
#include <anycapture/captures.h>
#include <anycapture/error.h>
#include <anycapture/metadata.h>
#include <anycapture/safetensors.h>
#include <torch/version.h>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>

#include "capture/dtype.h"
#include "capture/listening.h"
#include "capture/store.h"

namespace anycapture {
namespace {

using capture::StoredCall;
using capture::StoredSite;

std::string file_key(const StoredSite& site, std::size_t call) {
  return call == 0 ? site.site.key : fmt::format("{}#{}", site.site.key, call);
}

safetensors::Source source_of(std::string key, const at::Tensor& value) {
  const auto dtype = capture::file_dtype(capture::storable_dtype(value));
  if (!dtype) {
    throw Error(
        fmt::format("\"{}\" is {}, which safetensors cannot hold: open the session with "
                    "options.dtype, or a transform that converts it",
                    key, capture::dtype_name(value.scalar_type())));
  }
  auto bytes = [value] {
    auto dense = std::make_shared<at::Tensor>(capture::storable(value));
    return safetensors::Bytes{dense->data_ptr(), static_cast<std::size_t>(dense->nbytes()), dense};
  };
  return {std::move(key), *dtype, capture::storable_shape(value), std::move(bytes)};
}

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

void describe(const StoredSite& site, CaptureMetadata& metadata) {
  const std::string& key = site.site.key;
  metadata.order.push_back(key);
  const std::string dtype =
      site.dtype.empty() ? capture::dtype_name(site.calls.front().value.scalar_type()) : site.dtype;
  metadata.sites[key] = {site.site.path, site.site.type, site.site.what, dtype};
  for (const StoredCall& call : site.calls) {
    metadata.calls[key].push_back({call.sequence, call.thread, site.site.path});
  }
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

std::string json_of(const CaptureMetadata& metadata, const std::string& path) {
  try {
    return metadata.to_json();
  } catch (const Error& error) {
    throw FileError(fmt::format("{}: {}", path, error.what()));
  }
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
  CaptureMetadata metadata = store_->metadata;
  metadata.order.clear();
  metadata.sites.clear();
  metadata.calls.clear();
  metadata.libtorch = TORCH_VERSION;
  std::vector<safetensors::Source> sources;
  for (const StoredSite* site : sites) {
    describe(*site, metadata);
    for (std::size_t i = 0; i < site->calls.size(); ++i) {
      sources.push_back(source_of(file_key(*site, i), site->calls[i].value));
    }
  }
  describe(options, metadata);
  if (options.image.defined()) {
    const std::string key = ":input.0";
    if (store_->find(key) == nullptr) sources.push_back(source_of(key, options.image));
    metadata.image = CaptureMetadata::Image{key, options.image_mean, options.image_std};
  }
  safetensors::write(path, std::move(sources), {{"anycapture", json_of(metadata, path)}});
}

}  // namespace anycapture
