// SPDX-License-Identifier: MIT
#include "cli/tensors.h"

#include <anycapture/error.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <set>
#include <utility>

#include "cli/keys.h"
#include "core/npy.h"
#include "core/npz_reader.h"
#include "core/sniff.h"

namespace anycapture {
namespace cli {
namespace {

using safetensors::TensorInfo;

// What the metadata says of these keys alone, and of the whole.
std::string metadata_of(CaptureMetadata metadata,
                        const std::vector<const CaptureFile::Entry*>& entries) {
  std::set<std::string> kept;
  for (const CaptureFile::Entry* entry : entries) kept.insert(entry->key);
  const auto gone = [&](const std::string& key) { return kept.count(key) == 0; };
  metadata.order.erase(std::remove_if(metadata.order.begin(), metadata.order.end(), gone),
                       metadata.order.end());
  for (auto it = metadata.sites.begin(); it != metadata.sites.end();) {
    it = gone(it->first) ? metadata.sites.erase(it) : std::next(it);
  }
  for (auto it = metadata.calls.begin(); it != metadata.calls.end();) {
    it = gone(it->first) ? metadata.calls.erase(it) : std::next(it);
  }
  if (metadata.image && gone(metadata.image->key)) metadata.image.reset();
  return metadata.to_json();
}

Tensors of_capture(const std::string& path, const std::vector<std::string>& globs) {
  const auto capture = std::make_shared<const CaptureFile>(open_capture(path));
  const auto entries = choose_keys(*capture, path, globs);
  Tensors result;
  for (const TensorInfo* tensor : tensors_by_execution(*capture, entries)) {
    result.sources.push_back(
        {tensor->key, tensor->dtype, tensor->shape, [capture, tensor] {
           return safetensors::Bytes{capture->file().data(*tensor), tensor->bytes, capture};
         }});
  }
  result.metadata = capture->file().metadata();
  if (capture->has_metadata()) {
    result.metadata["anycapture"] = metadata_of(capture->metadata(), entries);
  }
  return result;
}

Tensors of_npz(const std::string& path, const std::vector<std::string>& globs) {
  const auto reader = std::make_shared<const npz::Reader>(path);
  std::vector<std::string> keys;
  for (const npz::TensorInfo& tensor : reader->tensors()) keys.push_back(tensor.key);
  const std::vector<bool> chosen = match_keys(keys, path, globs);
  Tensors result;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (!chosen[i]) continue;
    const npz::TensorInfo& tensor = reader->tensors()[i];
    result.sources.push_back({tensor.key, tensor.dtype, tensor.shape,
                              [reader, &tensor] { return reader->read(tensor); }});
  }
  return result;
}

Tensors of_npy(const std::string& path, const std::vector<std::string>& globs) {
  const npy::Header header = npy::inspect(path);
  const std::string key = std::filesystem::path(path).stem().string();
  match_keys({key}, path, globs);
  return {{{key, header.dtype, header.shape, [path] { return npy::read(path).bytes; }}}, {}};
}

}  // namespace

Tensors read_tensors(const std::string& path, const std::vector<std::string>& globs) {
  switch (sniff(path)) {
    case FileKind::kNpz:
      return of_npz(path, globs);
    case FileKind::kNpy:
      return of_npy(path, globs);
    case FileKind::kZip:
    case FileKind::kDamagedZip:
      npz::Reader{path};  // says what is damaged; one without arrays is sound, but no capture
      return of_capture(path, globs);
    default:
      return of_capture(path, globs);
  }
}

CaptureMetadata capture_metadata(const Tensors& tensors) {
  const auto text = tensors.metadata.find("anycapture");
  return text == tensors.metadata.end() ? CaptureMetadata{}
                                        : CaptureMetadata::from_json(text->second);
}

}  // namespace cli
}  // namespace anycapture
