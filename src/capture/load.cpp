// SPDX-License-Identifier: MIT
#include <anycapture/captures.h>
#include <anycapture/error.h>
#include <anycapture/metadata.h>
#include <anycapture/safetensors.h>

#include <ATen/ops/from_blob.h>
#include <ATen/ops/view_as_complex.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>
#include <utility>

#include "capture/dtype.h"
#include "capture/store.h"

namespace anycapture {
namespace {

using capture::Store;
using capture::StoredCall;
using capture::StoredSite;

// `key#2` is call 2 of `key`; a module's own `#` is percent-encoded, so the last one parts a call.
std::pair<std::string, std::size_t> key_and_call(const std::string& name) {
  const std::size_t mark = name.rfind('#');
  if (mark == std::string::npos || mark + 1 == name.size() ||
      name.find_first_not_of("0123456789", mark + 1) != std::string::npos ||
      name.size() - mark > 10) {
    return {name, 0};
  }
  return {name.substr(0, mark), std::stoul(name.substr(mark + 1))};
}

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

Site site_of(const std::string& key, const CaptureMetadata& metadata) {
  const auto known = metadata.sites.find(key);
  if (known != metadata.sites.end()) {
    return {known->second.path, known->second.type, known->second.what, key};
  }
  const std::size_t colon = key.rfind(':');
  if (colon == std::string::npos) return {key, "", "", key};
  return {key.substr(0, colon), "", key.substr(colon + 1), key};
}

// Numbers in paths by value, so that blocks.10 follows blocks.9: the order of the model, as far as
// a file tells.
bool natural_less(const std::string& a, const std::string& b) {
  std::size_t i = 0, j = 0;
  auto digit = [](char c) { return c >= '0' && c <= '9'; };
  while (i < a.size() && j < b.size()) {
    if (digit(a[i]) && digit(b[j])) {
      std::size_t end_a = i, end_b = j;
      while (end_a < a.size() && digit(a[end_a])) ++end_a;
      while (end_b < b.size() && digit(b[end_b])) ++end_b;
      const std::string x = a.substr(i, end_a - i), y = b.substr(j, end_b - j);
      if (x.size() != y.size()) return x.size() < y.size();
      if (x != y) return x < y;
      i = end_a, j = end_b;
    } else {
      if (a[i] != b[j]) return a[i] < b[j];
      ++i, ++j;
    }
  }
  return a.size() - i < b.size() - j;
}

void add_calls(Store& store, const std::string& key, std::size_t order,
               const std::map<std::size_t, at::Tensor>& tensors) {
  const CaptureMetadata& metadata = store.metadata;
  StoredSite& site = store.site(site_of(key, metadata), order, 0);
  const auto known = metadata.sites.find(key);
  const auto calls = metadata.calls.find(key);
  for (const auto& [index, tensor] : tensors) {
    StoredCall call;
    call.value = tensor;
    if (known != metadata.sites.end() && known->second.dtype == "complex128" &&
        tensor.scalar_type() == at::kDouble && tensor.dim() > 0 && tensor.size(-1) == 2) {
      call.value = at::view_as_complex(tensor);
    }
    if (calls != metadata.calls.end() && index < calls->second.size()) {
      call.sequence = calls->second[index].sequence;
      call.thread = static_cast<std::uint32_t>(calls->second[index].thread);
    }
    store.append(site, std::move(call), 0);
  }
  if (known != metadata.sites.end()) site.dtype = known->second.dtype;
}

}  // namespace

Captures Captures::load(const std::string& path) {
  const safetensors::Reader file(path);
  auto store = std::make_shared<Store>();
  const auto entry = file.metadata().find("anycapture");
  if (entry != file.metadata().end()) {
    try {
      store->metadata = CaptureMetadata::from_json(entry->second);
    } catch (const Error& error) {
      throw FileError(fmt::format("{}: {}", path, error.what()));
    }
  }
  std::map<std::string, std::map<std::size_t, at::Tensor>> found;
  for (const safetensors::TensorInfo& info : file.tensors()) {
    const auto [key, call] = key_and_call(info.key);
    if (!found[key].emplace(call, tensor_of(file, info, path)).second) {
      throw FileError(fmt::format("{}: call {} of {} stands there twice: write the file again",
                                  path, call, printable(key)));
    }
  }
  std::vector<std::string> natural;
  for (const auto& [key, calls] : found) natural.push_back(key);
  std::sort(natural.begin(), natural.end(), natural_less);
  std::map<std::string, std::size_t> order;
  for (std::size_t i = 0; i < natural.size(); ++i) order[natural[i]] = i;
  // Those that the metadata orders first, each once; then the others.
  std::vector<std::string> by_execution = store->metadata.order;
  by_execution.insert(by_execution.end(), natural.begin(), natural.end());
  for (const std::string& key : by_execution) {
    const auto calls = found.find(key);
    if (calls == found.end()) continue;
    add_calls(*store, key, order[key], calls->second);
    found.erase(calls);
  }
  return Captures(std::move(store));
}

}  // namespace anycapture
