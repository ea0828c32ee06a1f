// SPDX-License-Identifier: MIT
// Small models in the styles of public C++ ones that the README lists, a class or two for each.
// Compiled twice: plain, and instrumented.
#ifndef STYLES
#error "define STYLES, the namespace of this compilation"
#endif

#include <torch/nn/cloneable.h>
#include <torch/nn/functional/activation.h>
#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/embedding.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/normalization.h>
#include <torch/nn/modules/rnn.h>
#include <torch/nn/pimpl.h>
#include <torch/types.h>

#include <array>
#include <memory>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

namespace STYLES {

namespace nn = torch::nn;

// A vision transformer: names with spaces, lists of lists, a softmax that is a module.
struct MixerImpl : nn::Module {
  MixerImpl() {}
  MixerImpl(int64_t width, size_t heads);
  torch::Tensor forward(torch::Tensor x);
  size_t heads = 1;
  nn::LayerNorm norm = nullptr;
  nn::Softmax weigh = nullptr;
  nn::Linear project = nullptr;
};
TORCH_MODULE(Mixer);

struct TowerImpl : nn::Module {
  TowerImpl(int64_t width, size_t depth);
  torch::Tensor forward(torch::Tensor x);
  nn::ModuleList floors;
  torch::Tensor first_token;
};
TORCH_MODULE(Tower);

// A diffusion model: Sequentials of two arguments, an encoding of time that a loop fills.
struct StageImpl : nn::Module {
  StageImpl(int64_t from, int64_t to, int64_t steps);
  torch::Tensor forward(torch::Tensor x, torch::Tensor t);
  nn::Sequential convs, shift;
};
TORCH_MODULE(Stage);

struct DenoiserImpl : nn::Module {
  explicit DenoiserImpl(int64_t steps);
  torch::Tensor encoded(torch::Tensor when, int64_t width) const;
  torch::Tensor forward(torch::Tensor noisy, torch::Tensor when);
  std::tuple<torch::Tensor, torch::Tensor> noised(torch::Tensor clean, bool wants_noise) const;
  int64_t steps;
  nn::Sequential down, up;
};
TORCH_MODULE(Denoiser);

// A detector: what comes in by reference is overwritten, a lambda shapes what goes out.
struct ConvImpl : nn::Module {
  ConvImpl(int64_t from, int64_t to);
  torch::Tensor forward(torch::Tensor& x);
  nn::Conv2d conv{nullptr};
  nn::SiLU act{};
};

class Detector : public nn::Module {
 public:
  Detector(int64_t classes, int64_t anchors);
  std::pair<torch::Tensor, torch::Tensor> forward(torch::Tensor& x);
  std::vector<torch::Tensor> levels(torch::Tensor x);
  std::shared_ptr<ConvImpl> near, far;
  nn::Conv2d boxes{nullptr}, scores{nullptr};

 private:
  int64_t classes_;
};

// A language model: a state of two tensors that is tied to what an LSTM gives.
class WordsImpl : public nn::Module {
 public:
  WordsImpl(int64_t words, int64_t width);
  std::tuple<torch::Tensor, std::tuple<torch::Tensor, torch::Tensor>> forward(
      torch::Tensor x, std::tuple<torch::Tensor, torch::Tensor> hx);
  nn::Embedding embed;
  nn::LSTM lstm;
  nn::Linear linear;
};
TORCH_MODULE(Words);

// A normalising flow: a vector filled by index, sums over steps.
struct StepImpl : nn::Module {
  explicit StepImpl(int64_t width);
  std::tuple<torch::Tensor, torch::Tensor> forward(torch::Tensor x);
  nn::Linear net = nullptr;
};
TORCH_MODULE(Step);

struct FlowImpl : nn::Module {
  FlowImpl(int64_t width, int64_t count);
  std::tuple<std::vector<torch::Tensor>, torch::Tensor> forward(torch::Tensor z);
  nn::ModuleList steps;
};
TORCH_MODULE(Flow);

// A decoder layer of a large language model: an optional cache that grows, rotary halves.
using Cache = std::tuple<torch::Tensor, torch::Tensor>;
class DecoderLayerImpl : public nn::Module {
 public:
  explicit DecoderLayerImpl(int64_t width);
  std::tuple<torch::Tensor, std::optional<Cache>> forward(torch::Tensor& hidden,
                                                          std::optional<Cache> past,
                                                          bool use_cache);
  nn::Linear query{nullptr}, key{nullptr}, value{nullptr};
};
TORCH_MODULE(DecoderLayer);

// A transformer of two halves, in headers: inline functions, default arguments.
namespace mask {
inline torch::Tensor padding(const torch::Tensor& words) {
  auto mask = (words == 0).unsqueeze(1);
  return mask;
}
inline torch::Tensor causal(const torch::Tensor& words) {
  int64_t size = words.size(1);
  auto hidden = torch::ones({size, size}, torch::kBool).triu(1).unsqueeze(0);
  return torch::logical_or(padding(words), hidden);
}
}  // namespace mask

class TranslatorImpl : public nn::Module {
 public:
  TranslatorImpl(int64_t words, int64_t width)
      : embed_(register_module("embed", nn::Embedding(words, width))),
        out_(register_module("out", nn::Linear(width, words))) {}

  torch::Tensor attend(torch::Tensor q, const torch::Tensor& k,
                       torch::Tensor hidden = torch::Tensor()) {
    auto scores = q.matmul(k.transpose(-2, -1));
    if (hidden.defined()) {
      scores = scores.masked_fill(hidden, -1e9);
    }
    auto attn = scores.softmax(-1);
    return attn.matmul(k);
  }

  torch::Tensor forward(torch::Tensor from, torch::Tensor to) {
    auto source = embed_->forward(from);
    torch::Tensor memory = attend(source, source);
    auto target = embed_->forward(to);
    target = attend(target, target, mask::causal(to)) + attend(target, memory);
    return out_->forward(target);
  }

  // Word by word, until all have ended.
  torch::Tensor generate(torch::Tensor from, int64_t longest) {
    auto words = torch::ones({from.size(0), 1}, torch::kLong);
    for (int64_t i = 0; i < longest; ++i) {
      auto next = forward(from, words).select(1, -1).argmax(-1, true);
      words = torch::cat({words, next}, 1);
      if ((next == 0).all().item<bool>()) break;
    }
    return words;
  }

  nn::Embedding embed_;
  nn::Linear out_;
};
TORCH_MODULE(Translator);

// A policy: a trailing type, a member that is assigned, a return in each branch.
struct PolicyImpl : public nn::Module {
  nn::Linear body_, critic_;
  torch::Tensor mean_;

  PolicyImpl(int64_t in, int64_t out) : body_(nn::Linear(in, out)), critic_(nn::Linear(out, 1)) {
    register_module("body", body_);
    register_module("critic", critic_);
  }

  auto forward(torch::Tensor state) -> std::tuple<torch::Tensor, torch::Tensor> {
    mean_ = body_->forward(state);
    mean_ = torch::tanh(mean_);
    torch::Tensor worth = critic_->forward(mean_);
    if (!this->is_training()) {
      return std::make_tuple(mean_, worth);
    } else {
      torch::NoGradGuard no_grad;
      torch::Tensor move = mean_ + 0.5;
      return std::make_tuple(move, worth);
    }
  }
};
TORCH_MODULE(Policy);

// A residual network: a template over its block, all in a header.
struct PlainBlock : nn::Module {
  explicit PlainBlock(int64_t width)
      : conv(register_module("conv", nn::Conv2d(nn::Conv2dOptions(width, width, 3).padding(1)))) {}
  torch::Tensor forward(const torch::Tensor& x) {
    auto out = conv->forward(x);
    out = torch::relu(out);
    out += x;
    return out;
  }
  nn::Conv2d conv;
};

template <typename Block>
class ResidualImpl : public nn::Module {
 public:
  explicit ResidualImpl(const std::array<int64_t, 2>& widths)
      : block(register_module("block", std::make_shared<Block>(widths[0]))),
        fc(register_module("fc", nn::Linear(widths[0], widths[1]))) {}
  torch::Tensor forward(torch::Tensor x) {
    auto out = block->forward(x);
    out = out.mean({2, 3});
    out = out.view({out.size(0), -1});
    return fc->forward(out);
  }
  std::shared_ptr<Block> block;
  nn::Linear fc;
};

// Calls of what the header defines, from the source that includes it.
torch::Tensor run(TranslatorImpl& model, const torch::Tensor& from, const torch::Tensor& to);
torch::Tensor generated(TranslatorImpl& model, const torch::Tensor& from, int64_t longest);
std::tuple<torch::Tensor, torch::Tensor> run(PolicyImpl& model, const torch::Tensor& x);
torch::Tensor run(ResidualImpl<PlainBlock>& model, const torch::Tensor& x);

}  // namespace STYLES
