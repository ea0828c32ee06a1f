// SPDX-License-Identifier: MIT
#include "weights.h"

#include <ATen/ATen.h>

#include <anycapture/error.h>
#include <anycapture/safetensors.h>
#include <anycapture/selector.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <memory>
#include <optional>
#include <sstream>
#include <utility>
#include <vector>

namespace {

namespace safetensors = anycapture::safetensors;
using anycapture::printable;
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

std::string wrong_type(const safetensors::TensorInfo& tensor) {
  return printable(tensor.key) + " is " + std::string(name(tensor.dtype)) +
         "; F64, F32, F16 and BF16 can be loaded";
}

// `; nearest: "a", "b"`, or nothing.
std::string nearest_in(const safetensors::Reader& file, const std::string& key) {
  std::vector<std::string> keys;
  for (const auto& tensor : file.tensors()) keys.push_back(tensor.key);
  std::string text;
  for (const auto& near : anycapture::nearest(key, keys, 2)) {
    text += (text.empty() ? "; nearest: " : ", ") + printable(near);
  }
  return text;
}

// What a ViT has beyond this sample's, or nothing.
std::string not_plain(const safetensors::Reader& file) {
  for (const auto& tensor : file.tensors()) {
    for (const auto* part : {"ls1.gamma", "reg_token", "dist_token", "fc_norm", "attn_pool"}) {
      if (tensor.key.find(part) != std::string::npos)
        return "; this sample knows plain ViTs: no LayerScale, register tokens or average pooling";
    }
  }
  return "";
}

// The shape of a tensor that every ViT has.
Shape shape_of(const safetensors::Reader& file, const std::string& path, const std::string& key,
               std::size_t axes) {
  const auto* info = file.find(key);
  if (!info) {
    throw anycapture::Error(path + ": these are not the weights of a timm ViT: there is no " +
                            printable(key) + nearest_in(file, key) + "; rename to timm's names");
  }
  const auto& shape = info->shape;
  if (shape.size() != axes || *std::min_element(shape.begin(), shape.end()) < 1) {
    throw anycapture::Error(path + ": " + printable(key) + " has the shape " + text_of(shape) +
                            ", a timm ViT's has " + std::to_string(axes) + " axes, none empty");
  }
  if (!scalar_type(info->dtype)) throw anycapture::Error(path + ": " + wrong_type(*info));
  return shape;
}

void expect(const std::string& path, const std::string& key, const Shape& found,
            const Shape& wanted) {
  if (found == wanted) return;
  throw anycapture::Error(path + ": " + printable(key) + " has the shape " + text_of(found) +
                          ", by the other shapes it must be " + text_of(wanted));
}

std::int64_t grid_side(const safetensors::Reader& file, const std::string& path,
                       std::int64_t patches) {
  const auto side = static_cast<std::int64_t>(std::sqrt(static_cast<double>(patches)) + 0.5);
  if (side >= 1 && side * side == patches) return side;
  throw anycapture::Error(path + ": \"pos_embed\" is for " + std::to_string(patches) +
                          " patches, which make no square beside one CLS token" + not_plain(file));
}

// Every tensor of the file belongs to a block before `depth`, or to no block.
void expect_no_block_from(std::int64_t depth, const safetensors::Reader& file,
                          const std::string& path) {
  const std::string blocks = "blocks.";
  for (const auto& tensor : file.tensors()) {
    if (tensor.key.compare(0, blocks.size(), blocks) != 0) continue;
    if (std::strtoll(tensor.key.c_str() + blocks.size(), nullptr, 10) < depth) continue;
    throw anycapture::Error(path + ": " +
                            printable(blocks + std::to_string(depth) + ".attn.qkv.weight") +
                            " is missing, but " + printable(tensor.key) + " is there");
  }
}

// Looks at each block's largest tensors: the model, which is built before its weights are read,
// takes no more than a few times the memory that the file does.
std::int64_t depth_of(const safetensors::Reader& file, const std::string& path, std::int64_t width,
                      std::int64_t mlp_width) {
  for (std::int64_t depth = 0;; ++depth) {
    const auto block = "blocks." + std::to_string(depth);
    const auto qkv = block + ".attn.qkv.weight", fc1 = block + ".mlp.fc1.weight";
    if (depth > 0 && !file.find(qkv)) {
      expect_no_block_from(depth, file, path);
      return depth;
    }
    expect(path, qkv, shape_of(file, path, qkv, 2), {3 * width, width});
    expect(path, fc1, shape_of(file, path, fc1, 2), {mlp_width, width});
  }
}

constexpr const char* kGiveHeads = "give the number of heads (to the demo: --heads)";

// What the file says, or what timm's vit_* models have.
std::int64_t heads_of(const safetensors::Reader& file, const std::string& path,
                      std::int64_t width) {
  const auto entry = file.metadata().find("heads");
  if (entry == file.metadata().end()) {
    if (width % 64 == 0) return width / 64;
    throw anycapture::Error(path + ": no number of heads is known for a width of " +
                            std::to_string(width) +
                            " (the metadata has no \"heads\"): " + kGiveHeads);
  }
  const auto& text = entry->second;
  const auto* end = text.data() + text.size();
  std::int64_t heads = 0;
  const auto read = std::from_chars(text.data(), end, heads);
  if (read.ec == std::errc() && read.ptr == end && heads >= 1 && heads <= width) return heads;
  throw anycapture::Error(path + ": the metadata's \"heads\" is " + printable(text) +
                          ", no whole number from 1 to the width, " + std::to_string(width) + ": " +
                          kGiveHeads);
}

// The file's tensor for a parameter, not copied; or nothing, and a line in `problems`.
at::Tensor tensor_of(const safetensors::Reader& file, const std::string& key, const Shape& shape,
                     std::vector<std::string>& problems) {
  const auto* info = file.find(key);
  if (!info) {
    problems.push_back(printable(key) + " is missing" + nearest_in(file, key));
    return {};
  }
  const auto type = scalar_type(info->dtype);
  if (!type) {
    problems.push_back(wrong_type(*info));
    return {};
  }
  if (info->shape != shape) {
    problems.push_back(printable(key) + " has the shape " + text_of(info->shape) +
                       ", the model's is " + text_of(shape));
    return {};
  }
  return at::from_blob(const_cast<std::byte*>(file.data(*info)), shape, *type);
}

[[noreturn]] void refuse(const safetensors::Reader& file, const std::string& path,
                         const std::vector<std::string>& problems) {
  constexpr std::size_t kShown = 6;
  std::string text = path + ": these weights do not fit the model:";
  for (std::size_t i = 0; i < std::min(kShown, problems.size()); ++i) text += "\n  " + problems[i];
  if (problems.size() > kShown) {
    text += "\n  and " + std::to_string(problems.size() - kShown) + " more";
  }
  throw anycapture::Error(text + not_plain(file));
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
  o.image_size = grid_side(file, path, places[1] - 1) * o.patch_size;
  o.mlp_width = fc1[0];
  expect(path, "patch_embed.proj.weight", proj, {o.width, o.channels, o.patch_size, o.patch_size});
  expect(path, "pos_embed", places, {1, places[1], o.width});
  o.depth = depth_of(file, path, o.width, o.mlp_width);
  if (file.find("head.weight")) {
    const auto head = shape("head.weight", 2);
    expect(path, "head.weight", head, {head[0], o.width});
    o.classes = head[0];
  } else {
    o.classes = 0;
  }
  o.heads = heads > 0 ? heads : heads_of(file, path, o.width);
  if (o.width % o.heads != 0) {
    const auto width = std::to_string(o.width);
    throw anycapture::Error(
        path + ": a width of " + width + " does not divide into " + std::to_string(o.heads) +
        " heads: give the number of heads, a divisor of " + width + " (to the demo: --heads)");
  }
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
      problems.push_back("the model has no " + printable(tensor.key));
  }
  if (!problems.empty()) refuse(file, path, problems);

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
