// SPDX-License-Identifier: MIT
// Parameters, buffers and constants of an archive.
#pragma once

#include <ATen/core/Tensor.h>

#include <map>
#include <optional>
#include <string>

namespace anycapture {
namespace exported {

class Archive;

/// By name. Those on the CPU are mapped from the file where they lie aligned in it; those that
/// share memory share it. `device`: in place of the one that each was on. Throws FileError for
/// records that are missing, too short, of a dtype that is not known, pickled, or that a size or
/// stride reaches out of.
std::map<std::string, at::Tensor> load_weights(const Archive& archive,
                                               std::optional<at::Device> device);

}  // namespace exported
}  // namespace anycapture
