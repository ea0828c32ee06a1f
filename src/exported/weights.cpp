// SPDX-License-Identifier: MIT
#include "exported/weights.h"

#include <ATen/ATen.h>
#include <ATen/EmptyTensor.h>
#include <anycapture/error.h>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "core/json_problem.h"
#include "exported/archive.h"
#include "exported/scalar_types.h"

namespace anycapture {
namespace exported {
namespace {

using Json = nlohmann::json;
using Numbers = std::vector<std::int64_t>;

Numbers numbers(const Json& json) {
  Numbers all;
  for (const Json& one : json) all.push_back(one.at("as_int").get<std::int64_t>());
  return all;
}

struct Layout {
  at::ScalarType dtype;
  Numbers sizes, strides;
  std::int64_t offset = 0;
  std::uint64_t reach = 0;  // bytes of the record that it needs
};

class Loader {
 public:
  Loader(const Archive& archive, std::string folder, std::optional<at::Device> device)
      : archive_(archive), folder_(std::move(folder)), device_(device) {}

  // `config`: weights or constants, each with where it lies.
  void load(const Json& config, std::map<std::string, at::Tensor>& into) {
    for (const auto& [name, payload] : config.at("config").items()) {
      try {
        into[name] = tensor(name, payload);
      } catch (const nlohmann::json::exception& error) {
        archive_.fail(fmt::format("the weight {} is damaged: {}", printable(name),
                                  json_problem(error.what())));
      } catch (const c10::Error& error) {
        archive_.fail(fmt::format("the weight {} cannot be loaded: {}", printable(name),
                                  error.what_without_backtrace()));
      }
    }
  }

 private:
  at::Tensor tensor(const std::string& name, const Json& payload) {
    const std::string file = payload.at("path_name").get<std::string>();
    if (payload.at("use_pickle").get<bool>())
      archive_.fail(
          fmt::format("the weight {} is pickled, which runs code when it is read: save the "
                      "model without tensor subclasses",
                      printable(name)));
    const Json& meta = payload.at("tensor_meta");
    if (meta.is_null())
      archive_.fail(fmt::format("{} is an object of a custom class, which is not supported",
                                printable(name)));
    if (file.find('/') != std::string::npos || file.find("..") != std::string::npos)
      archive_.fail(fmt::format("the weight {} lies at {}, which is no record of it",
                                printable(name), printable(file)));
    const Layout layout = layout_of(name, meta);
    at::Tensor made = storage_of(file, device(meta.at("device")), layout)
                          .as_strided(layout.sizes, layout.strides, layout.offset);
    const bool grad = meta.at("requires_grad").get<bool>();
    if (grad && at::isFloatingType(layout.dtype)) made.set_requires_grad(true);
    return made;
  }

  Layout layout_of(const std::string& name, const Json& meta) {
    const auto dtype = scalar_type(meta.at("dtype").get<std::int64_t>());
    if (!dtype)
      archive_.fail(fmt::format("the weight {} is of a dtype that this LibTorch lacks: number {}",
                                printable(name), meta.at("dtype").dump()));
    if (meta.at("layout").get<int>() != 7)
      archive_.fail(
          fmt::format("the weight {} is sparse, which is not supported", printable(name)));
    Layout made{*dtype, numbers(meta.at("sizes")), numbers(meta.at("strides")),
                meta.at("storage_offset").at("as_int").get<std::int64_t>(), 0};
    const auto negative = [](std::int64_t number) { return number < 0; };
    if (made.sizes.size() != made.strides.size() || made.sizes.size() > 64 || made.offset < 0 ||
        std::any_of(made.sizes.begin(), made.sizes.end(), negative) ||
        std::any_of(made.strides.begin(), made.strides.end(), negative))
      archive_.fail(
          fmt::format("the weight {} has sizes or strides that no tensor has", printable(name)));
    try {
      made.reach =
          at::detail::computeStorageNbytes(made.sizes, made.strides, at::elementSize(made.dtype),
                                           static_cast<std::size_t>(made.offset));
    } catch (const c10::Error&) {  // more than there are numbers for
      archive_.fail(fmt::format("the weight {} reaches out of all memory: sizes ({}), strides ({})",
                                printable(name), fmt::join(made.sizes, ", "),
                                fmt::join(made.strides, ", ")));
    }
    return made;
  }

  at::Device device(const Json& json) const { return device_ ? *device_ : exported::device(json); }

  // All of a record, flat; those of one record share it, whatever their dtypes.
  at::Tensor storage_of(const std::string& file, at::Device device, const Layout& layout) {
    at::Tensor& bytes = records_[file];
    if (!bytes.defined()) bytes = record(file, device);
    const auto size = static_cast<std::uint64_t>(bytes.numel());
    if (layout.reach > size)
      archive_.fail(fmt::format("the record {} has {} bytes, and a weight in it takes {}", file,
                                size, layout.reach));
    const auto whole = static_cast<std::int64_t>(size / at::elementSize(layout.dtype));
    at::Tensor flat = at::empty({0}, at::TensorOptions().dtype(layout.dtype).device(device));
    return flat.set_(bytes.storage(), 0, {whole}, {1});
  }

  at::Tensor record(const std::string& file, at::Device device) const {
    constexpr std::size_t kWidest = 16;  // bytes of an element
    const Bytes bytes = archive_.bytes(folder_ + file, kWidest);
    const at::Tensor made = at::from_blob(
        bytes.data, {static_cast<std::int64_t>(bytes.size)},
        [owner = bytes.owner](void*) mutable { owner.reset(); },
        at::TensorOptions().dtype(at::kByte));
    return device.is_cpu() ? made : moved(made, device);
  }

  at::Tensor moved(const at::Tensor& bytes, at::Device device) const {
    try {
      return bytes.to(device);
    } catch (const c10::Error& error) {
      const std::string why = error.what_without_backtrace();  // with a page of all backends
      archive_.fail(fmt::format("its weights cannot be put on {}: {}{}", device.str(),
                                why.substr(0, std::min(why.find(". "), why.find('\n'))),
                                device_ ? ""
                                        : "; they were there when it was exported: to put them "
                                          "elsewhere, load(path, at::kCPU) or --device cpu"));
    }
  }

  const Archive& archive_;
  const std::string folder_;
  const std::optional<at::Device> device_;
  std::map<std::string, at::Tensor> records_;
};

}  // namespace

std::map<std::string, at::Tensor> load_weights(const Archive& archive,
                                               std::optional<at::Device> device) {
  std::map<std::string, at::Tensor> weights;
  for (const char* folder : {"data/weights/", "data/constants/"}) {
    const bool constants = std::string(folder) == "data/constants/";
    const std::string config =
        archive.find(folder, constants ? "_constants_config.json" : "_weights_config.json");
    if (config.empty()) archive.fail(fmt::format("there is no list of what lies in {}", folder));
    Loader(archive, folder, device).load(archive.json(config), weights);
  }
  return weights;
}

}  // namespace exported
}  // namespace anycapture
