// SPDX-License-Identifier: MIT
#include <anycapture/captures.h>
#include <anycapture/error.h>

#include <ATen/ops/from_blob.h>
#include <ATen/ops/view_as_complex.h>
#include <fmt/format.h>

#include <memory>
#include <utility>

#include "capture/dtype.h"
#include "capture/listening.h"
#include "capture/store.h"
#include "core/capture_file.h"
#include "core/what_pattern.h"

namespace anycapture {
namespace {

using capture::Store;
using capture::StoredCall;
using capture::StoredSite;

at::Tensor tensor_of(const safetensors::Reader& file, const safetensors::TensorInfo& info,
                     const std::string& path) {
  const auto dtype = capture::torch_dtype(info.dtype);
  if (!dtype) {
    throw FileError(
        fmt::format("{}: \"{}\" is {}, which this LibTorch has no type for: use a newer "
                    "LibTorch, or convert the file",
                    path, info.key, safetensors::name(info.dtype)));
  }
  // The mapping is private: what is written to the tensor does not reach the file.
  void* data = const_cast<std::byte*>(file.data(info));
  auto mapping = file.mapping();
  return at::from_blob(
      data, info.shape, [mapping](void*) {}, at::TensorOptions().dtype(*dtype));
}

Site site_of(const std::string& key, const CaptureMetadata::Site* known) {
  if (known != nullptr) return {known->path, known->type, known->what, key};
  const std::size_t colon = find_separator(key);
  if (colon == std::string::npos) return {key, "", "", key};
  return {key.substr(0, colon), "", key.substr(colon + 1), key};
}

void add_calls(Store& store, const CaptureFile::Entry& entry, const CaptureFile& capture,
               const std::string& path) {
  const CaptureMetadata::Site* known = capture.site(entry.key);
  const auto calls = capture.metadata().calls.find(entry.key);
  StoredSite& site = store.site(site_of(entry.key, known), entry.order, 0);
  for (const auto& [index, info] : entry.calls) {
    StoredCall call;
    call.value = tensor_of(capture.file(), *info, path);
    if (known != nullptr && known->dtype == "complex128" &&
        call.value.scalar_type() == at::kDouble && call.value.dim() > 0 &&
        call.value.size(-1) == 2) {
      call.value = at::view_as_complex(call.value);
    }
    if (calls != capture.metadata().calls.end() && index < calls->second.size()) {
      call.sequence = calls->second[index].sequence;
      call.thread = static_cast<std::uint32_t>(calls->second[index].thread);
      call.path = calls->second[index].path;
    }
    store.append(site, std::move(call), 0);
  }
  if (known != nullptr) site.dtype = known->dtype;
}

}  // namespace

Captures Captures::load(const std::string& path) {
  const capture::Deaf deaf;
  const CaptureFile capture(path);
  auto store = std::make_shared<Store>();
  store->metadata = capture.metadata();
  for (const CaptureFile::Entry& entry : capture.entries()) {
    add_calls(*store, entry, capture, path);
  }
  return Captures(std::move(store));
}

}  // namespace anycapture
