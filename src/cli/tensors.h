// SPDX-License-Identifier: MIT
// Tensors from a file of any format that is read.
#pragma once

#include <anycapture/metadata.h>
#include <anycapture/safetensors.h>

#include <string>
#include <vector>

namespace anycapture {
namespace cli {

struct Tensors {
  std::vector<safetensors::Source> sources;  ///< by execution, or as they stand in the file
  safetensors::Metadata metadata;            ///< of these tensors alone
};

/// A .safetensors, .npz or .npy file, told by what it holds. The key of a .npy is its name without
/// ending. Throws FileError, and KeyError when a glob matches nothing.
Tensors read_tensors(const std::string& path, const std::vector<std::string>& globs);

/// What a capture says of its tensors; nothing where the file is none.
CaptureMetadata capture_metadata(const Tensors& tensors);

}  // namespace cli
}  // namespace anycapture
