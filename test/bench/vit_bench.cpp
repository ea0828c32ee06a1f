// SPDX-License-Identifier: MIT
// ViT-S/16 at 224: its 12 maps captured, against the same model written to return them.
#include <anycapture/anycapture.h>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <benchmark/benchmark.h>

#include <cmath>
#include <cstdint>
#include <vector>

#include "vit.h"

namespace {

VisionTransformer& model() {
  static VisionTransformer made{ViTOptions{}};  // whose defaults are ViT-S/16
  return made;
}

at::Tensor input() {
  return at::zeros({1, 3, 224, 224});
}

// By hand: what one writes without AnyCapture, forward after forward down to the line with the map.
at::Tensor attention_with_map(AttentionImpl& self, const at::Tensor& x,
                              std::vector<at::Tensor>& maps) {
  const auto batch = x.size(0), tokens = x.size(1), width = x.size(2);
  const auto parts = self.qkv->forward(x)
                         .reshape({batch, tokens, 3, self.heads, width / self.heads})
                         .permute({2, 0, 3, 1, 4})
                         .unbind(0);
  const double scale = 1.0 / std::sqrt(static_cast<double>(parts[0].size(-1)));
  auto attn = at::matmul(parts[0] * scale, parts[1].transpose(-2, -1)).softmax(-1);
  maps.push_back(attn);
  const auto mixed = at::matmul(attn, parts[2]);
  return self.proj->forward(mixed.transpose(1, 2).reshape({batch, tokens, width}));
}

at::Tensor forward_with_maps(VisionTransformerImpl& self, const at::Tensor& image,
                             std::vector<at::Tensor>& maps) {
  const auto cls = self.cls_token.expand({image.size(0), -1, -1});
  auto x = at::cat({cls, self.patch_embed->forward(image)}, 1) + self.pos_embed;
  for (const auto& child : *self.blocks) {
    auto& block = *child.ptr()->as<BlockImpl>();
    x = x + attention_with_map(*block.attn, block.norm1->forward(x), maps);
    x = x + block.mlp->forward(block.norm2->forward(x));
  }
  return self.head->forward(self.norm->forward(x).select(1, 0));
}

void by_hand(benchmark::State& state) {
  const at::NoGradGuard no_grad;
  const auto image = input();
  for (auto _ : state) {
    std::vector<at::Tensor> maps;
    benchmark::DoNotOptimize(forward_with_maps(*model(), image, maps));
    if (maps.size() != 12) state.SkipWithError("no 12 maps");
  }
}

void captured(benchmark::State& state) {
  const at::NoGradGuard no_grad;
  const auto image = input();
  for (auto _ : state) {
    anycapture::Capturer cap(model(), "Attention");
    benchmark::DoNotOptimize(model()->forward(image));
    if (cap.size() != 12) state.SkipWithError("no 12 maps");
  }
}

// What the session costs beside the forward: made, 12 firings, ended.
void session_alone(benchmark::State& state) {
  const at::NoGradGuard no_grad;
  std::vector<AttentionImpl*> modules;
  for (const auto& child : *model()->blocks)
    modules.push_back(child.ptr()->as<BlockImpl>()->attn.get());
  const auto map = at::zeros({1, 6, 197, 197});
  for (auto _ : state) {
    anycapture::Capturer cap(model(), "Attention");
    for (auto* module : modules) benchmark::DoNotOptimize(anycapture::tag(module, "attn", map));
  }
}

BENCHMARK(by_hand)->Unit(benchmark::kMillisecond);
BENCHMARK(captured)->Unit(benchmark::kMillisecond);
BENCHMARK(session_alone)->Unit(benchmark::kMicrosecond);

}  // namespace

BENCHMARK_MAIN();
