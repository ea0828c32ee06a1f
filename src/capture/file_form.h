// SPDX-License-Identifier: MIT
// How captures stand in a file: as tensors under keys, and what the metadata says of them.
#pragma once

#include <ATen/core/Tensor.h>

#include <anycapture/captures.h>
#include <anycapture/metadata.h>
#include <anycapture/safetensors.h>

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "capture/store.h"

namespace anycapture {
namespace capture {

/// `m:attn` for the first call, `m:attn#1` for the second.
std::string file_key(const StoredSite& site, std::size_t call);

/// Computes nothing before its bytes are asked for. Throws `Error` for a dtype that the format has
/// no place for.
safetensors::Source source_of(std::string key, const at::Tensor& value);

/// The same of a tensor that is made when its turn comes.
safetensors::Source source_of(std::string key, std::shared_ptr<const LazyTensor> value);

/// Of these sites, with what the store was loaded with.
CaptureMetadata metadata_of(const Store& store, const std::vector<const StoredSite*>& sites);

/// As the file has it. Throws `FileError` that starts with `path`.
safetensors::Metadata metadata_for_file(const CaptureMetadata& metadata, const std::string& path);

}  // namespace capture
}  // namespace anycapture
