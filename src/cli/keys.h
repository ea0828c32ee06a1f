// SPDX-License-Identifier: MIT
// The keys of a file that a user names.
#pragma once

#include <string>
#include <vector>

#include "core/capture_file.h"

namespace anycapture {
namespace cli {

/// A file as a capture. Throws FileError, which for a file of another format says what it is and
/// what makes a capture of it.
CaptureFile open_capture(const std::string& path);

/// Which keys any of `globs` matches; all if there is none. A key's own text matches it whatever it
/// holds: `m:attn[0]`. Throws KeyError when a glob matches nothing, with the nearest keys.
std::vector<bool> match_keys(const std::vector<std::string>& keys, const std::string& path,
                             const std::vector<std::string>& globs);
/// The same of a capture, in its order.
std::vector<const CaptureFile::Entry*> choose_keys(const CaptureFile& capture,
                                                   const std::string& path,
                                                   const std::vector<std::string>& globs);

/// All calls of these keys as they were executed, as far as the metadata tells.
std::vector<const safetensors::TensorInfo*> tensors_by_execution(
    const CaptureFile& capture, const std::vector<const CaptureFile::Entry*>& entries);

}  // namespace cli
}  // namespace anycapture
