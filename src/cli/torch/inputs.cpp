// SPDX-License-Identifier: MIT
#include "cli/torch/inputs.h"

#include <anycapture/error.h>
#include <anycapture/image.h>

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "capture/dtype.h"
#include "cli/tensors.h"
#include "core/sniff.h"

namespace anycapture {
namespace cli {
namespace {

namespace fs = std::filesystem;
using c10::IValue;
using Json = nlohmann::json;

at::Tensor tensor_of(const safetensors::Source& source, const std::string& path) {
  const auto dtype = capture::torch_dtype(source.dtype);
  if (!dtype) {
    throw FileError(fmt::format("{}: {} is {}, which this LibTorch has no type for", path,
                                printable(source.key), safetensors::name(source.dtype)));
  }
  const safetensors::Bytes bytes = source.bytes();
  return at::from_blob(const_cast<void*>(bytes.data), source.shape,
                       at::TensorOptions().dtype(*dtype))
      .clone();
}

// (1, 3, H, W), as timm's evaluation transform makes it.
at::Tensor picture_of(const std::string& path, const PictureOptions& options) {
  const Image image = timm_preprocess(read_image(path), options.resize, options.crop);
  const auto per_channel = [](const std::vector<double>& numbers) {
    return at::tensor(numbers, at::kFloat).view({-1, 1, 1});
  };
  const at::Tensor pixels = at::from_blob(const_cast<std::uint8_t*>(image.rgb.data()),
                                          {image.height, image.width, 3}, at::kByte)
                                .to(at::kFloat)
                                .div(255)
                                .permute({2, 0, 1});
  return ((pixels - per_channel(options.mean)) / per_channel(options.std)).unsqueeze(0);
}

void flatten(const Json& json, std::vector<double>& numbers, std::vector<std::int64_t>& shape,
             std::size_t depth, bool& whole) {
  if (!json.is_array()) {
    whole = whole && json.is_number_integer();
    numbers.push_back(json.get<double>());
    return;
  }
  if (shape.size() <= depth) shape.push_back(static_cast<std::int64_t>(json.size()));
  if (shape[depth] != static_cast<std::int64_t>(json.size())) {
    throw InputError("its rows have different lengths");
  }
  for (const Json& inner : json) flatten(inner, numbers, shape, depth + 1, whole);
}

// `[[1,2],[3,4]]` as a tensor, of int64 where all numbers are whole; `true`, `16000`, `0.5`,
// `none`, "text" as what they are.
std::optional<IValue> literal(const std::string& text) {
  if (text == "none" || text == "None") return IValue();
  if (text == "nan") return IValue(std::numeric_limits<double>::quiet_NaN());
  if (text == "inf" || text == "-inf")
    return IValue((text == "inf" ? 1 : -1) * std::numeric_limits<double>::infinity());
  const Json json = Json::parse(text, nullptr, false);
  if (json.is_discarded()) return std::nullopt;
  if (json.is_boolean()) return IValue(json.get<bool>());
  if (json.is_number_integer()) return IValue(json.get<std::int64_t>());
  if (json.is_number()) return IValue(json.get<double>());
  if (json.is_string()) return IValue(json.get<std::string>());
  if (!json.is_array()) return std::nullopt;
  std::vector<double> numbers;
  std::vector<std::int64_t> shape;
  bool whole = true;
  try {
    flatten(json, numbers, shape, 0, whole);
  } catch (const std::exception& error) {
    throw InputError(fmt::format("--input {}: {}", text, error.what()));
  }
  const at::Tensor tensor = at::tensor(numbers, at::kDouble).view(shape);
  return IValue(tensor.to(whole ? at::kLong : at::kFloat));
}

bool is_position(const std::string& name) {
  return !name.empty() && name.find_first_not_of("0123456789") == std::string::npos;
}

class Collector {
 public:
  Collector(const RunOptions& options, std::vector<std::string> names)
      : options_(options), names_(std::move(names)) {}

  void add(const std::string& given) {
    const std::size_t equals = given.find('=');
    const std::string name = given.substr(0, equals);
    const bool named = equals != std::string::npos && !name.empty() &&
                       name.find_first_of("[\"'/{ ") == std::string::npos &&
                       (name.find('.') == std::string::npos || is_inside_argument(name));
    if (named) {
      put(name, value_of(given.substr(equals + 1)));
    } else {
      add_unnamed(given);
    }
  }

  // `feats.a`, and no file of this name.
  bool is_inside_argument(const std::string& name) const {
    return std::find(names_.begin(), names_.end(), name.substr(0, name.find('.'))) != names_.end();
  }

  void add_shape(const std::string& text) {
    const std::optional<IValue> shape = literal("[" + text + "]");
    if (!shape || !shape->isTensor() || shape->toTensor().dim() != 1 ||
        shape->toTensor().scalar_type() != at::kLong ||
        shape->toTensor().lt(0).any().item<bool>()) {
      throw InputError(
          fmt::format("--shape {}: give whole numbers from 0 on, such as 1,3,224,224", text));
    }
    const at::Tensor numbers = shape->toTensor();
    put_next(
        at::randn({numbers.data_ptr<std::int64_t>(), static_cast<std::size_t>(numbers.numel())}));
  }

  void add_file(const std::string& path) { add_unnamed(path); }

  // Those behind a gap go by name: what is left out may have a default.
  ModelInputs take() {
    ModelInputs inputs;
    for (auto& [position, value] : by_position_) {
      if (position == inputs.by_position.size()) {
        inputs.by_position.push_back(std::move(value));
      } else if (position < names_.size()) {
        inputs.by_name[names_[position]] = std::move(value);
      } else {
        throw InputError(
            fmt::format("there is no argument {}: the model takes {}", position, names_.size()));
      }
    }
    for (auto& [name, value] : by_name_) inputs.by_name[name] = std::move(value);
    return inputs;
  }

 private:
  void add_unnamed(const std::string& text) {
    if (!fs::exists(text)) return put_next(value_of(text));
    const FileKind kind = sniff(text);
    if (kind != FileKind::kSafetensors && kind != FileKind::kNpz) return put_next(value_of(text));
    for (const safetensors::Source& source : read_tensors(text, {}).sources) {
      put(source.key, tensor_of(source, text));
    }
  }

  IValue value_of(const std::string& text) const {
    if (!fs::exists(text)) {
      if (std::optional<IValue> value = literal(text)) return on_device(std::move(*value));
      throw InputError(
          fmt::format("--input {}: there is no such file, and it is no literal such "
                      "as [[1,2]], 0.5, true, none or \"text\"",
                      text));
    }
    switch (sniff(text)) {
      case FileKind::kPng:
      case FileKind::kJpeg:
        return on_device(picture_of(text, options_.picture));
      default: {
        const Tensors tensors = read_tensors(text, {});
        if (tensors.sources.size() == 1) return on_device(tensor_of(tensors.sources[0], text));
        throw InputError(fmt::format("{}: holds {} tensors, and one argument takes one", text,
                                     tensors.sources.size()));
      }
    }
  }

  IValue on_device(IValue value) const {
    return value.isTensor() ? IValue(value.toTensor().to(at::Device(options_.device))) : value;
  }

  void put(const std::string& name, IValue value) {
    value = on_device(std::move(value));
    const auto known = std::find(names_.begin(), names_.end(), name);
    if (known != names_.end()) {
      by_position_[static_cast<std::size_t>(known - names_.begin())] = std::move(value);
    } else if (is_position(name)) {
      by_position_[std::stoul(name)] = std::move(value);
    } else {
      by_name_[name] = std::move(value);
    }
  }

  void put_next(IValue value) {
    std::size_t next = 0;
    while (by_position_.count(next) != 0) ++next;
    by_position_[next] = on_device(std::move(value));
  }

  const RunOptions& options_;
  std::vector<std::string> names_;  // of the method's arguments
  std::map<std::size_t, IValue> by_position_;
  Program::Keywords by_name_;
};

}  // namespace

ModelInputs model_inputs(const RunOptions& options, const Program::Method& method) {
  return model_inputs_with("", options, method);
}

ModelInputs model_inputs_with(const std::string& file, const RunOptions& options,
                              const Program::Method& method) {
  at::manual_seed(static_cast<std::uint64_t>(options.seed));
  Collector collector(options, method.arguments());
  if (!file.empty()) collector.add_file(file);
  for (const std::string& given : options.inputs) collector.add(given);
  for (const std::string& shape : options.shapes) collector.add_shape(shape);
  const bool none_given = file.empty() && options.inputs.empty() && options.shapes.empty();
  if (none_given && !method.arguments().empty()) {
    throw InputError(
        fmt::format("the model takes {}: give --input or --shape for each", method.schema()));
  }
  return collector.take();
}

}  // namespace cli
}  // namespace anycapture
