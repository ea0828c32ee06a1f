// SPDX-License-Identifier: MIT
// What an instrumented source costs while no session is open, against the same compiled plain.
#include <anycapture/anycapture.h>

#include <ATen/ATen.h>
#include <benchmark/benchmark.h>

#include <cstddef>
#include <iostream>
#include <string>

#define WAY plain
#include "locals_model.h"
#undef WAY
#define WAY instrumented
#include "locals_model.h"
#undef WAY

namespace {

void eight_plain(benchmark::State& state) {
  at::Tensor x = at::zeros({1});
  for (auto _ : state) benchmark::DoNotOptimize(plain::eight(x));
}

// Ten places: the beginning, eight assignments, the return.
void eight_instrumented(benchmark::State& state) {
  at::Tensor x = at::zeros({1});
  for (auto _ : state) benchmark::DoNotOptimize(instrumented::eight(x));
}

void vit_plain(benchmark::State& state) {
  const at::NoGradGuard no_grad;
  const auto vit = plain::make_vit();
  const at::Tensor image = at::zeros({1, 3, 224, 224});
  for (auto _ : state) benchmark::DoNotOptimize(plain::forward(*vit, image));
}

void vit_instrumented(benchmark::State& state) {
  const at::NoGradGuard no_grad;
  const auto vit = instrumented::make_vit();
  const at::Tensor image = at::zeros({1, 3, 224, 224});
  for (auto _ : state) benchmark::DoNotOptimize(instrumented::forward(*vit, image));
}

// How many places one forward of ViT-S runs through: final values count once more, so that there
// are fewer.
std::size_t places() {
  const at::NoGradGuard no_grad;
  const auto vit = instrumented::make_vit();
  anycapture::Capturer cap(*vit, {"*:*", "*:output", "*:input", "*:*[*]"});
  instrumented::forward(*vit, at::zeros({1, 3, 224, 224}));
  std::size_t count = 0;
  for (const auto& key : cap.keys()) count += cap.calls(key).size();
  return count;
}

BENCHMARK(eight_plain);
BENCHMARK(eight_instrumented);
BENCHMARK(vit_plain)->Unit(benchmark::kMillisecond);
BENCHMARK(vit_instrumented)->Unit(benchmark::kMillisecond);

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 && std::string(argv[1]) == "--places") {
    std::cout << places() << '\n';
    return 0;
  }
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
}
