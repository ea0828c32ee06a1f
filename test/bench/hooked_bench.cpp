// SPDX-License-Identifier: MIT
// What a hooked module's call costs while nobody listens, against the plain holder's; and what a
// Sequential with relays costs, against one that no session ever saw.
#include <anycapture/anycapture.h>
#include <anycapture/module.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/pimpl.h>

#include <ATen/ATen.h>
#include <benchmark/benchmark.h>

namespace {

// Does as little as a forward can, out of line: a call's own cost shows.
struct SameImpl : torch::nn::Module {
  [[gnu::noinline]] at::Tensor forward(const at::Tensor& x) { return x; }
};
TORCH_MODULE_IMPL(Plain, SameImpl);
ANYCAPTURE_MODULE_IMPL(Hooked, SameImpl);

struct ByValueImpl : torch::nn::Module {
  [[gnu::noinline]] at::Tensor forward(at::Tensor x) { return x; }
};
TORCH_MODULE_IMPL(PlainByValue, ByValueImpl);
ANYCAPTURE_MODULE_IMPL(HookedByValue, ByValueImpl);

template <class Holder>
void arrow(benchmark::State& state) {
  Holder module;
  const at::Tensor x = at::zeros({1});
  for (auto _ : state) benchmark::DoNotOptimize(module->forward(x));
}

template <class Holder>
void call(benchmark::State& state) {
  Holder module;
  const at::Tensor x = at::zeros({1});
  for (auto _ : state) benchmark::DoNotOptimize(module(x));
}

// A session and a hook elsewhere in the process.
void hooked_while_others_listen(benchmark::State& state) {
  Hooked module, other;
  const at::Tensor x = at::zeros({1});
  const anycapture::Capturer cap(other, "*:output");
  other(x);
  for (auto _ : state) benchmark::DoNotOptimize(module(x));
}

void hooked_captured(benchmark::State& state) {
  Hooked module;
  const at::Tensor x = at::zeros({1});
  anycapture::CaptureOptions options;
  options.keep_last = 1;
  const anycapture::Capturer cap(module, "*:output", options);
  for (auto _ : state) benchmark::DoNotOptimize(module(x));
}

void sequential(benchmark::State& state) {
  torch::nn::Sequential row;
  for (int i = 0; i < 10; ++i) row->push_back(Plain());
  if (state.range(0) == 1) anycapture::prepare(row);
  const at::Tensor x = at::zeros({1});
  for (auto _ : state) benchmark::DoNotOptimize(row->forward(x));
  state.SetItemsProcessed(state.iterations() * 10);
}

BENCHMARK_TEMPLATE(arrow, Plain);
BENCHMARK_TEMPLATE(arrow, Hooked);
BENCHMARK_TEMPLATE(call, Plain);
BENCHMARK_TEMPLATE(call, Hooked);
BENCHMARK_TEMPLATE(arrow, PlainByValue);
BENCHMARK_TEMPLATE(arrow, HookedByValue);
BENCHMARK_TEMPLATE(call, PlainByValue);
BENCHMARK_TEMPLATE(call, HookedByValue);
BENCHMARK(hooked_while_others_listen);
BENCHMARK(hooked_captured);
BENCHMARK(sequential)->ArgName("relays")->Arg(0)->Arg(1);

}  // namespace

BENCHMARK_MAIN();
