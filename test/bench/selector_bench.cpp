// SPDX-License-Identifier: MIT
// Binding selectors to a deep model: at most 5 ms for 10 selectors against 10,000 modules.
#include <anycapture/selector.h>

#include <benchmark/benchmark.h>

#include <string>
#include <vector>

namespace {

using anycapture::ModuleName;

// A transformer as timm has it: 14 modules a block.
std::vector<ModuleName> deep_model(std::size_t count) {
  const std::vector<std::pair<std::string, std::string>> block{
      {"", "my::BlockImpl"},
      {".norm1", "torch::nn::LayerNormImpl"},
      {".attn", "anycapture::detail::Hooked<my::AttentionImpl>"},
      {".attn.qkv", "torch::nn::LinearImpl"},
      {".attn.q_norm", "torch::nn::IdentityImpl"},
      {".attn.attn_drop", "torch::nn::DropoutImpl"},
      {".attn.proj", "torch::nn::LinearImpl"},
      {".ls1", "my::LayerScaleImpl"},
      {".norm2", "torch::nn::LayerNormImpl"},
      {".mlp", "anycapture::detail::Hooked<my::MlpImpl>"},
      {".mlp.fc1", "torch::nn::LinearImpl"},
      {".mlp.act", "torch::nn::GELUImpl"},
      {".mlp.fc2", "torch::nn::LinearImpl"},
      {".ls2", "my::LayerScaleImpl"},
  };
  std::vector<ModuleName> modules{{"", "my::VisionTransformerImpl", {}}};
  for (std::size_t i = 0; modules.size() < count; ++i) {
    const std::string path = "encoder.blocks." + std::to_string(i);
    for (const auto& [name, type] : block) {
      if (modules.size() < count) modules.push_back({path + name, type, {}});
    }
  }
  return modules;
}

const std::vector<std::string> kSelectors{
    "Attention:attn",
    "torch::nn::Linear:output",
    "*.attn",
    "!encoder.blocks.[0-9].*",
    "encoder.blocks.{0,11,42}.mlp*",
    "type:*Norm:output",
    "*.mlp.fc?:input",
    "*blocks*attn*proj",
    "!*.ls[12]",
    "encoder.blocks.7.attn:attn[*]",
};

void bind_selectors(benchmark::State& state) {
  const std::vector<ModuleName> modules = deep_model(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) {
    anycapture::BoundSelectors bound(anycapture::SelectorList(kSelectors), modules);
    benchmark::DoNotOptimize(bound);
  }
  state.counters["modules"] = static_cast<double>(modules.size());
}
BENCHMARK(bind_selectors)->Arg(1000)->Arg(10000)->Unit(benchmark::kMillisecond);

void choose_site(benchmark::State& state) {
  const std::vector<ModuleName> modules = deep_model(100);
  const anycapture::BoundSelectors bound(anycapture::SelectorList({"*.attn:*", "!*:scores"}),
                                         modules);
  const std::size_t module = bound.modules_of(0).front();
  for (auto _ : state) {
    benchmark::DoNotOptimize(bound.chooses(module, "attn", anycapture::SiteKind::kTag));
  }
}
BENCHMARK(choose_site);

}  // namespace

BENCHMARK_MAIN();
