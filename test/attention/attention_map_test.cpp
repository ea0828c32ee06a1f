// SPDX-License-Identifier: MIT
// Weights of fused ops against weights that are written out by hand.
#include <anycapture/anycapture.h>
#include <anycapture/module.h>
#include <anycapture/nn.h>
#include <anycapture/torch_version.h>

#include <ATen/ATen.h>
#include <torch/nn/modules/activation.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "attention/fused_call.h"
#include "capture/count_bytes.h"
#include "support/temp_dir.h"
#include "support/throws.h"

namespace {

using anycapture::AttentionMap;
using anycapture::CaptureOptions;
using anycapture::Capturer;
using anycapture::Captures;
using anycapture::Keep;
using anycapture::OnSilent;
using anycapture::Stale;
using support::message_of;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

struct Arguments {
  Arguments(at::Tensor added = {}, bool is_causal = false, std::optional<double> factor = {},
            bool is_grouped = false)
      : mask(std::move(added)), causal(is_causal), scale(factor), grouped(is_grouped) {}

  at::Tensor mask;
  bool causal;
  std::optional<double> scale;
  bool grouped;
  double dropout = 0;
};

#if ANYCAPTURE_TORCH_AT_LEAST(2, 5)
using OptionalTensor = std::optional<at::Tensor>;
#else
using OptionalTensor = c10::optional<at::Tensor>;
#endif

at::Tensor fused(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                 const Arguments& with) {
  OptionalTensor mask;
  if (with.mask.defined()) mask = with.mask;
#if ANYCAPTURE_TORCH_AT_LEAST(2, 5)
  return at::scaled_dot_product_attention(q, k, v, mask, with.dropout, with.causal, with.scale,
                                          with.grouped);
#elif ANYCAPTURE_TORCH_AT_LEAST(2, 1)
  return at::scaled_dot_product_attention(q, k, v, mask, with.dropout, with.causal, with.scale);
#elif ANYCAPTURE_TORCH_AT_LEAST(2, 0)
  return at::scaled_dot_product_attention(q, k, v, mask, with.dropout, with.causal);
#else
  return std::get<0>(
      at::_scaled_dot_product_attention(q, k, v, mask, with.dropout, false, with.causal));
#endif
}

// The definition, in double precision, element by element where it matters: no shared code.
at::Tensor by_hand(at::Tensor q, at::Tensor k, const Arguments& with) {
  q = q.to(at::kDouble);
  k = k.to(at::kDouble);
  if (with.grouped) k = k.repeat_interleave(q.size(-3) / k.size(-3), -3);
  const double scale = with.scale.value_or(1 / std::sqrt(static_cast<double>(q.size(-1))));
  at::Tensor scores = q.matmul(k.transpose(-2, -1)) * scale;
  if (with.mask.defined()) {
    scores = with.mask.scalar_type() == at::kBool
                 ? at::where(with.mask, scores, at::scalar_tensor(-1e300, at::kDouble))
                 : scores + with.mask.to(at::kDouble);
  }
  for (std::int64_t row = 0; with.causal && row < scores.size(-2); ++row) {
    if (row + 1 < scores.size(-1))
      scores.select(-2, row).narrow(-1, row + 1, scores.size(-1) - row - 1).fill_(-1e300);
  }
  at::Tensor weights = (scores - std::get<0>(scores.max(-1, true))).exp();
  weights = weights / weights.sum(-1, true);
  const at::Tensor closed = std::get<0>(scores.max(-1, true)) < -1e200;
  return weights.masked_fill(closed, 0);
}

struct FusedImpl : torch::nn::Module {
  at::Tensor forward(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
    return fused(q, k, v, with);
  }
  Arguments with;
};
ANYCAPTURE_MODULE(Fused);

at::Tensor random(std::vector<std::int64_t> shape, at::ScalarType dtype = at::kFloat) {
  return at::randn(shape).to(dtype);
}

double difference(const at::Tensor& ours, const at::Tensor& theirs) {
  return (ours.to(at::kDouble) - theirs.to(at::kDouble)).abs().max().item<double>();
}

// What a session gives of one call, against the definition.
void expect_weights(const Arguments& with, std::vector<std::int64_t> queries,
                    std::vector<std::int64_t> keys, at::ScalarType dtype = at::kFloat,
                    double tolerance = 1e-6) {
  at::manual_seed(1);
  Fused model;
  model->with = with;
  const at::Tensor q = random(queries, dtype), k = random(keys, dtype), v = random(keys, dtype);
  Capturer cap(model, ":attention");
  model->forward(q, k, v);
  const AttentionMap map = cap.attention(":attention");
  const at::Tensor expected = by_hand(q, k, with);
  EXPECT_EQ(map.shape(), expected.sizes().vec());
  EXPECT_LE(difference(map.whole(), expected), tolerance);
  EXPECT_EQ(map.whole().scalar_type(), dtype == at::kDouble ? at::kDouble : at::kFloat);
  EXPECT_LE(difference(cap[":attention"], expected), tolerance);
}

TEST(AttentionMap, IsThatOfEveryKindOfArgument) {
  const double inf = std::numeric_limits<double>::infinity();
  const at::Tensor open = at::tensor({1, 1, 0, 1, 1, 0, 0, 0, 0, 1, 0, 1}, at::kLong)
                              .to(at::kBool)
                              .view({3, 4});  // its third row closed but for two
  const at::Tensor added =
      at::where(open, at::scalar_tensor(0.5), at::scalar_tensor(-inf)).to(at::kFloat);
  {
    SCOPED_TRACE("plain");
    expect_weights({}, {2, 3, 5, 4}, {2, 3, 7, 4});
  }
  {
    SCOPED_TRACE("bool mask");
    expect_weights({open}, {2, 2, 3, 4}, {2, 2, 4, 4});
  }
  {
    SCOPED_TRACE("added mask");
    expect_weights({added}, {2, 2, 3, 4}, {2, 2, 4, 4});
  }
  {
    SCOPED_TRACE("mask of each head and batch");
    expect_weights({at::randn({2, 2, 3, 4})}, {2, 2, 3, 4}, {2, 2, 4, 4});
  }
  {
    SCOPED_TRACE("causal");
    expect_weights({{}, true}, {1, 2, 6, 4}, {1, 2, 6, 4});
  }
  {
    SCOPED_TRACE("causal, more keys than queries");
    expect_weights({{}, true}, {1, 2, 3, 4}, {1, 2, 6, 4});
  }
  {
    SCOPED_TRACE("one query against a cache of keys");
    expect_weights({}, {1, 4, 1, 8}, {1, 4, 33, 8});
  }
  {
    SCOPED_TRACE("double precision");
    expect_weights({}, {1, 2, 3, 4}, {1, 2, 5, 4}, at::kDouble, 1e-14);
  }
}

TEST(AttentionMap, OfAHeadInAGroupIsThatHeads) {
  anycapture::attention::Operands operands;
  operands.query = random({1, 6, 5, 4});
  operands.key = random({1, 2, 5, 4});
  operands.grouped = true;
  const AttentionMap map(std::make_shared<anycapture::attention::FusedCall>(operands, true, false));
  const at::Tensor expected = by_hand(operands.query, operands.key, {{}, false, {}, true});
  for (std::int64_t head = 0; head < 6; ++head)
    EXPECT_LE(difference(map.head(head), expected.select(1, head)), 1e-6) << head;
  EXPECT_LE(difference(map.mean(), expected.mean(1)), 1e-6);
}

#if ANYCAPTURE_TORCH_AT_LEAST(2, 5)
TEST(AttentionMap, TakesScalesGroupsAndHalfPrecision) {
  expect_weights({{}, false, 0.3}, {2, 2, 3, 4}, {2, 2, 4, 4});
  expect_weights({{}, false, -0.7}, {2, 2, 3, 4}, {2, 2, 4, 4});
  expect_weights({{}, true, {}, true}, {1, 6, 5, 4}, {1, 2, 5, 4});
  expect_weights({}, {1, 2, 9, 16}, {1, 2, 9, 16}, at::kBFloat16, 1e-6);
  expect_weights({}, {1, 2, 9, 16}, {1, 2, 9, 16}, at::kHalf, 1e-6);
}

TEST(AttentionMap, ARowThatIsClosedWholeIsZero) {
  at::Tensor open = at::ones({4, 4}, at::kBool);
  open.select(0, 2).fill_(false);
  expect_weights({open}, {1, 2, 4, 8}, {1, 2, 4, 8});
  Fused model;
  model->with.mask = open;
  Capturer cap(model, ":attention");
  const at::Tensor x = random({1, 2, 4, 8});
  model->forward(x, x, x);
  EXPECT_EQ(cap[":attention"].select(-2, 2).abs().max().item<double>(), 0);
  EXPECT_NEAR(cap[":attention"].select(-2, 1).sum().item<double>(), 2, 1e-6);
}
#endif

class OneCall : public ::testing::Test {
 protected:
  Fused model;
  at::Tensor q = random({2, 3, 6, 4}), k = random({2, 3, 7, 4}), v = random({2, 3, 7, 4});
};

TEST_F(OneCall, GivesRowsHeadsAndTheirMean) {
  Capturer cap(model, ":attention");
  model->forward(q, k, v);
  const AttentionMap map = cap.attention(":attention");
  const at::Tensor whole = by_hand(q, k, {});
  EXPECT_EQ(map.recomputed_from().substr(map.recomputed_from().find("scaled")),
            "scaled_dot_product_attention");
  EXPECT_LE(difference(map.rows(2, 5), whole.narrow(-2, 2, 3)), 1e-6);
  EXPECT_EQ(map.rows(2, 2).sizes(), at::IntArrayRef({2, 3, 0, 7}));
  EXPECT_LE(difference(map.head(2), whole.select(-3, 2)), 1e-6);
  EXPECT_LE(difference(map.mean(), whole.mean(-3)), 1e-6);
  EXPECT_EQ(message_of<anycapture::Error>([&] { map.rows(3, 9); }),
            "rows 3 to 9 are asked for: the attention has 6");
  EXPECT_EQ(message_of<anycapture::Error>([&] { map.head(3); }),
            "there is no head 3: the attention has 3");
}

TEST_F(OneCall, OutlivesItsSessionAndStacksAndIsSaved) {
  const support::TempDir folder;
  std::optional<Captures> taken;
  {
    Capturer cap(model, ":attention");
    model->forward(q, k, v);
    EXPECT_EQ(cap.report().bytes, 2u * 3 * 6 * 7 * 4);
    taken = cap.take();
  }
  EXPECT_EQ(taken->stack(":attention").sizes(), at::IntArrayRef({1, 2, 3, 6, 7}));
  taken->save(folder.file("maps.safetensors"));
  const Captures loaded = Captures::load(folder.file("maps.safetensors"));
  EXPECT_TRUE(at::equal(loaded[":attention"], taken->at(":attention")));
  EXPECT_EQ(loaded.attention(":attention").recomputed_from(), "");
  EXPECT_TRUE(
      at::equal(loaded.attention(":attention").head(1), taken->at(":attention").select(1, 1)));
}

// A session that sizes a capture leaves the weights unmade: more may be asked for than memory
// holds.
TEST_F(OneCall, IsCountedByItsShape) {
  std::uint64_t bytes = 0;
  CaptureOptions options;
  options.transform = anycapture::capture::CountBytes{[&](std::uint64_t each) { bytes += each; }};
  Capturer cap(model, ":attention", options);
  model->forward(q, k, v.clone());
  EXPECT_EQ(bytes, 2u * 3 * 6 * 7 * 4);
  EXPECT_EQ(cap[":attention"].numel(), 0);
}

TEST_F(OneCall, OfSeveralEachIsReadOnItsOwn) {
  Capturer cap(model, ":attention");
  model->forward(q, k, v);
  model->forward(k, q, q);
  EXPECT_THAT(message_of<anycapture::KeyError>([&] { cap.attention(":attention"); }),
              HasSubstr("fired 2 times"));
  const std::vector<AttentionMap> maps = cap.attentions(":attention");
  ASSERT_EQ(maps.size(), 2u);
  EXPECT_EQ(maps[1].shape(), (std::vector<std::int64_t>{2, 3, 7, 6}));
  EXPECT_THAT(maps[1].recomputed_from(), HasSubstr("scaled_dot_product_attention"));
  EXPECT_LE(difference(maps[0].whole(), by_hand(q, k, {})), 1e-6);
  EXPECT_LE(difference(maps[1].head(2), by_hand(k, q, {}).select(1, 2)), 1e-6);
  v.zero_();
  k.zero_();
  EXPECT_THROW(cap.attentions(":attention")[0].head(0), anycapture::StaleCaptureError);
  EXPECT_THROW(cap.attentions("attention"), anycapture::KeyError);
}

TEST_F(OneCall, IsNotMadeOfWhatWasOverwritten) {
  Capturer cap(model, ":attention");
  model->forward(q, k, v);
  k.zero_();
  EXPECT_THAT(message_of<anycapture::StaleCaptureError>([&] { cap.at(":attention"); }),
              HasSubstr("Keep::clone"));
  EXPECT_THAT(
      message_of<anycapture::StaleCaptureError>([&] { cap.attention(":attention").rows(0, 1); }),
      HasSubstr("changed in place"));
}

// A key-value cache: the next token's keys go behind those that were used.
TEST_F(OneCall, IsMadeWhereTheWriteHitAnotherPart) {
  const at::Tensor cache = random({2, 3, 9, 4});
  const at::Tensor used = cache.narrow(2, 0, 7);
  Capturer cap(model, ":attention");
  model->forward(q, used, v);
  cache.narrow(2, 7, 2).fill_(1);
  const at::Tensor expected = by_hand(q, used, {});
  EXPECT_THROW(cap.at(":attention"), anycapture::StaleCaptureError);
  EXPECT_THROW(cap.attention(":attention").head(0), anycapture::StaleCaptureError);
  EXPECT_LE(difference(cap.at(":attention", Stale::allow), expected), 1e-6);
  EXPECT_LE(difference(cap.attention(":attention", Stale::allow).head(1), expected.select(1, 1)),
            1e-6);
}

TEST_F(OneCall, AClonedOneDoesNotMind) {
  CaptureOptions options;
  options.keep = Keep::clone;
  Capturer cap(model, ":attention", options);
  model->forward(q, k, v);
  const at::Tensor expected = by_hand(q, k, {});
  k.zero_();
  EXPECT_LE(difference(cap[":attention"], expected), 1e-6);
}

// Values that were overwritten no longer tell whether the weights are right.
TEST_F(OneCall, IsCheckedAgainstWhatTheOpGave) {
  Capturer cap(model, ":attention");
  at::Tensor output = model->forward(q, k, v);
  static_cast<float*>(output.data_ptr())[0] += 1;  // past the version counter
  EXPECT_THAT(message_of<anycapture::Error>([&] { cap.at(":attention"); }),
              ::testing::AllOf(HasSubstr("rows 0, 1, 2, 3, 4, 5 differ by up to 1,"),
                               HasSubstr("is allowed for Float")));

  Capturer other(model, ":attention");
  output = model->forward(q, k, v);
  output.add_(1);
  EXPECT_LE(difference(other[":attention"], by_hand(q, k, {})), 1e-6);
  EXPECT_THAT(other.attention(":attention").note(), HasSubstr("cannot be checked"));
}

#if ANYCAPTURE_TORCH_AT_LEAST(2, 0)
TEST_F(OneCall, SaysThatDropoutCannotBeKnown) {
  model->with.dropout = 0.5;
  Capturer cap(model, ":attention");
  model->forward(q, k, v);
  EXPECT_LE(difference(cap[":attention"], by_hand(q, k, {})), 1e-6);
  EXPECT_THAT(cap.attention(":attention").note(), HasSubstr("p = 0.5"));
  EXPECT_THAT(cap.report().text(), HasSubstr("note: "));
}
#endif

TEST_F(OneCall, OptionsThatConvertGetAllOfIt) {
  CaptureOptions options;
  options.dtype = at::kDouble;
  options.transform = [](const anycapture::Site&, const at::Tensor& map) { return map.mean(1); };
  Capturer cap(model, ":attention", options);
  model->forward(q, k, v);
  EXPECT_EQ(cap[":attention"].scalar_type(), at::kDouble);
  EXPECT_LE(difference(cap[":attention"], by_hand(q, k, {}).mean(1)), 1e-6);
}

// 16 heads of 32,768 tokens would be 64 GiB. The op itself would take minutes, and is left out.
TEST(AttentionMap, GivesRowsOfWhatNoMemoryHolds) {
  anycapture::attention::Operands operands;
  operands.query = random({1, 16, 32768, 8});
  operands.key = random({1, 16, 32768, 8});
  const AttentionMap map(std::make_shared<anycapture::attention::FusedCall>(operands, true, false));
  EXPECT_THAT(map.shape(), ElementsAre(1, 16, 32768, 32768));
  const at::Tensor rows = map.rows(20000, 20002);
  EXPECT_LE(difference(rows, by_hand(operands.query.narrow(2, 20000, 2), operands.key, {})), 1e-6);
}

// Softmax, dropout, a cast and a product, of which each belongs to the module that multiplies.
struct SoftmaxImpl : torch::nn::Module {
  at::Tensor forward(const at::Tensor& x) { return x.softmax(-1); }
};
ANYCAPTURE_MODULE(Softmax);

struct PlainImpl : torch::nn::Module {
  Softmax attend{register_module("attend", Softmax())};
  at::Tensor forward(const at::Tensor& x) {
    const at::Tensor weights = attend(x.matmul(x.transpose(-2, -1)));
    return at::dropout(weights, 0.1, false).to(at::kDouble).matmul(x.to(at::kDouble));
  }
};
ANYCAPTURE_MODULE(Plain);

struct ClassifierImpl : torch::nn::Module {
  Plain attn{register_module("attn", Plain())};
  at::Tensor forward(const at::Tensor& x) {
    const at::Tensor over_tokens = x.softmax(-2).matmul(x.transpose(-2, -1));  // not the last axis
    return (attn(x).to(at::kFloat) + over_tokens.matmul(x)).softmax(-1);  // nothing multiplies it
  }
};
ANYCAPTURE_MODULE(Classifier);

TEST(EagerAttention, IsTheSoftmaxThatIsMultipliedWithValues) {
  Classifier model;
  Capturer cap(model, "*:attention");
  const at::Tensor x = random({2, 5, 4});
  model->forward(x);
  EXPECT_THAT(cap.keys(), ElementsAre("attn:attention"));
  EXPECT_TRUE(at::equal(cap["attn:attention"], x.matmul(x.transpose(-2, -1)).softmax(-1)));
  EXPECT_EQ(cap.attention("attn:attention").recomputed_from(), "");
}

// Ops that write into the weights behind the softmax, as in training with dropouts in place.
struct InPlaceImpl : torch::nn::Module {
  at::Tensor forward(const at::Tensor& x) {
    at::Tensor weights = x.matmul(x.transpose(-2, -1)).softmax(-1);
    at::dropout_(weights, 0.5, /*train=*/true);
    weights.masked_fill_(at::ones({x.size(-2), x.size(-2)}, at::kBool).triu(1), 0);
    return weights.matmul(x);
  }
};
ANYCAPTURE_MODULE(InPlace);

TEST(EagerAttention, IsWhatTheSoftmaxGaveWhateverIsWrittenIntoIt) {
  InPlace model;
  Capturer cap(model, ":attention");
  const at::Tensor x = random({2, 5, 4});
  const at::NoGradGuard no_grad;
  model->forward(x);
  EXPECT_TRUE(at::equal(cap[":attention"], x.matmul(x.transpose(-2, -1)).softmax(-1)));
}

// A map a head, all of them before the first is multiplied.
struct HeadListImpl : torch::nn::Module {
  at::Tensor forward(const at::Tensor& x) {
    std::vector<at::Tensor> maps;
    for (int head = 1; head <= 12; ++head)
      maps.push_back((x * head).matmul(x.transpose(-2, -1)).softmax(-1));
    at::Tensor y = at::zeros_like(x);
    for (const at::Tensor& map : maps) y = y + map.matmul(x);
    return y;
  }
};
ANYCAPTURE_MODULE(HeadList);

TEST(EagerAttention, IsThatOfEachHeadInAList) {
  HeadList model;
  Capturer cap(model, ":attention");
  const at::Tensor x = random({2, 5, 4});
  model->forward(x);
  const auto calls = cap.calls(":attention");
  ASSERT_EQ(calls.size(), 12u);
  for (int head = 1; head <= 12; ++head) {
    EXPECT_TRUE(at::equal(calls[static_cast<std::size_t>(head - 1)].value,
                          (x * head).matmul(x.transpose(-2, -1)).softmax(-1)));
  }
}

TEST(EagerAttention, SaysWhereNoneWasComputed) {
  Classifier model;
  CaptureOptions options;
  options.on_silent = OnSilent::raise;
  Capturer cap(model, "Softmax:attention", options);
  model->forward(random({2, 5, 4}));
  EXPECT_THAT(message_of<anycapture::SilentSelectorError>([&] { cap.close(); }),
              HasSubstr("no attention was computed in it"));
}

// Nothing of it is hooked: the root has it all, call by call.
struct TwoLayersImpl : torch::nn::Module {
  at::Tensor forward(const at::Tensor& x) {
    const at::Tensor y = fused(x, x, x, {});
    return fused(y, y, y, {});
  }
};
TORCH_MODULE(TwoLayers);

TEST(EagerAttention, OfAModelThatNobodyHookedIsTheRoots) {
  TwoLayers model;
  Capturer cap(model, ":attention");
  const at::Tensor x = random({1, 2, 5, 4});
  model->forward(x);
  const auto calls = cap.calls(":attention");
  ASSERT_EQ(calls.size(), 2u);
  EXPECT_LE(difference(calls[0].value, by_hand(x, x, {})), 1e-6);
  const at::Tensor y = fused(x, x, x, {});
  EXPECT_LE(difference(calls[1].value, by_hand(y, y, {})), 1e-6);
}

// torch::nn's own attention, whose second result is the mean over heads.
struct HoldsAttentionImpl : torch::nn::Module {
  anycapture::nn::MultiheadAttention self_attn{
      register_module("self_attn", anycapture::nn::MultiheadAttention(8, 2))};
  at::Tensor forward(const at::Tensor& x) {
    mean = std::get<1>(self_attn->forward(x, x, x));
    return mean;
  }
  at::Tensor mean;
};
ANYCAPTURE_MODULE(HoldsAttention);

TEST(EagerAttention, OfTheBuiltInModuleIsByHead) {
  HoldsAttention model;
  model->eval();
  Capturer cap(model, "self_attn:attention");
  model->forward(random({5, 3, 8}));  // (tokens, batch, width)
  const at::Tensor maps = cap["self_attn:attention"];
  EXPECT_EQ(maps.sizes(), at::IntArrayRef({3, 2, 5, 5}));
  EXPECT_LE(difference(maps.mean(1), model->mean), 1e-6);
}

TEST(AttentionMap, OfATensorWantsTwoAxes) {
  EXPECT_EQ(message_of<anycapture::Error>([] { AttentionMap map(at::ones({3})); }),
            "attention weights have the shape (..., queries, keys), this tensor is [3]");
  const AttentionMap two(at::ones({2, 3}));
  EXPECT_EQ(two.mean().sizes(), at::IntArrayRef({2, 3}));
  EXPECT_EQ(two.head(0).sizes(), at::IntArrayRef({2, 3}));
}

}  // namespace
