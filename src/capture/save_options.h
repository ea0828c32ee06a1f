// SPDX-License-Identifier: MIT
// What a capture's file says beside its tensors.
#pragma once

#include <anycapture/captures.h>
#include <anycapture/metadata.h>
#include <anycapture/safetensors.h>

#include <optional>

#include "capture/store.h"

namespace anycapture {
namespace capture {

/// Throws Error for what is out of its range.
void check(const SaveOptions& options);

/// Puts it into the metadata. Gives the picture, to be written too, if there is one that was not
/// captured.
std::optional<safetensors::Source> describe(const SaveOptions& options, const Store& store,
                                            CaptureMetadata& metadata);

}  // namespace capture
}  // namespace anycapture
