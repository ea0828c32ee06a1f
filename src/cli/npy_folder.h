// SPDX-License-Identifier: MIT
#pragma once

#include <anycapture/safetensors.h>

#include <string>
#include <vector>

namespace anycapture {
namespace cli {

/// One .npy file for each tensor, named by its key; what no file name can hold, `/` and `%`, is
/// percent-encoded. The folder appears whole or not at all, and must not be there yet, or be empty.
/// Throws FileError.
void write_npy_folder(const std::string& folder, const std::vector<safetensors::Source>& sources);

}  // namespace cli
}  // namespace anycapture
