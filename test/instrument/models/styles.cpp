// SPDX-License-Identifier: MIT
#include "styles.h"

#include <ATen/ATen.h>

#include <stdexcept>
#include <utility>

namespace STYLES {

static torch::Tensor shifted(const torch::Tensor& x) {
  auto y = x + 1;
  return y;
}

static void halve(const torch::Tensor& from, torch::Tensor& into) { into = from / 2; }

AttentionImpl::AttentionImpl(int64_t width)
    : qkv(register_module("qkv", nn::Linear(width, 3 * width))),
      soft(register_module("soft", nn::Softmax(-1))) {}

torch::Tensor AttentionImpl::forward(const torch::Tensor& x) {
  return forward(x, torch::Tensor());
}

torch::Tensor AttentionImpl::forward(const torch::Tensor& x, const torch::Tensor& mask) {
  torch::Tensor q, k, v, attn;
  const auto parts = qkv->forward(x).chunk(3, -1);
  q = parts[0], k = parts[1];
  v = parts[2];
  attn = scaled(q, 0.5).matmul(k.transpose(-2, -1));
  if (mask.defined()) attn = attn + mask;
  attn = soft(attn);
  this->cache_ = attn;
  return attn.matmul(v);
}

std::tuple<torch::Tensor, torch::Tensor> AttentionImpl::encode(torch::Tensor x) const {
  auto [low, high] = std::make_tuple(x - 1, shifted(x));
  return {low, high};
}

torch::Tensor AttentionImpl::scaled(const torch::Tensor& q, double by) {
  auto result = q * by;
  return result;
}

Block::Block(int64_t width) : nn::Module("Block") {
  attn = register_module("attn", Attention(width));
  feed_forward = register_module("Feed Forward", nn::Sequential(nn::Linear(width, width)));
}

torch::Tensor Block::forward(torch::Tensor x) {
  const auto shortcut = x;
  x = attn->forward(x) + shortcut;
  x = x + feed_forward->forward(x);
  return x;
}

torch::Tensor Zoo::branches(const torch::Tensor& x, int64_t way) {
  torch::Tensor y;
  if (way == 0)
    y = x + 10;
  else if (way == 1) {
    y = x + 11;
  } else
    y = x + 12, y = y * 2;
  switch (way) {
    case 0:
      y = y - 1;
      break;
    case 1: {
      torch::Tensor only_here = y * 5;
      y = only_here;
      break;
    }
    default:
      break;
  }
  return y;
}

torch::Tensor Zoo::early(torch::Tensor x, bool leave) {
  torch::Tensor y = x * 2;
  if (leave) return y;
  y = y + 100;
  torch::Tensor late = y * 2;
  return late;
}

torch::Tensor Zoo::loops(const torch::Tensor& x) {
  torch::Tensor sum = torch::zeros_like(x);
  for (int64_t i = 0; i < 3; ++i) sum = sum + x * i;
  for (const auto& row : x.unbind(0))
    sum = sum + row;
  int64_t left = 2;
  while (left-- > 0) {
    sum += 1;
  }
  do
    sum = sum * 2;
  while (left-- > 0);
  return sum;
}

torch::Tensor Zoo::in_place(const torch::Tensor& x) {
  auto y = x.clone();
  y.mul_(2);
  y[0] = x[0];
  y.slice(0, 1, 2).add_(5);
  auto z = y.relu();
  z.add_(1);
  return z;
}

torch::Tensor Zoo::outs(const torch::Tensor& x) {
  torch::Tensor half, larger, same = x + 0;
  halve(x, half);
  torch::add_out(larger = torch::empty_like(x), x, half);
  std::tie(half, std::ignore) = std::make_tuple(half + 1, 3);
  std::swap(half, larger);
  return half - same;
}

torch::Tensor Zoo::lambdas(const torch::Tensor& x) {
  torch::Tensor kept;
  auto square = [&](const torch::Tensor& t) {
    auto squared = t * t;
    kept = squared + 1;
    return squared;
  };
  auto plain = [](torch::Tensor t) -> torch::Tensor { return t + 3; };
  auto y = square(x);
  y = plain(y);
  return y + kept;
}

std::vector<torch::Tensor> Zoo::containers(const torch::Tensor& x) {
  std::vector<torch::Tensor> levels;
  for (int64_t i = 0; i < 3; ++i) levels.push_back(x + i);
  levels[1] = x * 7;
  std::map<std::string, torch::Tensor> by_name;
  by_name["first"] = levels[0];
  std::optional<torch::Tensor> maybe;
  maybe = levels[2];
  *maybe = levels[2] * 2;
  auto pair = std::make_pair(x, levels[1]);
  std::get<0>(pair) = x - 2;
  levels.emplace_back(std::get<0>(pair) + *maybe);
  return levels;
}

Features Zoo::structs(const torch::Tensor& x) {
  Features features;
  features.hidden = x * 2;
  features.count = 3;
  features.pooled = features.hidden.mean(0);
  state_ = features.pooled;
  return features;
}

torch::Tensor Zoo::chains(const torch::Tensor& x) {
  torch::Tensor a, b, c, d;
  a = b = x + 1;
  c = (x.defined() ? d = x + 2 : b) * 2;
  a += b, c -= a;
  return torch::Tensor(a + b + c + d);
}

torch::Tensor& Zoo::reference(torch::Tensor& x) {
  auto& alias = x;
  alias = alias + 1;
  return alias;
}

std::unique_ptr<torch::Tensor> Zoo::move_only(const torch::Tensor& x) {
  auto made = std::make_unique<torch::Tensor>(x + 4);
  auto inside = *made;
  return made;
}

void Zoo::nothing(const torch::Tensor& x, torch::Tensor& out) {
  if (!x.defined()) return;
  out = x * 4;
}

torch::Tensor Zoo::throws(const torch::Tensor& x, bool really) {
  auto before = x + 1;
  if (really) throw std::runtime_error("as asked");
  return before * 2;
}

torch::Tensor Zoo::taken(torch::Tensor input) {
  auto output = input + 1;
  auto attention = output.softmax(-1);
  return attention;
}

torch::Tensor Zoo::shadows(const torch::Tensor& x) {
  auto y = x + 1;
  {
    torch::Tensor y = x + 2;
    y = y * 2;
  }
  return y;
}

torch::Tensor Zoo::preprocessor(const torch::Tensor& x) {
#if 1
  auto y = x + 1;
#else
  auto y = no_such_function(x);
#endif
  y = y
#ifdef NO_SUCH_MACRO
      * 3
#endif
      + 1;
  return y;
}

torch::Tensor Zoo::heads(const torch::Tensor& x) {
  torch::Tensor result;
  if (auto doubled = x * 2; doubled.defined()) {
    result = doubled + 1;
  } else
    result = x;
  for (torch::Tensor step = result; step.numel() > 2; step = step[0]) result = result + step.sum();
  torch::Tensor next = x[0][0];
  while ((next = next + 3).item<float>() < 2) result = result + next;
  return result;
}

torch::Tensor run(Counter& counter, const torch::Tensor& x) { return counter.forward(x); }
torch::Tensor run_deduced(Zoo& zoo, const torch::Tensor& x) { return zoo.deduced(x); }
torch::Tensor run_generic(Zoo& zoo, const torch::Tensor& x) { return zoo.generic(x); }

}  // namespace STYLES
