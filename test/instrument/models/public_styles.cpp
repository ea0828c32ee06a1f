// SPDX-License-Identifier: MIT
#include "public_styles.h"

#include <ATen/ATen.h>

#include <cmath>

namespace STYLES {

namespace F = torch::nn::functional;

MixerImpl::MixerImpl(int64_t width, size_t heads_) {
  this->heads = heads_;
  this->norm = nn::LayerNorm(nn::LayerNormOptions(std::vector<int64_t>{width}));
  register_module("Layer Norm", this->norm);
  this->weigh = nn::Softmax(/*dim=*/-1);
  register_module("Softmax", this->weigh);
  this->project = nn::Linear(nn::LinearOptions(width, 3 * width).bias(false));
  register_module("Linear", this->project);
}

torch::Tensor MixerImpl::forward(torch::Tensor x) {
  torch::Tensor q, k, v, dots, attn, out;
  std::vector<torch::Tensor> parts;
  const long int width = x.size(2);

  x = this->norm->forward(x);
  parts = this->project->forward(x).chunk(3, /*dim=*/-1);
  q = parts[0].unflatten(-1, {(long int)this->heads, -1}).transpose(1, 2);
  k = parts[1].unflatten(-1, {(long int)this->heads, -1}).transpose(1, 2);
  v = parts[2].unflatten(-1, {(long int)this->heads, -1}).transpose(1, 2);

  dots = q.matmul(k.transpose(-1, -2)) * 0.5;
  attn = this->weigh->forward(dots);  // (B, heads, tokens, tokens)
  out = attn.matmul(v).transpose(1, 2).reshape({x.size(0), -1, width});

  return out;
}

TowerImpl::TowerImpl(int64_t width, size_t depth) {
  for (size_t i = 0; i < depth; i++) {
    nn::ModuleList level;
    level->push_back(Mixer(width, 2));
    level->push_back(nn::Linear(width, width));
    this->floors->push_back(level);
  }
  register_module("Floors", this->floors);
  this->first_token = register_parameter("First Token", torch::ones({1, 1, width}));
}

torch::Tensor TowerImpl::forward(torch::Tensor x) {
  torch::Tensor out;
  x = torch::cat({this->first_token.expand({x.size(0), 1, x.size(2)}), x}, /*dim=*/1);
  for (size_t i = 0; i < this->floors->size(); i++) {
    auto level = this->floors[i]->as<nn::ModuleList>();
    x = (*level)[0]->as<Mixer>()->forward(x) + x;
    x = (*level)[1]->as<nn::Linear>()->forward(x) + x;
  }
  out = x.select(/*dim=*/1, /*index=*/0);
  return out;
}

StageImpl::StageImpl(int64_t from, int64_t to, int64_t steps) {
  this->convs->push_back(nn::Conv2d(nn::Conv2dOptions(from, to, 3).padding(1)));
  this->convs->push_back(nn::ReLU(nn::ReLUOptions().inplace(true)));
  register_module("Convolutions", this->convs);
  this->shift = nn::Sequential(nn::Linear(steps, from), nn::ReLU());
  register_module("Shift", this->shift);
}

torch::Tensor StageImpl::forward(torch::Tensor x, torch::Tensor t) {
  torch::Tensor y;
  t = this->shift->forward(t).unsqueeze(/*dim=*/-1).unsqueeze(/*dim=*/-1);
  y = this->convs->forward(x + t);
  return y;
}

DenoiserImpl::DenoiserImpl(int64_t steps_) : steps(steps_) {
  this->down->push_back(Stage(1, 2, steps_));
  this->up->push_back(Stage(3, 1, steps_));
  register_module("Down", this->down);
  register_module("Up", this->up);
}

torch::Tensor DenoiserImpl::encoded(torch::Tensor when, int64_t width) const {
  torch::Tensor all, row, place, odd;
  all = torch::zeros({when.size(0), width});
  place = torch::arange(width);
  odd = place.remainder(2) == 1;
  for (int64_t i = 0; i < when.size(0); i++) {
    row = torch::sin(when[i] / (1 + place));
    row.index_put_({odd}, torch::cos(when[i] / (1 + place)).index({odd}));
    all[i] = row;
  }
  return all;
}

torch::Tensor DenoiserImpl::forward(torch::Tensor noisy, torch::Tensor when) {
  torch::Tensor t, skip, out;
  t = this->encoded(when, this->steps);
  skip = this->down->forward(noisy, t);
  skip = torch::cat({noisy, skip}, /*dim=*/1);
  out = this->up->forward(skip, t);
  return out;
}

std::tuple<torch::Tensor, torch::Tensor> DenoiserImpl::noised(torch::Tensor clean,
                                                              bool wants_noise) const {
  torch::Tensor noise, mixed, velocity;
  noise = torch::ones_like(clean) * 2;
  mixed = clean + noise;
  if (wants_noise) return {mixed, noise};
  velocity = noise - clean;
  return {mixed, velocity};
}

ConvImpl::ConvImpl(int64_t from, int64_t to) {
  conv = register_module("conv", nn::Conv2d(nn::Conv2dOptions(from, to, 3).padding(1)));
}

torch::Tensor ConvImpl::forward(torch::Tensor& x) {
  return act(conv->forward(x));
}

Detector::Detector(int64_t classes, int64_t anchors) : classes_(classes) {
  near = register_module("near", std::make_shared<ConvImpl>(1, 2));
  far = register_module("far", std::make_shared<ConvImpl>(2, 2));
  boxes = register_module("boxes", nn::Conv2d(nn::Conv2dOptions(2, anchors * 4, 1)));
  scores = register_module("scores", nn::Conv2d(nn::Conv2dOptions(2, anchors * classes, 1)));
}

std::pair<torch::Tensor, torch::Tensor> Detector::forward(torch::Tensor& x) {
  int64_t count = x.size(0);

  x = near->forward(x);
  auto close = x;
  x = far->forward(x);

  auto in_rows = [count](torch::Tensor map, int64_t width) {
    auto last = map.permute({0, 2, 3, 1});
    return last.reshape({count, -1, width});
  };
  auto found_close = in_rows(boxes->forward(close), 4), found_far = in_rows(boxes->forward(x), 4);
  auto classes = in_rows(scores->forward(x), classes_);
  return {torch::cat({found_close, found_far}, 1), classes};
}

static torch::Tensor enlarged(torch::Tensor x, const std::vector<int64_t> shape) {
  torch::Tensor out;
  out = torch::upsample_nearest2d(x, shape);
  return out;
}

std::vector<torch::Tensor> Detector::levels(torch::Tensor x) {
  torch::Tensor x0, x1, x2, small, large;
  std::vector<torch::Tensor> out;
  x0 = near->forward(x);
  x1 = enlarged(x0, {2 * x0.size(2), 2 * x0.size(3)});
  x2 = far->forward(x1);
  small = x0.permute({0, 2, 3, 1}).contiguous();
  large = x2.permute({0, 2, 3, 1}).contiguous();
  out.push_back(small);
  out.push_back(large);
  return out;
}

WordsImpl::WordsImpl(int64_t words, int64_t width)
    : embed(words, width),
      lstm(nn::LSTMOptions(width, width).num_layers(2).batch_first(true)),
      linear(width, words) {
  register_module("embed", embed);
  register_module("lstm", lstm);
  register_module("linear", linear);
}

std::tuple<torch::Tensor, std::tuple<torch::Tensor, torch::Tensor>> WordsImpl::forward(
    torch::Tensor x, std::tuple<torch::Tensor, torch::Tensor> hx) {
  torch::Tensor output;
  std::tuple<torch::Tensor, torch::Tensor> state;

  std::tie(output, state) = lstm->forward(embed->forward(x), hx);
  output = output.reshape({-1, output.size(2)});
  output = linear->forward(output);
  output = F::log_softmax(output, 1);
  return std::make_tuple(output, state);
}

StepImpl::StepImpl(int64_t width) {
  this->net = nn::Linear(width, width);
  register_module("Net", this->net);
}

std::tuple<torch::Tensor, torch::Tensor> StepImpl::forward(torch::Tensor x) {
  torch::Tensor scale = torch::sigmoid(this->net->forward(x));
  return {x * scale, torch::log(scale).sum(1)};
}

FlowImpl::FlowImpl(int64_t width, int64_t count) {
  for (int64_t i = 0; i < count; i++) this->steps->push_back(Step(width));
  register_module("Steps", this->steps);
}

std::tuple<std::vector<torch::Tensor>, torch::Tensor> FlowImpl::forward(torch::Tensor z) {
  constexpr float margin = 1e-2f;

  torch::Tensor out, logdet, sum;
  std::vector<torch::Tensor> kept;

  out = torch::log(z.clamp_min(margin));
  kept = std::vector<torch::Tensor>(this->steps->size());
  sum = torch::zeros({z.size(0)});
  for (long int i = 0; i < (long int)this->steps->size(); i++) {
    std::tie(out, logdet) = this->steps[i]->as<Step>()->forward(out);
    kept[i] = out;
    sum = sum + logdet;
  }
  return {kept, sum};
}

DecoderLayerImpl::DecoderLayerImpl(int64_t width) {
  query = register_module("query", nn::Linear(width, width));
  key = register_module("key", nn::Linear(width, width));
  value = register_module("value", nn::Linear(width, width));
}

static torch::Tensor turned(const torch::Tensor& x) {
  auto halves = x.chunk(2, -1);
  return torch::cat({-halves[1], halves[0]}, -1);
}

std::tuple<torch::Tensor, std::optional<Cache>> DecoderLayerImpl::forward(torch::Tensor& hidden,
                                                                          std::optional<Cache> past,
                                                                          bool use_cache) {
  auto shortcut = hidden;
  auto asked = turned(query(hidden));
  auto keys = key(hidden), values = value(hidden);
  if (past.has_value()) {
    auto [old_keys, old_values] = past.value();
    keys = torch::cat({old_keys, keys}, 1);
    values = torch::cat({old_values, values}, 1);
  }
  past = use_cache ? std::make_optional(std::make_tuple(keys, values)) : std::nullopt;
  auto weights = asked.matmul(keys.transpose(-2, -1));
  weights = weights.softmax(-1);
  hidden = shortcut + weights.matmul(values);
  return std::make_tuple(hidden, past);
}

torch::Tensor run(TranslatorImpl& model, const torch::Tensor& from, const torch::Tensor& to) {
  return model.forward(from, to);
}
torch::Tensor generated(TranslatorImpl& model, const torch::Tensor& from, int64_t longest) {
  return model.generate(from, longest);
}
std::tuple<torch::Tensor, torch::Tensor> run(PolicyImpl& model, const torch::Tensor& x) {
  return model.forward(x);
}
torch::Tensor run(ResidualImpl<PlainBlock>& model, const torch::Tensor& x) {
  return model.forward(x);
}

}  // namespace STYLES
