// SPDX-License-Identifier: MIT
// torch.export archives that exported.py wrote into the folder ANYCAPTURE_BENCH_FILES: run against
// TorchScript and direct calls, with and without captures, and opened.
#include <anycapture/anycapture.h>

#include <ATen/ATen.h>
#include <benchmark/benchmark.h>
#include <torch/csrc/jit/api/module.h>

#include <unistd.h>
#include <cstdlib>
#include <fstream>
#include <string>

namespace {

using anycapture::Capturer;
using anycapture::Program;

std::string file(const std::string& name) {
  const char* const folder = std::getenv("ANYCAPTURE_BENCH_FILES");
  return std::string(folder == nullptr ? "." : folder) + "/" + name;
}

const at::Tensor& image() {
  static const at::Tensor made = at::zeros({1, 3, 224, 224});
  return made;
}

const Program& vit() {
  static const Program made = Program::load(file("vit.pt2"));
  return made;
}

void vit_exported(benchmark::State& state) {
  const at::NoGradGuard no_grad;
  for (auto _ : state) benchmark::DoNotOptimize(vit().forward({image()}));
}

void vit_script(benchmark::State& state) {
  static const Program program = Program::load(file("vit.pt"));
  const at::NoGradGuard no_grad;
  for (auto _ : state) benchmark::DoNotOptimize(program.forward({image()}));
}

void vit_captured(benchmark::State& state) {
  const at::NoGradGuard no_grad;
  for (auto _ : state) {
    Capturer cap(vit(), "Attention:attn");
    benchmark::DoNotOptimize(vit().forward({image()}));
    if (cap.size() != 12) state.SkipWithError("no 12 maps");
  }
}

void adds_exported(benchmark::State& state) {
  static const Program program = Program::load(file("adds.pt2"));
  const at::NoGradGuard no_grad;
  const at::Tensor one = at::ones({1});
  for (auto _ : state) benchmark::DoNotOptimize(program.forward({one, one}));
}

void adds_direct(benchmark::State& state) {
  const at::NoGradGuard no_grad;
  const at::Tensor one = at::ones({1});
  for (auto _ : state) {
    at::Tensor x = one;
    for (int i = 0; i < 10'000; ++i) x = at::add(x, one);
    benchmark::DoNotOptimize(x);
  }
}

double resident() {  // bytes
  std::ifstream pages("/proc/self/statm");
  double all = 0, held = 0;
  pages >> all >> held;
  return held * static_cast<double>(sysconf(_SC_PAGESIZE));
}

void open_large(benchmark::State& state) {
  const std::string path = file("large_" + std::to_string(state.range(0)) + ".pt2");
  double grown = 0;
  for (auto _ : state) {
    const double before = resident();
    const Program program = Program::load(path);
    grown = resident() - before;
    benchmark::DoNotOptimize(program);
  }
  state.counters["resident_percent"] = 100 * grown / (1e9 * static_cast<double>(state.range(0)));
}

BENCHMARK(vit_exported)->Unit(benchmark::kMillisecond);
BENCHMARK(vit_script)->Unit(benchmark::kMillisecond);
BENCHMARK(vit_captured)->Unit(benchmark::kMillisecond);
BENCHMARK(adds_exported)->Unit(benchmark::kMicrosecond);
BENCHMARK(adds_direct)->Unit(benchmark::kMicrosecond);
BENCHMARK(open_large)->Arg(1)->Arg(10)->Unit(benchmark::kMillisecond);

}  // namespace

BENCHMARK_MAIN();
