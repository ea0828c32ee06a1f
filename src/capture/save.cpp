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
#include "capture/save_options.h"
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

}  // namespace

void CaptureReader::save(const std::string& path, const SaveOptions& options) const {
  const capture::Deaf deaf;
  const std::vector<const StoredSite*> sites = store_->matching(options.keys);
  check_any(*store_, sites, options.keys);
  check_fresh(sites);
  capture::check(options);
  CaptureMetadata metadata = capture::metadata_of(*store_, sites);
  std::vector<safetensors::Source> sources;
  for (const StoredSite* site : sites) {
    for (std::size_t i = 0; i < site->calls.size(); ++i) {
      const StoredCall& call = site->calls[i];
      const std::string key = capture::file_key(*site, i);
      sources.push_back(call.lazy != nullptr
                            ? capture::source_of(key, call.lazy)
                            : capture::source_of(key, store_->value_of(*site, call)));
    }
  }
  if (const auto image = capture::describe(options, *store_, metadata)) sources.push_back(*image);
  safetensors::write(path, sources, capture::metadata_for_file(metadata, path));
}

}  // namespace anycapture
