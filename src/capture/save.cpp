// SPDX-License-Identifier: MIT
#include <anycapture/captures.h>
#include <anycapture/error.h>
#include <anycapture/metadata.h>
#include <anycapture/safetensors.h>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "capture/dtype.h"
#include "capture/file_form.h"
#include "capture/listening.h"
#include "capture/save_options.h"
#include "capture/store.h"
#include "capture/viewer_library.h"

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

// What a file of a capture holds.
struct FileForm {
  std::vector<safetensors::Source> sources;
  CaptureMetadata metadata;
};

FileForm file_form(const capture::Store& store, const SaveOptions& options) {
  const std::vector<const StoredSite*> sites = store.matching(options.keys);
  check_any(store, sites, options.keys);
  check_fresh(sites);
  capture::check(options);
  FileForm form{{}, capture::metadata_of(store, sites)};
  for (const StoredSite* site : sites) {
    for (std::size_t i = 0; i < site->calls.size(); ++i) {
      const StoredCall& call = site->calls[i];
      const std::string key = capture::file_key(*site, i);
      form.sources.push_back(call.lazy != nullptr
                                 ? capture::source_of(key, call.lazy)
                                 : capture::source_of(key, store.value_of(*site, call)));
    }
  }
  if (const auto image = capture::describe(options, store, form.metadata)) {
    form.sources.push_back(*image);
  }
  return form;
}

}  // namespace

void CaptureReader::save(const std::string& path, const SaveOptions& options) const {
  const capture::Deaf deaf;
  const FileForm form = file_form(*store_, options);
  safetensors::write(path, form.sources, capture::metadata_for_file(form.metadata, path));
}

std::vector<std::string> CaptureReader::save_html(const std::string& path,
                                                  const HtmlOptions& options) const {
  const capture::Deaf deaf;
  FileForm form = file_form(*store_, options);
  viewer::PageOptions page;
  page.batch = options.batch;
  page.layers = options.layers;
  page.heads = options.heads;
  page.max_mb = options.max_mb;
  page.exact = options.exact;
  const std::string name = std::filesystem::path(path).stem().string();
  return capture::write_page(path, {name, std::move(form.sources), std::move(form.metadata)}, page);
}

}  // namespace anycapture
