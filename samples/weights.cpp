// SPDX-License-Identifier: MIT
#include "weights.h"

#include <ATen/ATen.h>

#include <anycapture/error.h>
#include <anycapture/safetensors.h>
#include <anycapture/selector.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <memory>
#include <optional>
#include <sstream>
#include <utility>
#include <vector>

namespace {

namespace safetensors = anycapture::safetensors;
using safetensors::Dtype;
using Shape = std::vector<std::int64_t>;

std::string text_of(const Shape& shape) {
  std::ostringstream out;
  for (const auto& size : shape) out << (&size == shape.data() ? "(" : ", ") << size;
  return shape.empty() ? "()" : out.str() + ")";
}

std::optional<at::ScalarType> scalar_type(Dtype dtype) {
  switch (dtype) {
    case Dtype::kF64:
      return at::kDouble;
    case Dtype::kF32:
      return at::kFloat;
    case Dtype::kF16:
      return at::kHalf;
    case Dtype::kBF16:
      return at::kBFloat16;
    default:
      return std::nullopt;
  }
}

// "; nearest: `a`, `b`", or nothing.
std::string nearest_in(const safetensors::Reader& file, const std::string& key) {
  std::vector<std::string> keys;
  for (const auto& tensor : file.tensors()) keys.push_back(tensor.key);
  std::string text;
  for (const auto& near : anycapture::nearest(key, keys, 2)) {
    text += (text.empty() ? "; nearest: `" : ", `") + near + "`";
  }
  return text;
}

// The shape of a tensor that every ViT has.
Shape shape_of(const safetensors::Reader& file, const std::string& path, const std::string& key,
               std::size_t axes) {
  const auto* info = file.find(key);
  const std::string problem = path + ": these are no ViT's weights: ";
  if (!info) throw anycapture::Error(problem + "there is no `" + key + "`" + nearest_in(file, key));
  const auto& shape = info->shape;
  if (shape.size() != axes || *std::min_element(shape.begin(), shape.end()) < 1) {
    throw anycapture::Error(problem + "`" + key + "` has the shape " + text_of(shape));
  }
  return shape;
}

// Sizes are believed only as far as the file is large: no shape asks for more memory than it holds.
void expect(const std::string& path, const std::string& key, const Shape& found,
            const Shape& wanted) {
  if (found == wanted) return;
  throw anycapture::Error(path + ": `" + key + "` has the shape " + text_of(found) +
                          ", by the other shapes it must be " + text_of(wanted));
}

std::int64_t grid_side(const std::string& path, std::int64_t patches) {
  const auto side = static_cast<std::int64_t>(std::sqrt(static_cast<double>(patches)) + 0.5);
  if (side >= 1 && side * side == patches) return side;
  throw anycapture::Error(path + ": `pos_embed` is for " + std::to_string(patches) +
                          " patches, which make no square beside one CLS token");
}

std::int64_t depth_of(const safetensors::Reader& file, const std::string& path,
                      std::int64_t width) {
  for (std::int64_t depth = 0;; ++depth) {
    const auto key = "blocks." + std::to_string(depth) + ".attn.qkv.weight";
    if (depth > 0 && !file.find(key)) return depth;
    expect(path, key, shape_of(file, path, key, 2), {3 * width, width});
  }
}

std::int64_t heads_of(const safetensors::Reader& file, const std::string& path, std::int64_t width,
                      std::int64_t asked) {
  const auto entry = file.metadata().find("heads");
  auto heads = asked;
  if (heads <= 0)
    heads = entry == file.metadata().end() ? width / 64 : std::atoll(entry->second.c_str());
  if (heads < 1 || width % heads != 0) {
    throw anycapture::Error(path + ": a width of " + std::to_string(width) +
                            " does not divide into " + std::to_string(heads) +
                            " heads: say how many there are");
  }
  return heads;
}

// The file's tensor for a parameter, not copied; or nothing, and a line in `problems`.
at::Tensor tensor_of(const safetensors::Reader& file, const std::string& key, const Shape& shape,
                     std::vector<std::string>& problems) {
  const auto* info = file.find(key);
  if (!info) {
    problems.push_back("`" + key + "` is missing" + nearest_in(file, key));
    return {};
  }
  const auto type = scalar_type(info->dtype);
  if (!type) {
    problems.push_back("`" + key + "` is " + std::string(name(info->dtype)) + ", no float");
    return {};
  }
  if (info->shape != shape) {
    problems.push_back("`" + key + "` has the shape " + text_of(info->shape) + ", the model's is " +
                       text_of(shape));
    return {};
  }
  return at::from_blob(const_cast<std::byte*>(file.data(*info)), shape, *type);
}

[[noreturn]] void refuse(const std::string& path, const std::vector<std::string>& problems) {
  constexpr std::size_t kShown = 6;
  std::string text = path + ": these weights do not fit the model:";
  for (std::size_t i = 0; i < std::min(kShown, problems.size()); ++i) text += "\n  " + problems[i];
  if (problems.size() > kShown) {
    text += "\n  and " + std::to_string(problems.size() - kShown) + " more";
  }
  throw anycapture::Error(text);
}

}  // namespace

ViTOptions vit_options(const std::string& path, std::int64_t heads) {
  const safetensors::Reader file(path);
  const auto shape = [&](const std::string& key, std::size_t axes) {
    return shape_of(file, path, key, axes);
  };
  const auto proj = shape("patch_embed.proj.weight", 4), places = shape("pos_embed", 3);
  const auto fc1 = shape("blocks.0.mlp.fc1.weight", 2);
  ViTOptions o;
  o.width = proj[0];
  o.channels = proj[1];
  o.patch_size = proj[2];
  o.image_size = grid_side(path, places[1] - 1) * o.patch_size;
  o.mlp_width = fc1[0];
  expect(path, "patch_embed.proj.weight", proj, {o.width, o.channels, o.patch_size, o.patch_size});
  expect(path, "pos_embed", places, {1, places[1], o.width});
  expect(path, "blocks.0.mlp.fc1.weight", fc1, {o.mlp_width, o.width});
  o.depth = depth_of(file, path, o.width);
  o.classes = file.find("head.weight") ? shape("head.weight", 2)[0] : 0;
  o.heads = heads_of(file, path, o.width, heads);
  return o;
}

void load_weights(torch::nn::Module& model, const std::string& path) {
  const safetensors::Reader file(path);
  const auto parameters = model.named_parameters();
  std::vector<std::string> problems;
  std::vector<std::pair<at::Tensor, at::Tensor>> copies;
  for (const auto& parameter : parameters) {
    auto to = parameter.value();
    copies.emplace_back(to, tensor_of(file, parameter.key(), to.sizes().vec(), problems));
  }
  for (const auto& tensor : file.tensors()) {
    if (!parameters.contains(tensor.key))
      problems.push_back("the model has no `" + tensor.key + "`");
  }
  if (!problems.empty()) refuse(path, problems);

  const at::NoGradGuard no_grad;
  for (auto& [to, from] : copies) to.copy_(from);
}

VisionTransformer load_vit(const std::string& path, std::int64_t heads) {
  VisionTransformer model(vit_options(path, heads));
  load_weights(*model, path);
  model->eval();
  return model;
}

void save_weights(const torch::nn::Module& model, const std::string& path,
                  const safetensors::Metadata& metadata) {
  std::vector<safetensors::Source> sources;
  for (const auto& parameter : model.named_parameters()) {
    const auto bytes = [value = parameter.value()] {
      const auto plain = value.detach().to(at::kCPU, at::kFloat).contiguous();
      return safetensors::Bytes{plain.data_ptr(), plain.nbytes(),
                                std::make_shared<at::Tensor>(plain)};
    };
    sources.push_back({parameter.key(), Dtype::kF32, parameter.value().sizes().vec(), bytes});
  }
  safetensors::write(path, std::move(sources), metadata);
}
