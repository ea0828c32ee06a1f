// SPDX-License-Identifier: MIT
// torch.export archives that exported.py wrote into the folder ANYCAPTURE_BENCH_FILES: run against
// TorchScript and direct calls, with and without captures, and opened.
#include <anycapture/anycapture.h>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <benchmark/benchmark.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <string>

namespace {

using anycapture::Capturer;
using anycapture::Program;

std::string file(const std::string& name) {
  const char* const folder = std::getenv("ANYCAPTURE_BENCH_FILES");
  return std::string(folder == nullptr ? "." : folder) + "/" + name;
}

at::Tensor images(std::int64_t count) {
  return at::zeros({count, 3, 224, 224});
}

const Program& program(const std::string& name) {
  static std::map<std::string, Program> loaded;
  const auto found = loaded.find(name);
  return found != loaded.end() ? found->second
                               : loaded.emplace(name, Program::load(file(name))).first->second;
}

void run_vit(const std::string& name, std::int64_t count = 1) {
  benchmark::DoNotOptimize(program(name).forward({images(count)}));
}

void run_captured() {
  Capturer cap(program("vit.pt2"), "Attention:attn");
  run_vit("vit.pt2");
  if (cap.size() != 12) throw anycapture::Error("there are not 12 maps");
}

void run_adds() {
  const at::Tensor one = at::ones({1});
  benchmark::DoNotOptimize(program("adds.pt2").forward({one, one}));
}

void run_adds_directly() {
  const at::Tensor one = at::ones({1});
  at::Tensor x = one;
  for (int i = 0; i < 10'000; ++i) x = at::add(x, one);
  benchmark::DoNotOptimize(x);
}

const std::map<std::string, void (*)()> kCases = {
    {"vit_exported", [] { run_vit("vit.pt2"); }},
    {"vit_script", [] { run_vit("vit.pt"); }},
    {"vit_captured", run_captured},
    {"adds_exported", run_adds},
    {"adds_direct", run_adds_directly},
    {"open_1", [] { Program::load(file("large_1.pt2")); }},
    {"open_10", [] { Program::load(file("large_10.pt2")); }},
};

void measure(benchmark::State& state, const std::string& name) {
  const at::NoGradGuard no_grad;
  for (auto _ : state) kCases.at(name)();
}

// Of /proc/self/status, in bytes: VmRSS, or VmHWM, the most that it has been.
double memory(const std::string& wanted) {
  std::ifstream status("/proc/self/status");
  std::string name;
  double kilobytes = 0;
  while (status >> name)
    if (name == wanted + ":" && status >> kilobytes) break;
  return kilobytes * 1024;
}

// How far resident memory rises in a forward of many images. A warm one maps the weights.
double peak() {
  const at::NoGradGuard no_grad;
  run_vit("vit_batch.pt2", 16);
  std::ofstream("/proc/self/clear_refs") << 5;
  const double before = memory("VmRSS");
  run_vit("vit_batch.pt2", 16);
  return memory("VmHWM") - before;
}

void open_large(benchmark::State& state) {
  const std::string path = file("large_" + std::to_string(state.range(0)) + ".pt2");
  double grown = 0;
  for (auto _ : state) {
    const double before = memory("VmRSS");
    const Program large = Program::load(path);
    grown = memory("VmRSS") - before;
    benchmark::DoNotOptimize(large);
  }
  state.counters["resident_percent"] = 100 * grown / (1e9 * static_cast<double>(state.range(0)));
}

}  // namespace

// --peak: prints bytes. --run CASE COUNT: so many times, to count instructions. Else benchmarks.
int main(int count, char** arguments) {
  const std::string first = count > 1 ? arguments[1] : "";
  if (first == "--peak") return std::printf("%.0f\n", peak()) > 0 ? 0 : 1;
  if (first == "--run" && count == 4) {
    const at::NoGradGuard no_grad;
    for (int i = 0; i < std::atoi(arguments[3]); ++i) kCases.at(arguments[2])();
    return 0;
  }
  for (const auto& one : kCases)
    benchmark::RegisterBenchmark(one.first.c_str(), measure, one.first)
        ->Unit(benchmark::kMicrosecond);
  benchmark::RegisterBenchmark("open_large", open_large)
      ->Arg(1)
      ->Arg(10)
      ->Unit(benchmark::kMicrosecond);
  benchmark::Initialize(&count, arguments);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
