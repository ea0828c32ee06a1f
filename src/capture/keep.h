// SPDX-License-Identifier: MIT
// How a tensor that fired is kept.
#pragma once

#include <ATen/core/Tensor.h>

#include <anycapture/options.h>

#include "capture/store.h"

namespace anycapture {
namespace capture {

/// Whether options ask for more than a reference to the tensor.
bool needs_conversion(const CaptureOptions& options);

/// A reference and the tensor's version; a copy where there is no version to check (inference
/// tensors).
StoredCall keep_reference(const at::Tensor& value, bool detach);

/// As the options ask: transformed, moved, converted; copied also when `copy` says so.
StoredCall keep_converted(const Site& site, const at::Tensor& value, const CaptureOptions& options,
                          bool copy);

/// Makes a reference that was kept a copy.
void own(StoredCall& call, bool detach);

/// Identity of the memory behind a tensor; null where it has none.
const void* storage_of(const at::Tensor& value);

/// Whether its memory is not LibTorch's own: from_blob, a mapped file.
bool is_borrowed(const at::Tensor& value);

/// Throws `NonFiniteError` with the site, the call and the counts.
void check_finite(const StoredSite& site, const at::Tensor& value);

}  // namespace capture
}  // namespace anycapture
