// SPDX-License-Identifier: MIT
// What a tag costs: without a session against the same code without a tag, and with one.
#include <anycapture/anycapture.h>
#include <torch/nn/cloneable.h>
#include <torch/nn/modules/container/modulelist.h>

#include <ATen/ATen.h>
#include <benchmark/benchmark.h>

#include <memory>
#include <vector>

namespace {

using anycapture::Capturer;

struct OneImpl : torch::nn::Module {
  at::Tensor held = at::zeros({1});

  // Kept out of line, so that each pair differs in the tag alone.
  __attribute__((noinline)) void plain(at::Tensor& x) { benchmark::DoNotOptimize(x); }
  __attribute__((noinline)) void tagged(at::Tensor& x) {
    ANYCAPTURE_TAG(x);
    benchmark::DoNotOptimize(x);
  }
  __attribute__((noinline)) at::Tensor made() { return at::Tensor(held); }
  __attribute__((noinline)) at::Tensor made_tagged() {
    return anycapture::tag(this, "x", at::Tensor(held));
  }
  __attribute__((noinline)) void copied(at::Tensor& x) {
    x = at::Tensor(x);
    benchmark::DoNotOptimize(x);
  }
  __attribute__((noinline)) void assigned(at::Tensor& x) {
    x = anycapture::tag(this, "x", x);
    benchmark::DoNotOptimize(x);
  }
  // A site of its own in each module.
  __attribute__((noinline)) void fire(at::Tensor& x) { ANYCAPTURE_TAG(x); }
};

void no_tag(benchmark::State& state) {
  OneImpl module;
  for (auto _ : state) module.plain(module.held);
}
void macro_off(benchmark::State& state) {
  OneImpl module;
  for (auto _ : state) module.tagged(module.held);
}
void temporary_without_tag(benchmark::State& state) {
  OneImpl module;
  for (auto _ : state) benchmark::DoNotOptimize(module.made());
}
void temporary_off(benchmark::State& state) {
  OneImpl module;
  for (auto _ : state) benchmark::DoNotOptimize(module.made_tagged());
}
void assignment_of_copy(benchmark::State& state) {
  OneImpl module;
  for (auto _ : state) module.copied(module.held);
}
void assignment_off(benchmark::State& state) {
  OneImpl module;
  for (auto _ : state) module.assigned(module.held);
}

constexpr int kSites = 1000;

struct ManyImpl : torch::nn::Module {
  std::vector<std::shared_ptr<OneImpl>> ones;
  std::vector<at::Tensor> values;
  explicit ManyImpl(bool requires_grad) {
    for (int i = 0; i < kSites; ++i) {
      ones.push_back(register_module("m" + std::to_string(i), std::make_shared<OneImpl>()));
      values.push_back(at::zeros({4}));
      if (requires_grad) values.back().set_requires_grad(true);
    }
  }
  void run() {
    for (int i = 0; i < kSites; ++i) ones[i]->fire(values[i]);
  }
};

// 1,000 sites, one firing each, after a warm-up; the cache grows from empty. Per firing: time /
// 1000.
void fire_sites(benchmark::State& state, bool requires_grad) {
  auto model = std::make_shared<ManyImpl>(requires_grad);
  Capturer cap(model, "One:x");
  model->run();
  for (auto _ : state) {
    state.PauseTiming();
    cap.clear();
    state.ResumeTiming();
    model->run();
  }
  state.SetItemsProcessed(state.iterations() * kSites);
}
void on_no_grad(benchmark::State& state) {
  fire_sites(state, false);
}
void on_requires_grad(benchmark::State& state) {
  fire_sites(state, true);
}

// The same with a new session each time: every site is met for the first time.
void on_first_forward(benchmark::State& state) {
  auto model = std::make_shared<ManyImpl>(false);
  for (auto _ : state) {
    state.PauseTiming();
    auto cap = std::make_unique<Capturer>(model, "One:x");
    state.ResumeTiming();
    model->run();
    state.PauseTiming();
    cap.reset();
    state.ResumeTiming();
  }
  state.SetItemsProcessed(state.iterations() * kSites);
}

BENCHMARK(no_tag);
BENCHMARK(macro_off);
BENCHMARK(temporary_without_tag);
BENCHMARK(temporary_off);
BENCHMARK(assignment_of_copy);
BENCHMARK(assignment_off);
BENCHMARK(on_no_grad);
BENCHMARK(on_requires_grad);
BENCHMARK(on_first_forward);

}  // namespace

BENCHMARK_MAIN();
