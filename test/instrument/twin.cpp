// SPDX-License-Identifier: MIT
// usage: twin INPUT OUT SELECTOR...
//
// What the selectors choose of the samples' vision transformer, instrumented, that sees `:input`.
#include <ATen/ATen.h>

#include <anycapture/anycapture.h>
#include <anycapture/error.h>

#include <iostream>
#include <string>
#include <vector>

#include "vit.h"
#include "weights.h"

int main(int argc, char** argv) {
  if (argc < 4) return std::cerr << "usage: twin INPUT OUT SELECTOR...\n", 2;
  try {
    const auto input = anycapture::Captures::load(argv[1]);
    auto model = load_vit(SAMPLES_DATA "/digits_vit.safetensors");
    const at::NoGradGuard no_grad;
    anycapture::Capturer cap(model, std::vector<std::string>(argv + 3, argv + argc));
    model->forward(input[":input"]);
    cap.save(argv[2]);
  } catch (const anycapture::Error& error) {
    return std::cerr << "twin: " << error.what() << '\n', 3;
  }
}
