#include "layer.h"  // beside it, not the one in the other folder

#include <both.h>

torch::Tensor Layer::forward(torch::Tensor x) {
  auto scaled = x * FACTOR;
  BlockImpl block;
  return block.forward(scaled);
}
const char* file_of_layer() { return __FILE__; }
