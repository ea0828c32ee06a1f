// SPDX-License-Identifier: MIT
// What the members of a zip file may be called.
#pragma once

#include <string>

namespace anycapture {
namespace npz {

/// Throws FileError that starts with `path` for a name that leads out of the folder that a file is
/// unpacked into, or that no zip file can hold. `word` is what it is, as in `key`.
void check_name(const std::string& name, const char* word, const std::string& path);

}  // namespace npz
}  // namespace anycapture
