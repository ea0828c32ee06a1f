// SPDX-License-Identifier: MIT
// What a call of a built-in module costs that comes by anycapture::interpose while nobody listens,
// against LibTorch's own function, called by a pointer.
#include <anycapture/anycapture.h>
#include <torch/nn/modules/common.h>
#include <torch/nn/modules/container/functional.h>
#include <torch/nn/modules/linear.h>

#include <ATen/ATen.h>
#include <benchmark/benchmark.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <dlfcn.h>

namespace {

using torch::nn::FunctionalImpl;
using torch::nn::IdentityImpl;
using torch::nn::LinearImpl;

// LibTorch's own definition of a member function: the next after the first that the loader finds.
template <class Method>
Method libtorchs_own(const char* symbol) {
  Dl_info libtorch{};
  dladdr(dlsym(RTLD_DEFAULT, "_ZNK5torch2nn6Module4nameEv"), &libtorch);
  void* library = dlopen(libtorch.dli_fname, RTLD_LAZY | RTLD_NOLOAD);
  void* parts[2] = {library == nullptr ? nullptr : dlsym(library, symbol), nullptr};
  if (parts[0] == nullptr || !anycapture::interposed()) {
    std::fprintf(stderr, "interposed_bench: no %s, or it is not interposed\n", symbol);
    std::exit(1);
  }
  Method method;
  std::memcpy(&method, parts, sizeof method);
  return method;
}

template <class Impl, class Tensor>
using Method = at::Tensor (Impl::*)(Tensor);

const auto identity = libtorchs_own<Method<IdentityImpl, const at::Tensor&>>(
    "_ZN5torch2nn12IdentityImpl7forwardERKN2at6TensorE");
const auto functional = libtorchs_own<Method<FunctionalImpl, at::Tensor>>(
    "_ZN5torch2nn14FunctionalImpl7forwardEN2at6TensorE");

void identity_own(benchmark::State& state) {
  IdentityImpl module;
  const at::Tensor x = at::zeros({1});
  for (auto _ : state) benchmark::DoNotOptimize((module.*identity)(x));
}

void identity_interposed(benchmark::State& state) {
  IdentityImpl module;
  const at::Tensor x = at::zeros({1});
  for (auto _ : state) benchmark::DoNotOptimize(module.forward(x));
}

// Takes its tensor by value.
void functional_own(benchmark::State& state) {
  FunctionalImpl module([](at::Tensor x) { return x; });
  const at::Tensor x = at::zeros({1});
  for (auto _ : state) benchmark::DoNotOptimize((module.*functional)(x));
}

void functional_interposed(benchmark::State& state) {
  FunctionalImpl module([](at::Tensor x) { return x; });
  const at::Tensor x = at::zeros({1});
  for (auto _ : state) benchmark::DoNotOptimize(module.forward(x));
}

// A session elsewhere in the process: a module that is not of its model.
void identity_while_others_listen(benchmark::State& state) {
  IdentityImpl module;
  const auto other = std::make_shared<LinearImpl>(1, 1);
  const at::Tensor x = at::zeros({1});
  const anycapture::Capturer cap(other, ":output");
  other->forward(x);
  for (auto _ : state) benchmark::DoNotOptimize(module.forward(x));
}

BENCHMARK(identity_own);
BENCHMARK(identity_interposed);
BENCHMARK(functional_own);
BENCHMARK(functional_interposed);
BENCHMARK(identity_while_others_listen);

}  // namespace

BENCHMARK_MAIN();
