// SPDX-License-Identifier: MIT
// Rollout of a ViT-B's maps: 12 layers, 12 heads, 197 tokens. The goal is 10 ms.
#include <benchmark/benchmark.h>

#include <cstddef>
#include <vector>

#include <anycapture/rollout.h>

namespace {

void rollout_of_a_vit(benchmark::State& state) {
  constexpr std::size_t kLayers = 12, kHeads = 12, kTokens = 197;
  // All rows alike: the time does not depend on the values.
  const std::vector<float> maps(kLayers * kHeads * kTokens * kTokens, 1.0f / kTokens);
  std::vector<anycapture::LayerMaps> layers;
  for (std::size_t layer = 0; layer < kLayers; ++layer) {
    layers.push_back({maps.data() + layer * kHeads * kTokens * kTokens, kHeads});
  }
  for (auto _ : state) benchmark::DoNotOptimize(anycapture::rollout(layers, kTokens));
}
BENCHMARK(rollout_of_a_vit)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace

BENCHMARK_MAIN();
