// SPDX-License-Identifier: MIT
// Where a port goes wrong. python/vit.py wrote down what its model computes on the way, by
// python/capture.py; vit.h, the port, is given a mistake, and the first site that differs is named.
#include <ATen/ATen.h>

#include <anycapture/anycapture.h>
#include <anycapture/error.h>

#include <iostream>
#include <string>

#include "vit.h"
#include "weights.h"

namespace {

constexpr const char* kHelp =
    R"(usage: find_mistake [qkv|epsilon|none]

Gives a port of a ViT a mistake, writes what it computes to port.safetensors, and compares that with
the original's.
  qkv      q and k are read the other way round in block 2 (the default)
  epsilon  a LayerNorm of block 1 has the epsilon of Keras, 1e-3, not timm's 1e-6
  none     the port as it is
)";

constexpr int kDiffers = 1, kUsageError = 2, kFileError = 3;

AttentionImpl& attention(VisionTransformer& model, std::size_t block) {
  return *model->blocks->at<BlockImpl>(block).attn;
}

// Every shape still fits.
void swap_q_and_k(AttentionImpl& attention) {
  const at::NoGradGuard no_grad;
  for (const at::Tensor& rows : {attention.qkv->weight, attention.qkv->bias}) {
    const auto parts = rows.chunk(3);
    rows.copy_(at::cat({parts[1], parts[0], parts[2]}));
  }
}

bool make_mistake(VisionTransformer& model, const std::string& name) {
  if (name == "qkv") swap_q_and_k(attention(model, 2));
  if (name == "epsilon") model->blocks->at<BlockImpl>(1).norm2->options.eps(1e-3);
  return name == "qkv" || name == "epsilon" || name == "none";
}

int run(const std::string& mistake) {
  const auto original = anycapture::Captures::load(SAMPLES_DATA "/vit_reference.safetensors");
  auto port = load_vit(SAMPLES_DATA "/digits_vit.safetensors");
  if (!make_mistake(port, mistake)) return std::cerr << kHelp, kUsageError;

  const at::NoGradGuard no_grad;
  anycapture::Capturer cap(port, {"Block:output", "blocks.[12].attn:attn"});
  port->forward(original[":input"]);
  cap.save("port.safetensors");
  const auto comparison = anycapture::compare(cap, original, {1e-4, 1e-5, {}});
  std::cout << comparison << '\n';
  return comparison ? 0 : kDiffers;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc > 1 ? argv[1] : "qkv");
  } catch (const anycapture::Error& error) {
    std::cerr << "find_mistake: " << error.what() << '\n';
    return kFileError;
  }
}
