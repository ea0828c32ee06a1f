// SPDX-License-Identifier: MIT
// A safetensors file as a capture: its keys by execution, each with its calls. Any safetensors file
// is one, of tensors that were called once.
#pragma once

#include <anycapture/api.h>
#include <anycapture/metadata.h>
#include <anycapture/safetensors.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace anycapture {

class ANYCAPTURE_API CaptureFile {
 public:
  struct Entry {
    std::string key;
    std::size_t order = 0;  ///< place in the model's order, as far as a file tells
    /// By call; never empty. Calls that the file lacks are left out.
    std::vector<std::pair<std::size_t, const safetensors::TensorInfo*>> calls;
  };

  /// Throws `FileError` as safetensors::Reader does, and when the metadata breaks the schema.
  explicit CaptureFile(const std::string& path);

  const safetensors::Reader& file() const { return file_; }
  /// Whether AnyCapture's metadata is there; else metadata() is empty.
  bool has_metadata() const { return has_metadata_; }
  const CaptureMetadata& metadata() const { return metadata_; }
  /// What the metadata orders first, then the others in the model's order.
  const std::vector<Entry>& entries() const { return entries_; }
  /// What the metadata says of a key; nullptr if it says nothing.
  const CaptureMetadata::Site* site(const std::string& key) const;

 private:
  safetensors::Reader file_;
  bool has_metadata_ = false;
  CaptureMetadata metadata_;
  std::vector<Entry> entries_;
};

}  // namespace anycapture
