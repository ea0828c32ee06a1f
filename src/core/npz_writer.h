// SPDX-License-Identifier: MIT
// NumPy's .npz format: a zip file with one .npy per array.
#pragma once

#include <anycapture/api.h>
#include <anycapture/safetensors.h>

#include <string>
#include <vector>

namespace anycapture {
namespace npz {

enum class Packing {
  kStored,    ///< as numpy.savez
  kDeflated,  ///< as numpy.savez_compressed: smaller and much slower
};

/// Writes a file, or leaves the old one, as safetensors::write does; the members follow in the
/// order of the sources, each named by its key and .npy. Holds one tensor at a time. The same input
/// gives the same bytes. Throws `FileError`: for a dtype that NumPy has no type for, a key that no
/// member can have. What `bytes` throws passes through.
ANYCAPTURE_API void write(const std::string& path, const std::vector<safetensors::Source>& sources,
                          Packing packing = Packing::kStored);

}  // namespace npz
}  // namespace anycapture
