// SPDX-License-Identifier: MIT
// A new user's model, with one line changed, and a look into it.
#include <anycapture/anycapture.h>
#include <anycapture/error.h>
#include <anycapture/pictures.h>
#include <torch/nn.h>

#include <iostream>

struct AttentionImpl : torch::nn::Module {
  AttentionImpl() : qkv(register_module("qkv", torch::nn::Linear(8, 24))) {}

  torch::Tensor forward(const torch::Tensor& x) {
    const auto parts = qkv->forward(x).chunk(3, -1);
    auto attn = parts[0].matmul(parts[1].transpose(-2, -1)).softmax(-1);
    ANYCAPTURE_TAG(attn);  // the changed line
    return attn.matmul(parts[2]);
  }

  torch::nn::Linear qkv;
};
TORCH_MODULE(Attention);

struct ModelImpl : torch::nn::Module {
  ModelImpl() : layers(register_module("layers", torch::nn::ModuleList())) {
    for (int i = 0; i < 2; ++i) layers->push_back(Attention());
  }

  torch::Tensor forward(torch::Tensor x) {
    for (const auto& layer : *layers) x = x + layer->as<Attention>()->forward(x);
    return x;
  }

  torch::nn::ModuleList layers;
};
TORCH_MODULE(Model);

int main(int, char** argv) {
  Model model;
  anycapture::Capturer cap(model, "Attention");
  model->forward(torch::randn({1, 5, 8}));
  cap.close();

  const auto maps = cap.stack("*:attn");
  const auto map = maps[1][0].contiguous();
  anycapture::draw_head(argv[1], {map.data_ptr<float>(), 5, 5});
  try {
    cap.save_html(argv[2]);
  } catch (const anycapture::Error& error) {
    std::cerr << error.what() << '\n';
    return 4;
  }
  std::cout << maps.sizes() << ' ' << maps.sum(-1).allclose(torch::ones({2, 1, 5})) << '\n';
}
