// SPDX-License-Identifier: MIT
#include "capture/keep.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/isnan.h>
#include <anycapture/error.h>
#include <c10/core/InferenceMode.h>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <optional>
#include <utility>

namespace anycapture {
namespace capture {
namespace {

// A copy is an ordinary tensor, with a version and usable in autograd, wherever it was made.
at::Tensor copy_of(const at::Tensor& value, bool detach) {
  c10::InferenceMode ordinary(false);
  at::AutoGradMode grad(!detach && at::GradMode::is_enabled());
  return value.clone();
}

}  // namespace

const void* storage_of(const at::Tensor& value) {
  const c10::TensorImpl* impl = value.unsafeGetTensorImpl();
  return impl->has_storage() ? impl->storage().unsafeGetStorageImpl() : nullptr;
}

void own(StoredCall& call, bool detach) {
  call.value = copy_of(call.value, detach);
  call.storage = nullptr;
}

bool needs_conversion(const CaptureOptions& options) {
  return options.keep == Keep::clone || options.device || options.dtype || options.transform;
}

StoredCall keep_reference(const at::Tensor& value, bool detach) {
  StoredCall call;
  c10::TensorImpl* impl = value.unsafeGetTensorImpl();
  if (impl->is_inference()) {
    call.value = copy_of(value, detach);
    return call;
  }
  call.version = impl->version_counter().current_version();
  call.storage = storage_of(value);
  if (detach && value.requires_grad()) {
    // What detach() does, without the dispatcher: the copy shares the storage and the version.
    call.value = at::Tensor(impl->shallow_copy_and_detach(impl->version_counter(),
                                                          /*allow_tensor_metadata_change=*/false));
  } else {
    call.value = value;
  }
  return call;
}

StoredCall keep_converted(const Site& site, const at::Tensor& value, const CaptureOptions& options,
                          bool copy) {
  c10::InferenceMode ordinary(false);
  at::AutoGradMode grad(!options.detach && at::GradMode::is_enabled());
  at::Tensor kept = options.detach ? value.detach() : value;
  if (options.transform) kept = options.transform(site, kept);
  if (!kept.defined()) {
    throw Error(fmt::format("the transform gave no tensor for \"{}\": return one for every site",
                            site.key));
  }
  if (options.dtype && kept.is_floating_point()) kept = kept.to(*options.dtype);
  if (options.device) kept = kept.to(*options.device);
  const bool shares = kept.is_same(value) || kept.is_alias_of(value);
  if (!shares) {
    StoredCall call;
    call.value = std::move(kept);
    return call;
  }
  if (options.keep == Keep::reference && !copy) return keep_reference(kept, options.detach);
  StoredCall call;
  call.value = copy_of(kept, options.detach);
  return call;
}

bool is_borrowed(const at::Tensor& value) {
  const c10::TensorImpl* impl = value.unsafeGetTensorImpl();
  return impl->has_storage() && impl->storage().nbytes() != 0 &&
         impl->storage().allocator() == nullptr;
}

void check_finite(const StoredSite& site, const at::Tensor& value) {
  if (!value.is_floating_point() && !value.is_complex()) return;
  c10::InferenceMode ordinary(false);
  at::NoGradGuard no_grad;
  const at::Tensor finite = at::isfinite(value);
  const std::int64_t bad = value.numel() - finite.sum().item<std::int64_t>();
  if (bad == 0) return;
  const std::int64_t nan = at::isnan(value).sum().item<std::int64_t>();
  throw NonFiniteError(
      fmt::format("\"{}\" is not finite: {} NaN and {} Inf among {} values of shape {}, at call "
                  "{}; it is the first "
                  "site of this session where it shows, so look at what feeds it",
                  site.site.key, nan, bad - nan, value.numel(), value.sizes().vec(), site.fired));
}

}  // namespace capture
}  // namespace anycapture
