#include "layer.h"  // beside it, not the one in the other folder

#include <both.h>

Layer::Layer() { block = register_module("block", std::make_shared<BlockImpl>()); }

torch::Tensor Layer::forward(torch::Tensor x) {
  auto scaled = x * FACTOR;
  return block->as<BlockImpl>()->forward(scaled);
}
const char* file_of_layer() { return __FILE__; }
