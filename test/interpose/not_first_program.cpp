// SPDX-License-Identifier: MIT
// Linked with the interposer behind LibTorch, where the loader never looks: what is said of it.
#include <anycapture/anycapture.h>
#include <torch/nn.h>

#include <iostream>

int main() {
  torch::nn::Linear linear(2, 2);
  std::cout << anycapture::interposed() << ' ' << linear(torch::ones({1, 2})).size(1) << '\n';
  std::cout << anycapture::why_not_interposed() << '\n';
  try {
    const anycapture::Capturer cap(linear, ":output");
  } catch (const anycapture::SelectorError& error) {
    std::cout << error.what() << '\n';
  }
}
