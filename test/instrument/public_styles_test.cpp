// SPDX-License-Identifier: MIT
// Models in the styles of public ones, compiled plain and instrumented: the same outputs, bit for
// bit, and locals that agree with what the plain model's parts give.
#include <anycapture/anycapture.h>

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#define STYLES plain
#include "models/public_styles.h"
#undef STYLES
#define STYLES instrumented
#include "models/public_styles.h"
#undef STYLES

namespace {

using anycapture::CaptureOptions;
using anycapture::Capturer;

void expect_equal(const at::Tensor& got, const at::Tensor& wanted) {
  EXPECT_TRUE(at::equal(got, wanted)) << got << "\nwanted\n" << wanted;
}

// A model twice, with the same weights.
template <class Plain, class Instrumented>
struct Both {
  template <class... A>
  explicit Both(const A&... arguments)
      : plain(std::make_shared<Plain>(arguments...)),
        model(std::make_shared<Instrumented>(arguments...)) {
    const torch::NoGradGuard no_grad;
    auto to = model->named_parameters();
    for (const auto& item : plain->named_parameters()) to[item.key()].copy_(item.value());
  }
  Capturer capture() const {
    CaptureOptions options;
    options.keep = anycapture::Keep::clone;
    options.on_silent = anycapture::OnSilent::ignore;
    return Capturer(*model, {"*:*", "*:input", "*:output", "*:*[*]"}, options);
  }
  std::shared_ptr<Plain> plain;
  std::shared_ptr<Instrumented> model;
};
#define BOTH(type) Both<plain::type, instrumented::type>

class PublicStylesTest : public ::testing::Test {
  const torch::NoGradGuard no_grad_;
};

TEST_F(PublicStylesTest, VisionTransformer) {
  const BOTH(TowerImpl) both(4, 2);
  const at::Tensor x = at::randn({2, 3, 4});
  const at::Tensor wanted = both.plain->forward(x);
  expect_equal(both.model->forward(x), wanted);
  Capturer cap = both.capture();
  expect_equal(both.model->forward(x), wanted);

  const at::Tensor tokens = at::cat({at::ones({2, 1, 4}), x}, 1);
  auto mixer = (*both.plain->floors[0]->as<torch::nn::ModuleList>())[0]->as<plain::Mixer>();
  const at::Tensor q = mixer->project->forward(mixer->norm->forward(tokens)).chunk(3, -1)[0];
  const at::Tensor first = mixer->forward(tokens) + tokens;
  expect_equal(cap[":x[0]"], tokens);
  expect_equal(cap.calls(":x[1]")[0].value, first);
  expect_equal(cap["Floors.0.0:q"], q.view({2, 4, 2, 2}).transpose(1, 2));
  expect_equal(cap["Floors.0.0:attn"], cap["Floors.0.0:dots"].softmax(-1));
  expect_equal(cap["Floors.0.0:parts.0"], q);
  expect_equal(cap["Floors.0.0:output"], mixer->forward(tokens));
  expect_equal(cap[":out"], wanted);
  EXPECT_EQ(cap.stack("*:attn").sizes(), (std::vector<int64_t>{2, 2, 2, 4, 4}));
}

TEST_F(PublicStylesTest, Diffusion) {
  const BOTH(DenoiserImpl) both(6);
  const at::Tensor x = at::randn({2, 1, 4, 4}), when = at::tensor({1.0f, 7.0f});
  const at::Tensor wanted = both.plain->forward(x, when);
  expect_equal(both.model->forward(x, when), wanted);
  Capturer cap = both.capture();
  expect_equal(both.model->forward(x, when), wanted);

  const at::Tensor t = both.plain->encoded(when, 6);
  auto down = std::dynamic_pointer_cast<plain::StageImpl>(both.plain->down->ptr(0));
  expect_equal(cap[":t"], t);
  expect_equal(cap[":encoded.all"], t);
  expect_equal(cap[":encoded.row"], t[1]);
  EXPECT_EQ(cap.calls(":encoded.row[0]").size(), 2u);
  expect_equal(cap[":skip[0]"], down->forward(x, t));
  expect_equal(cap[":skip"], at::cat({x, down->forward(x, t)}, 1));
  expect_equal(cap["Down.0:t"], down->shift->forward(t).unsqueeze(-1).unsqueeze(-1));
  expect_equal(cap["Up.0:y"], wanted);
  cap.clear();
  EXPECT_FALSE(cap.contains(":noised.velocity"));
  expect_equal(std::get<1>(both.model->noised(x, false)), 2 - x);
  expect_equal(cap[":noised.velocity"], 2 - x);
  expect_equal(cap[":noised.return.0"], x + 2);
}

TEST_F(PublicStylesTest, Detection) {
  const BOTH(Detector) both(3, 2);
  const at::Tensor x = at::randn({2, 1, 4, 4});
  at::Tensor into = x;
  const auto wanted = both.plain->forward(into);
  Capturer cap = both.capture();
  at::Tensor given = x;
  const auto got = both.model->forward(given);
  expect_equal(given, into);  // it is written to
  expect_equal(got.first, wanted.first);
  expect_equal(got.second, wanted.second);

  at::Tensor copy = x;
  const at::Tensor close = both.plain->near->forward(copy);
  expect_equal(cap[":close"], close);
  expect_equal(cap[":x"], into);
  expect_equal(cap[":found_close"],
               both.plain->boxes->forward(close).permute({0, 2, 3, 1}).reshape({2, -1, 4}));
  expect_equal(cap[":classes"], wanted.second);
  expect_equal(cap[":last"], both.plain->scores->forward(into).permute({0, 2, 3, 1}));
  EXPECT_EQ(cap.calls(":last[0]").size(), 3u);  // the lambda ran three times
  expect_equal(cap[":output.0"], wanted.first);

  const std::vector<at::Tensor> levels = both.plain->levels(x);
  expect_equal(both.model->levels(x)[1], levels[1]);
  expect_equal(cap[":levels.out.0"], levels[0]);
  expect_equal(cap[":levels.large"], levels[1]);
  expect_equal(cap[":enlarged.out"], at::upsample_nearest2d(close, {8, 8}));
}

TEST_F(PublicStylesTest, LanguageModelOfAnLstm) {
  const BOTH(WordsImpl) both(7, 4);
  const at::Tensor x = at::arange(1, 7).view({2, 3}), zero = at::zeros({2, 2, 4});
  const auto wanted = both.plain->forward(x, {zero, zero});
  Capturer cap = both.capture();
  const auto got = both.model->forward(x, {zero, zero});
  expect_equal(std::get<0>(got), std::get<0>(wanted));

  const auto lstm =
      both.plain->lstm->forward(both.plain->embed->forward(x), std::tuple(zero, zero));
  expect_equal(cap[":output.0"], std::get<0>(wanted));
  expect_equal(cap[":forward.output[0]"], std::get<0>(lstm));
  expect_equal(cap[":forward.output"], std::get<0>(wanted));
  expect_equal(cap[":state.0"], std::get<0>(std::get<1>(lstm)));
  expect_equal(cap[":state.1"], std::get<1>(std::get<1>(lstm)));
  expect_equal(cap[":hx.1"], zero);
}

TEST_F(PublicStylesTest, NormalisingFlow) {
  const BOTH(FlowImpl) both(3, 2);
  const at::Tensor z = at::rand({2, 3});
  const auto wanted = both.plain->forward(z);
  Capturer cap = both.capture();
  const auto got = both.model->forward(z);
  expect_equal(std::get<1>(got), std::get<1>(wanted));

  auto step = both.plain->steps[0]->as<plain::Step>();
  const at::Tensor start = at::log(z.clamp_min(1e-2f));
  const auto [first, logdet] = step->forward(start);
  expect_equal(cap[":out[0]"], start);
  expect_equal(cap.calls(":out[1]")[0].value, first);
  expect_equal(cap.calls(":logdet[0]")[0].value, logdet);
  expect_equal(cap[":kept.0"], first);
  expect_equal(cap[":kept.1"], std::get<0>(wanted)[1]);
  expect_equal(cap[":sum"], std::get<1>(wanted));
  expect_equal(cap["Steps.0:scale"], at::sigmoid(step->net->forward(start)));
}

TEST_F(PublicStylesTest, DecoderWithACache) {
  const BOTH(DecoderLayerImpl) both(4);
  const at::Tensor x = at::randn({1, 2, 4}), old = at::randn({1, 3, 4});
  at::Tensor a = x, b = x, c = x;
  const auto wanted = both.plain->forward(a, plain::Cache(old, old + 1), true);
  Capturer cap = both.capture();
  const auto got = both.model->forward(b, instrumented::Cache(old, old + 1), true);
  expect_equal(std::get<0>(got), std::get<0>(wanted));
  expect_equal(b, a);

  const at::Tensor keys = at::cat({old, both.plain->key->forward(x)}, 1);
  const auto halves = both.plain->query->forward(x).chunk(2, -1);
  const at::Tensor asked = at::cat({-halves[1], halves[0]}, -1);
  expect_equal(cap[":keys"], keys);
  expect_equal(cap[":keys[0]"], both.plain->key->forward(x));
  expect_equal(cap[":old_values"], old + 1);
  expect_equal(cap[":asked"], asked);
  expect_equal(cap[":turned.halves.1"], halves[1]);
  expect_equal(cap[":weights"], asked.matmul(keys.transpose(-2, -1)).softmax(-1));
  expect_equal(cap[":past.0"], keys);
  expect_equal(cap[":shortcut"], x);
  expect_equal(cap[":hidden"], a);
  cap.clear();
  both.model->forward(c, std::nullopt, false);
  EXPECT_FALSE(cap.contains(":past.0"));
  EXPECT_FALSE(cap.contains(":old_keys"));
}

TEST_F(PublicStylesTest, TransformerInHeaders) {
  const BOTH(TranslatorImpl) both(6, 4);
  const at::Tensor from = at::tensor({1, 2, 3, 0}).view({1, 4});
  const at::Tensor to = at::tensor({4, 0, 5}).view({1, 3});
  const at::Tensor wanted = plain::run(*both.plain, from, to);
  Capturer cap = both.capture();
  expect_equal(instrumented::run(*both.model, from, to), wanted);

  const at::Tensor source = both.plain->embed_->forward(from);
  const at::Tensor target = both.plain->embed_->forward(to);
  const at::Tensor hidden = plain::mask::causal(to);
  EXPECT_EQ(cap.calls(":attend.attn").size(), 3u);
  expect_equal(cap[":memory"], both.plain->attend(source, source));
  expect_equal(cap.calls(":attend.scores[0]")[0].value, source.matmul(source.transpose(-2, -1)));
  expect_equal(cap.calls(":attend.scores[1]")[0].value,
               target.matmul(target.transpose(-2, -1)).masked_fill(hidden, -1e9));
  expect_equal(cap[":padding.mask"], (to == 0).unsqueeze(1));
  expect_equal(cap[":causal.return"], hidden);
  cap.clear();
  const at::Tensor words = plain::generated(*both.plain, from, 3);
  expect_equal(instrumented::generated(*both.model, from, 3), words);
  expect_equal(cap[":generate.words"], words);
  EXPECT_EQ(static_cast<int64_t>(cap.calls(":generate.next[0]").size()), words.size(1) - 1);
}

TEST_F(PublicStylesTest, PolicyWithTwoReturns) {
  const BOTH(PolicyImpl) both(3, 2);
  const at::Tensor x = at::randn({2, 3});
  const at::Tensor body = both.plain->body_->forward(x);
  Capturer cap = both.capture();
  for (const bool training : {false, true}) {
    both.plain->train(training);
    both.model->train(training);
    cap.clear();
    const auto wanted = plain::run(*both.plain, x), got = instrumented::run(*both.model, x);
    expect_equal(std::get<0>(got), std::get<0>(wanted));
    expect_equal(cap[":mean_[0]"], body);
    expect_equal(cap[":mean_"], at::tanh(body));
    expect_equal(cap[":worth"], both.plain->critic_->forward(at::tanh(body)));
    expect_equal(cap[":output.0"], std::get<0>(wanted));
    EXPECT_EQ(cap.contains(":move"), training);
  }
}

TEST_F(PublicStylesTest, ATemplateOverItsBlock) {
  const Both<plain::ResidualImpl<plain::PlainBlock>,
             instrumented::ResidualImpl<instrumented::PlainBlock>>
      both(std::array<int64_t, 2>{2, 3});
  const at::Tensor x = at::randn({2, 2, 4, 4});
  const at::Tensor wanted = plain::run(*both.plain, x);
  Capturer cap = both.capture();
  expect_equal(instrumented::run(*both.model, x), wanted);

  const at::Tensor conv = both.plain->block->conv->forward(x);
  expect_equal(cap["block:out[0]"], conv);
  expect_equal(cap["block:out[1]"], conv.relu());
  expect_equal(cap["block:out"], conv.relu() + x);
  expect_equal(cap[":out"], (conv.relu() + x).mean({2, 3}));
  expect_equal(cap[":output"], wanted);
}

}  // namespace
