// SPDX-License-Identifier: MIT
// The forms in which `inspect` shows keys.
#pragma once

#include <string>
#include <vector>

#include "core/capture_file.h"

namespace anycapture {
namespace cli {

using Entries = std::vector<const CaptureFile::Entry*>;

/// `float32`, or `float64 (of complex128)` where the file's dtype is not the computed one.
std::string dtype_text(const CaptureFile& capture, const CaptureFile::Entry& entry);
/// `[1, 4, 65, 65]` of the first call, with `...` when others have another shape.
std::string shape_text(const CaptureFile::Entry& entry);
/// Of all calls.
std::uint64_t bytes_of(const CaptureFile::Entry& entry);

/// One key a line.
std::string key_table(const CaptureFile& capture, const Entries& entries);
/// Module paths as branches, in the order of the model.
std::string key_tree(const CaptureFile& capture, const Entries& entries);
/// One JSON object, for programs.
std::string key_json(const CaptureFile& capture, const std::string& path, const Entries& entries);

}  // namespace cli
}  // namespace anycapture
