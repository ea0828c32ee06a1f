// SPDX-License-Identifier: MIT
// A module all in a header, untouched by AnyCapture, that several targets compile.
#pragma once

#include <torch/nn/module.h>
#include <torch/types.h>

struct InHeader : torch::nn::Module {
  // As if it were long: the linker keeps one copy of it, whoever calls.
  [[gnu::noinline]] torch::Tensor forward(const torch::Tensor& x) {
    auto inner = x + 1;
    return inner * 2;
  }
};

// The same call from targets that are compiled plain, instrumented, and instrumented without a word
// of this header.
torch::Tensor run_plain(InHeader& model, const torch::Tensor& x);
torch::Tensor run_instrumented(InHeader& model, const torch::Tensor& x);
torch::Tensor run_unnamed(InHeader& model, const torch::Tensor& x);
