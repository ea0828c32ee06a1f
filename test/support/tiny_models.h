// SPDX-License-Identifier: MIT
// Small models for tests: what a user writes, with tags and nothing else of AnyCapture's.
#pragma once

#include <anycapture/tag.h>
#include <torch/nn/cloneable.h>
#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/pimpl.h>

namespace tiny {

struct AttentionImpl : torch::nn::Cloneable<AttentionImpl> {
  torch::nn::Linear qkv{nullptr};
  int64_t width;
  explicit AttentionImpl(int64_t size) : width(size) { reset(); }
  void reset() override { qkv = register_module("qkv", torch::nn::Linear(width, 3 * width)); }
  at::Tensor forward(const at::Tensor& x) {
    auto parts = qkv(x).chunk(3, -1);
    at::Tensor attn = at::softmax(parts[0].matmul(parts[1].transpose(-2, -1)), -1);
    ANYCAPTURE_TAG(attn);
    return attn.matmul(parts[2]);
  }
};
TORCH_MODULE(Attention);

struct BlockImpl : torch::nn::Cloneable<BlockImpl> {
  Attention attn{nullptr};
  int64_t width;
  explicit BlockImpl(int64_t size) : width(size) { reset(); }
  void reset() override { attn = register_module("attn", Attention(width)); }
  at::Tensor forward(at::Tensor x) {
    x = anycapture::tag(this, "residual", x + attn(x));
    return x;
  }
};
TORCH_MODULE(Block);

/// Paths `blocks.N.attn`; tags `attn` and `residual`.
struct ModelImpl : torch::nn::Cloneable<ModelImpl> {
  torch::nn::ModuleList blocks{nullptr};
  int64_t depth, width;
  explicit ModelImpl(int64_t blocks_wanted = 3, int64_t size = 4)
      : depth(blocks_wanted), width(size) {
    reset();
  }
  void reset() override {
    blocks = register_module("blocks", torch::nn::ModuleList());
    for (int64_t i = 0; i < depth; ++i) blocks->push_back(Block(width));
  }
  at::Tensor forward(at::Tensor x) {
    for (const auto& block : *blocks) x = block->as<Block>()->forward(x);
    return x;
  }
};
TORCH_MODULE(Model);

}  // namespace tiny
