// Prints what the instrumented sources tell, a line each.
#include <anycapture/anycapture.h>

#include <ATen/ATen.h>

#include <iostream>

#include "model/layer.h"
#include "other/layer.h"

torch::Tensor generated(torch::Tensor x);

int main() {
  anycapture::CaptureOptions options;
  options.on_silent = anycapture::OnSilent::ignore;
  Layer layer;
  OtherLayer other;
  anycapture::Capturer cap(layer, {"*:*", "fn:*"}, options);
  anycapture::Capturer of_other(other, ":*", options);
  const auto y = layer.forward(at::ones({1}));
  other.forward(at::ones({1}));
  generated(at::ones({1}));
  for (const auto* one : {&cap, &of_other}) {
    for (const auto& key : one->keys()) std::cout << key << '=' << one->last(key).item<float>() << '\n';
  }
  std::cout << "file " << file_of_layer() << '\n';
}
