// SPDX-License-Identifier: MIT
// 2 GiB that a session writes while the model runs, against keeping and saving them: time, and the
// most memory that the process held beside one tensor of the model. ANYCAPTURE_BENCH_DIR: the
// folder to write to, else the current one. ANYCAPTURE_BENCH_ROUNDS: how often, else 3.
#include <anycapture/anycapture.h>
#include <torch/nn/module.h>

#include <ATen/ATen.h>
#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace {

using Clock = std::chrono::steady_clock;

constexpr int kCalls = 32;
constexpr std::int64_t kElements = std::int64_t{1} << 24;  // 64 MiB

struct OneImpl : torch::nn::Module {
  void forward(float value) {
    const at::Tensor made = at::full({kElements}, value);
    anycapture::tag(this, "made", made);
  }
};

std::string variable(const char* name, const char* otherwise) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : otherwise;
}

// Of this process in MiB: `VmRSS` now, `VmHWM` at most since reset_peak().
double memory(const std::string& what) {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    double kib = 0;
    if (word == what + ":" && status >> kib) return kib / 1024;
  }
  return 0;
}

void reset_peak() {
  std::ofstream("/proc/self/clear_refs") << 5;
}

struct Cost {
  double seconds = 1e9;
  double mebibytes = 0;
};

void run(bool written, Cost& cost) {
  const std::string path = variable("ANYCAPTURE_BENCH_DIR", ".") + "/anycapture-bench.safetensors";
  OneImpl model;
  anycapture::CaptureOptions options;
  if (written) options.write_to = path;
  reset_peak();
  const double before = memory("VmRSS");
  const auto start = Clock::now();
  anycapture::Capturer cap(model, ":made", options);
  for (int i = 0; i < kCalls; ++i) model.forward(static_cast<float>(i));
  if (written) {
    cap.close();
  } else {
    cap.save(path);
  }
  const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
  cost.seconds = std::min(cost.seconds, seconds);
  cost.mebibytes = std::max(cost.mebibytes, memory("VmHWM") - before);
  std::filesystem::remove(path);
}

void capture_two_gibibytes(benchmark::State& state) {
  Cost kept, written;
  for (auto _ : state) {
    const int rounds = std::atoi(variable("ANYCAPTURE_BENCH_ROUNDS", "3").c_str());
    for (int i = 0; i < rounds; ++i) {
      run(true, written);
      run(false, kept);
    }
  }
  std::printf("2 GiB: kept and saved %.3f s, %.0f MiB; written %.3f s (%.2f x), %.0f MiB\n",
              kept.seconds, kept.mebibytes, written.seconds, written.seconds / kept.seconds,
              written.mebibytes);
}
BENCHMARK(capture_two_gibibytes)->Iterations(1)->Unit(benchmark::kSecond);

}  // namespace

BENCHMARK_MAIN();
