// SPDX-License-Identifier: MIT
// What a session keeps, and what it does when something is wrong.
#pragma once

#include <ATen/core/Tensor.h>

#include <anycapture/site.h>

#include <cstddef>
#include <functional>
#include <optional>
#include <string>

namespace anycapture {

/// What is kept of a tensor that fired.
enum class Keep {
  reference,  ///< the tensor itself; a read after an in-place change throws StaleCaptureError
  clone,      ///< a copy, made when it fires
};

/// What close() does when a selector matched modules and nothing it chose ever fired.
enum class OnSilent { warn, raise, ignore };

/// What happens at a site whose tensor holds a NaN or an infinity.
enum class OnNonFinite { ignore, raise };

/// What a read does when the tensor was changed in place after its capture.
enum class Stale { raise, allow };

struct CaptureOptions {
  Keep keep = Keep::reference;
  /// Kept tensors do not require grad and hold no graph. False keeps the tensor as the model made
  /// it.
  bool detach = true;
  /// Where kept tensors go, when they fire; the copy blocks.
  std::optional<at::Device> device;
  /// What kept tensors are converted to, when they fire. Only floating-point tensors are converted.
  std::optional<at::ScalarType> dtype;
  /// Applied to each tensor before it is kept, without grad if `detach`: a slice, a mean over
  /// heads.
  std::function<at::Tensor(const Site&, const at::Tensor&)> transform;
  /// The number of calls kept per key, the newest ones; 0 keeps all.
  std::size_t keep_last = 0;
  /// A safetensors file that each tensor goes to when it fires, instead of being kept: for captures
  /// larger than memory. close(), or the destructor, puts the file in its place, as save() would
  /// have written it, after an exception with what came before it; a full disk or the end of the
  /// process leaves the old file or none. Not together with `keep_last`. Tensors are read from it
  /// with Captures::load(); until then reading one, save(), take() and clear() throw `Error`. A
  /// tensor that cannot be written throws `FileError` out of the model's forward.
  std::string write_to;
  /// A destructor, or close() while an exception is passing, warns instead of throwing.
  OnSilent on_silent = OnSilent::warn;
  /// `raise` throws NonFiniteError out of the model's forward, at the first such site.
  OnNonFinite on_nonfinite = OnNonFinite::ignore;
};

}  // namespace anycapture
