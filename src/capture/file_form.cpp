// SPDX-License-Identifier: MIT
#include "capture/file_form.h"

#include <anycapture/error.h>
#include <torch/version.h>

#include <fmt/format.h>

#include <memory>
#include <utility>

#include "capture/dtype.h"
#include "capture/listening.h"

namespace anycapture {
namespace capture {
namespace {

void describe(const StoredSite& site, CaptureMetadata& metadata) {
  const std::string& key = site.site.key;
  metadata.order.push_back(key);
  const std::string dtype =
      site.dtype.empty() ? dtype_name(site.calls.front().dtype()) : site.dtype;
  metadata.sites[key] = {site.site.path, site.site.type, site.site.what, dtype};
  for (const StoredCall& call : site.calls) {
    metadata.calls[key].push_back(
        {call.sequence, call.thread, call.path.empty() ? site.site.path : call.path});
  }
}

// One that cannot be made ends the file: it is told which, and how to have the others.
at::Tensor made(const LazyTensor& value, const std::string& key) {
  try {
    return value.make();
  } catch (const Error& error) {
    throw Error(fmt::format(
        "\"{}\" cannot be saved, so nothing was: {}; the selector \"!{}\" leaves it out", key,
        error.what(), key.substr(0, key.find('#'))));
  }
}

}  // namespace

std::string file_key(const StoredSite& site, std::size_t call) {
  return call == 0 ? site.site.key : fmt::format("{}#{}", site.site.key, call);
}

safetensors::Source source_of(std::string key, const at::Tensor& value) {
  const auto dtype = file_dtype(storable_dtype(value));
  if (!dtype) {
    throw Error(
        fmt::format("\"{}\" is {}, which safetensors cannot hold: open the session with "
                    "options.dtype, or a transform that converts it",
                    key, dtype_name(value.scalar_type())));
  }
  auto bytes = [value] {
    auto dense = std::make_shared<at::Tensor>(storable(value));
    return safetensors::Bytes{dense->data_ptr(), static_cast<std::size_t>(dense->nbytes()), dense};
  };
  return {std::move(key), *dtype, storable_shape(value), std::move(bytes)};
}

safetensors::Source source_of(std::string key, std::shared_ptr<const LazyTensor> value) {
  auto bytes = [value, key] {
    const Deaf deaf;
    auto dense = std::make_shared<at::Tensor>(storable(made(*value, key)));
    return safetensors::Bytes{dense->data_ptr(), static_cast<std::size_t>(dense->nbytes()), dense};
  };
  return {std::move(key), *file_dtype(value->dtype()), value->shape(), std::move(bytes)};
}

CaptureMetadata metadata_of(const Store& store, const std::vector<const StoredSite*>& sites) {
  CaptureMetadata metadata = store.metadata;
  metadata.order.clear();
  metadata.sites.clear();
  metadata.calls.clear();
  metadata.libtorch = TORCH_VERSION;
  for (const StoredSite* site : sites) describe(*site, metadata);
  return metadata;
}

safetensors::Metadata metadata_for_file(const CaptureMetadata& metadata, const std::string& path) {
  try {
    return {{"anycapture", metadata.to_json()}};
  } catch (const Error& error) {
    throw FileError(fmt::format("{}: {}", path, error.what()));
  }
}

}  // namespace capture
}  // namespace anycapture
