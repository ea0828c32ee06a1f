// SPDX-License-Identifier: MIT
// A vision transformer in plain LibTorch, with timm's parameter names, so that the weights of
// timm's `vit_*` models load as they are. The only line that is AnyCapture's is the tag in
// Attention.
#pragma once

#include <ATen/ATen.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/normalization.h>
#include <torch/version.h>

#include <anycapture/tag.h>

#include <cmath>
#include <cstdint>

struct ViTOptions {
  std::int64_t image_size = 224;  ///< side of the square picture, in pixels
  std::int64_t patch_size = 16;
  std::int64_t channels = 3;
  std::int64_t width = 384;  ///< numbers per token
  std::int64_t depth = 12;   ///< blocks
  std::int64_t heads = 6;
  std::int64_t mlp_width = 1536;
  std::int64_t classes = 1000;  ///< 0: no head, the output is the CLS token
  /// Attention in one op, which makes no map: faster, but the tag has nothing to name.
  bool fused = false;

  std::int64_t grid() const { return image_size / patch_size; }  ///< patches per side
};

struct PatchEmbedImpl : torch::nn::Module {
  explicit PatchEmbedImpl(const ViTOptions& o)
      : proj(register_module(
            "proj", torch::nn::Conv2d(torch::nn::Conv2dOptions(o.channels, o.width, o.patch_size)
                                          .stride(o.patch_size)))) {}

  // (B, C, H, W) -> (B, patches, width)
  at::Tensor forward(const at::Tensor& image) {
    return proj->forward(image).flatten(2).transpose(1, 2);
  }

  torch::nn::Conv2d proj;
};
TORCH_MODULE(PatchEmbed);

struct AttentionImpl : torch::nn::Module {
  explicit AttentionImpl(const ViTOptions& o)
      : heads(o.heads),
        fused(o.fused),
        qkv(register_module("qkv", torch::nn::Linear(o.width, 3 * o.width))),
        proj(register_module("proj", torch::nn::Linear(o.width, o.width))) {}

  // (B, N, width) -> (B, N, width)
  at::Tensor forward(const at::Tensor& x) {
    const auto batch = x.size(0), tokens = x.size(1), width = x.size(2);
    const auto parts = qkv->forward(x)
                           .reshape({batch, tokens, 3, heads, width / heads})
                           .permute({2, 0, 3, 1, 4})
                           .unbind(0);
    const auto mixed = attend(parts[0], parts[1], parts[2]);
    return proj->forward(mixed.transpose(1, 2).reshape({batch, tokens, width}));
  }

  std::int64_t heads;
  bool fused;
  torch::nn::Linear qkv, proj;

 private:
  // (B, heads, N, width / heads) each
  at::Tensor attend(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
#if TORCH_VERSION_MAJOR >= 2
    if (fused) return at::scaled_dot_product_attention(q, k, v);
#endif
    const double scale = 1.0 / std::sqrt(static_cast<double>(q.size(-1)));
    auto attn = at::matmul(q * scale, k.transpose(-2, -1)).softmax(-1);
    ANYCAPTURE_TAG(attn);
    return at::matmul(attn, v);
  }
};
TORCH_MODULE(Attention);

struct MlpImpl : torch::nn::Module {
  explicit MlpImpl(const ViTOptions& o)
      : fc1(register_module("fc1", torch::nn::Linear(o.width, o.mlp_width))),
        fc2(register_module("fc2", torch::nn::Linear(o.mlp_width, o.width))) {}

  at::Tensor forward(const at::Tensor& x) { return fc2->forward(at::gelu(fc1->forward(x))); }

  torch::nn::Linear fc1, fc2;
};
TORCH_MODULE(Mlp);

inline torch::nn::LayerNorm vit_norm(std::int64_t width) {
  return torch::nn::LayerNorm(torch::nn::LayerNormOptions({width}).eps(1e-6));
}

struct BlockImpl : torch::nn::Module {
  explicit BlockImpl(const ViTOptions& o)
      : norm1(register_module("norm1", vit_norm(o.width))),
        attn(register_module("attn", Attention(o))),
        norm2(register_module("norm2", vit_norm(o.width))),
        mlp(register_module("mlp", Mlp(o))) {}

  at::Tensor forward(const at::Tensor& x) {
    const auto y = x + attn->forward(norm1->forward(x));
    return y + mlp->forward(norm2->forward(y));
  }

  torch::nn::LayerNorm norm1;
  Attention attn;
  torch::nn::LayerNorm norm2;
  Mlp mlp;
};
TORCH_MODULE(Block);

struct VisionTransformerImpl : torch::nn::Module {
  explicit VisionTransformerImpl(const ViTOptions& o)
      : options(o),
        cls_token(register_parameter("cls_token", at::zeros({1, 1, o.width}))),
        pos_embed(register_parameter("pos_embed",
                                     at::randn({1, 1 + o.grid() * o.grid(), o.width}) * 0.02)),
        patch_embed(register_module("patch_embed", PatchEmbed(o))),
        blocks(register_module("blocks", torch::nn::Sequential())),
        norm(register_module("norm", vit_norm(o.width))) {
    for (std::int64_t i = 0; i < o.depth; ++i) blocks->push_back(Block(o));
    if (o.classes > 0) head = register_module("head", torch::nn::Linear(o.width, o.classes));
  }

  // (B, channels, image_size, image_size) -> (B, classes)
  at::Tensor forward(const at::Tensor& image) {
    const auto cls = cls_token.expand({image.size(0), -1, -1});
    auto x = at::cat({cls, patch_embed->forward(image)}, 1) + pos_embed;
    x = norm->forward(blocks->forward(x)).select(1, 0);
    return head ? head->forward(x) : x;
  }

  ViTOptions options;
  at::Tensor cls_token, pos_embed;
  PatchEmbed patch_embed;
  torch::nn::Sequential blocks;
  torch::nn::LayerNorm norm;
  torch::nn::Linear head{nullptr};
};
TORCH_MODULE(VisionTransformer);
