// SPDX-License-Identifier: MIT
#include "tagged.h"

#include <ATen/ATen.h>
#include <anycapture/tag.h>

namespace tagged {

static torch::Tensor free_scores(const torch::Tensor& x) {
  torch::Tensor scores = x * 3;
  anycapture::tag("scores", scores + 1);
  return scores;
}

torch::Tensor ScorerImpl::forward(const torch::Tensor& x) {
  torch::Tensor attn = x * 2;
  ANYCAPTURE_TAG(attn);
  attn = attn + 1;
  torch::Tensor other = helper(attn);
  return other + free_scores(x);
}

torch::Tensor ScorerImpl::helper(const torch::Tensor& x) {
  torch::Tensor attn = x - 1;
  return attn;
}

torch::Tensor ScorerImpl::again(const torch::Tensor& x, int times) {
  torch::Tensor y = x + 1;
  if (times > 1) y = again(y, times - 1);
  return y;
}

Late::Late() {
  fill();
}

void Late::fill() {
  auto filled = at::ones({2});
  weight = filled;
}

torch::Tensor Late::forward(const torch::Tensor& x) {
  auto y = x * weight;
  return y;
}

}  // namespace tagged
