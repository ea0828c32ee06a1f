// SPDX-License-Identifier: MIT
// Models in the styles that public code has, untouched by AnyCapture. Compiled twice: plain, and
// instrumented.
#ifndef STYLES
#error "define STYLES, the namespace of this compilation"
#endif

#include <torch/nn/cloneable.h>
#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/pimpl.h>
#include <torch/types.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

namespace STYLES {

namespace nn = torch::nn;

// Declared here and defined elsewhere; tensors declared first and assigned later.
struct AttentionImpl : nn::Module {
  explicit AttentionImpl(int64_t width);
  torch::Tensor forward(const torch::Tensor& x);
  torch::Tensor forward(const torch::Tensor& x, const torch::Tensor& mask);
  std::tuple<torch::Tensor, torch::Tensor> encode(torch::Tensor x) const;
  static torch::Tensor scaled(const torch::Tensor& q, double by);

  nn::Linear qkv{nullptr};
  nn::Softmax soft{nullptr};
  torch::Tensor cache_;
};
TORCH_MODULE(Attention);

// A plain class, made with make_shared, its child a member by value of a module with a space in its
// name.
struct Block : nn::Module {
  explicit Block(int64_t width);
  torch::Tensor forward(torch::Tensor x);

  Attention attn{nullptr};
  nn::Sequential feed_forward;
};

struct Features {
  torch::Tensor hidden;
  torch::Tensor pooled;
  int64_t count = 0;
};

// Constructs: each method is one.
struct Zoo : nn::Module {
  torch::Tensor branches(const torch::Tensor& x, int64_t way);
  torch::Tensor early(torch::Tensor x, bool leave);
  torch::Tensor loops(const torch::Tensor& x);
  torch::Tensor in_place(const torch::Tensor& x);
  torch::Tensor outs(const torch::Tensor& x);
  torch::Tensor lambdas(const torch::Tensor& x);
  std::vector<torch::Tensor> containers(const torch::Tensor& x);
  Features structs(const torch::Tensor& x);
  torch::Tensor chains(const torch::Tensor& x);
  torch::Tensor& reference(torch::Tensor& x);
  std::unique_ptr<torch::Tensor> move_only(const torch::Tensor& x);
  void nothing(const torch::Tensor& x, torch::Tensor& out);
  torch::Tensor throws(const torch::Tensor& x, bool really);
  torch::Tensor taken(torch::Tensor input);
  torch::Tensor shadows(const torch::Tensor& x);
  torch::Tensor preprocessor(const torch::Tensor& x);
  torch::Tensor heads(const torch::Tensor& x);
  auto deduced(const torch::Tensor& x) {
    auto y = x * 3;
    return y + 1;
  }
  template <class T>
  T generic(const T& x) {
    T twice = x * 2;
    return twice;
  }
  torch::Tensor state_;
};

// Made by value, its forward() in the class.
struct Counter : nn::Module {
  torch::Tensor forward(const torch::Tensor& x) {
    torch::Tensor total = x.sum();
    total = total + 1;
    torch::Tensor output = total;
    return output;
  }
};

// Calls of what the header defines, from the source that includes it.
torch::Tensor run(Counter& counter, const torch::Tensor& x);
torch::Tensor run_deduced(Zoo& zoo, const torch::Tensor& x);
torch::Tensor run_generic(Zoo& zoo, const torch::Tensor& x);

}  // namespace STYLES
