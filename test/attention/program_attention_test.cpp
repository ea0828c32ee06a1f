// SPDX-License-Identifier: MIT
// `:attention` of TorchScript modules, against weights that are written out by hand.
#include <anycapture/anycapture.h>
#include <anycapture/torch_version.h>

#include <ATen/ATen.h>
#include <torch/csrc/jit/api/module.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/temp_dir.h"
#include "support/throws.h"

namespace {

using anycapture::Capturer;
using anycapture::Program;
using anycapture::SelectorError;
using support::message_of;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using torch::jit::Module;

double difference(const at::Tensor& ours, const at::Tensor& theirs) {
  return (ours - theirs).abs().max().item<double>();
}

at::Tensor by_hand(const at::Tensor& q, const at::Tensor& k, const at::Tensor& added = {}) {
  at::Tensor scores = q.matmul(k.transpose(-2, -1)) / std::sqrt(static_cast<double>(q.size(-1)));
  if (added.defined()) scores = scores + added;
  return scores.softmax(-1);
}

Module module_of(const char* name, const std::string& source) {
  Module module(std::string("__torch__.") + name);
  module.define(source);
  return module;
}

Module parent_of(const char* child_name, const Module& child, const std::string& source) {
  Module module("__torch__.Parent");
  module.register_module(child_name, child);
  module.define(source);
  module.eval();
  return module;
}

const at::Tensor& x() {
  static const at::Tensor tensor = (at::manual_seed(2), at::randn({2, 3, 5, 4}));
  return tensor;
}

at::Tensor softmax_of_x() {
  return x().matmul(x().transpose(-2, -1)).softmax(-1);
}

TEST(ProgramAttention, IsASoftmaxInEitherBranch) {
  const Program program(module_of("Attention", R"(
def forward(self, x, mask: Optional[Tensor] = None):
    scores = torch.matmul(x, x.transpose(-2, -1))
    if mask is not None:
        scores = scores + mask
        attn = torch.softmax(scores, -1)
    else:
        attn = torch.softmax(scores, 3)
    attn = torch.dropout(attn, 0.1, False)
    y = torch.matmul(attn, x)
    return torch.softmax(y, -1)
)"));
  EXPECT_TRUE(program.sites("").size() > 1);
  Capturer cap(program, ":attention");
  program.forward({x()});
  EXPECT_TRUE(at::equal(cap[":attention"], softmax_of_x()));
  cap.clear();
  const at::Tensor mask = at::randn({5, 5});
  program.forward({x(), mask});
  EXPECT_TRUE(at::equal(cap[":attention"], (x().matmul(x().transpose(-2, -1)) + mask).softmax(-1)));
}

// Talking heads mix the weights behind the softmax, and a dropout is a branch.
TEST(ProgramAttention, IsWhatTheSoftmaxGaveNotWhatWasMadeOfIt) {
  const Program program(module_of("Attention", R"(
def forward(self, x, in_place: bool = False):
    attn = torch.softmax(torch.matmul(x, x.transpose(-2, -1)), -1)
    attn = torch.linear(attn.permute(0, 2, 3, 1), torch.ones(3, 3)).permute(0, 3, 1, 2)
    if in_place:
        attn = torch.dropout_(attn, 0.1, False)
    else:
        attn = torch.dropout(attn, 0.1, False)
    return torch.matmul(attn, x)
)"));
  Capturer cap(program, ":attention");
  program.forward({x()});
  EXPECT_TRUE(at::equal(cap[":attention"], softmax_of_x()));
}

TEST(ProgramAttention, IsFoundThroughWhatLeavesItWeights) {
  for (const char* made :
       {"torch.matmul(a[:, :, :, 0:4], x[:, :, 0:4])", "torch.matmul(torch.nan_to_num(a), x)",
        "torch.matmul(a.clone().masked_fill_(a < 0.1, 0.0), x)",
        "torch.matmul(a - 0.3 * x.abs().sum(), x)", "torch.matmul(torch.rsub(a, 1), x)",
        "torch.matmul(a[:, 1], x[:, 1])", "torch.matmul(x.mT, torch.movedim(a, -1, -2))",
        "torch.matmul(x.mT, a.mT)", "torch.matmul(a.mean(1, True).expand(2, 3, 5, 5), x)",
        "torch.matmul(torch.split(a, [2, 3], -1)[0], x[:, :, 0:2])", "torch.mm(a[0, 0], x[0, 0])",
        "torch.tensordot(a[0, 0], x[0, 0], [1], [0])",
        "torch.matmul(a.swapaxes(0, 1).swapaxes(0, 1), x)"}) {
    SCOPED_TRACE(made);
    const Program program(module_of("Attention", R"(
def forward(self, x):
    a = torch.softmax(torch.matmul(x, x.transpose(-2, -1)), -1)
    return )" + std::string(made) + "\n"));
    Capturer cap(program, ":attention");
    program.forward({x()});
    EXPECT_TRUE(at::equal(cap[":attention"], softmax_of_x()));
  }
}

// A projection makes features of weights, unless it mixes heads.
TEST(ProgramAttention, IsNotAGateOfFeatures) {
  const Program program(module_of("Gated", R"(
def forward(self, x):
    x = x * torch.softmax(x * 2, -1)
    q = torch.linear(x, torch.ones(4, 4))
    k = torch.linear(x, torch.ones(4, 4))
    v = torch.linear(x, torch.ones(4, 4))
    attn = torch.softmax(torch.matmul(q, k.transpose(-2, -1)), -1)
    return torch.matmul(attn, v)
)"));
  Capturer cap(program, {":attention", ":attn"});
  program.forward({x()});
  EXPECT_EQ(cap.calls(":attention").size(), 1u);
  EXPECT_TRUE(at::equal(cap[":attention"], cap[":attn"]));
}

TEST(ProgramAttention, BelongsToTheModuleThatMultiplies) {
  const Module attend = module_of("Softmax", R"(
def forward(self, scores):
    return torch.softmax(scores, -1)
)");
  const Program program(parent_of("attend", attend, R"(
def weigh(self, weights, x):
    return torch.einsum("bhij,bhjd->bhid", [weights, x])

def forward(self, x):
    scores = torch.matmul(x, x.transpose(-2, -1))
    return self.weigh(self.attend.forward(scores), x)
)"));
  Capturer cap(program, "*:attention");
  program.forward({x()});
  EXPECT_THAT(cap.keys(), ElementsAre(":attention"));
  EXPECT_TRUE(at::equal(cap[":attention"], softmax_of_x()));
  EXPECT_THAT(cap.report().text(), Not(HasSubstr("silent")));
}

TEST(ProgramAttention, IsNoneWhereItIsNotTheLastAxisOrNothingIsMultiplied) {
  const Program program(module_of("Other", R"(
def forward(self, x):
    gates = torch.softmax(x, 1)
    y = torch.matmul(gates, x.transpose(-2, -1))
    return torch.softmax(y, -1)
)"));
  Capturer cap(program, {":attention", ":output"});  // an axis that only a shape tells from others
  program.forward({x()});
  EXPECT_THAT(cap.keys(), ElementsAre(":output"));
  const Program classifier(module_of("Classifier", R"(
def forward(self, x):
    return torch.softmax(torch.matmul(x, x.transpose(-2, -1)), -1)
)"));
  const std::string message =
      message_of<SelectorError>([&] { Capturer none(classifier, ":attention"); });
  EXPECT_THAT(message, HasSubstr("has no \"attention\" in the archive; attention is a softmax"));
  EXPECT_THAT(message, HasSubstr("ask for @softmax"));
}

// As torch.nn.functional.softmax computes it: the graph does not tell which axis.
TEST(ProgramAttention, IsNoneWhereARunTellsThatItIsNotTheLastAxis) {
  for (const std::int64_t dim : {-4, -3, -2, -1, 0, 1, 2, 3}) {
    Module attention("__torch__.Attention");
    attention.register_attribute("dim", c10::IntType::get(), dim);
    attention.define(R"(
def softmax(self, x, dim: Optional[int] = None, dtype: Optional[int] = None):
    if dim is None:
        dim = 1
    if dtype is None:
        y = torch.softmax(x, dim)
    else:
        y = torch.softmax(x, dim - 1, dtype=dtype)
    return y

def forward(self, x, wide: bool = False):
    scores = torch.matmul(x, x.transpose(-2, -1))
    attn = self.softmax(scores, self.dim + 1 if wide else self.dim, 7 if wide else None)
    return torch.matmul(attn.to(x.dtype), x)
)");
    const Program program(attention);
    const bool last = dim == -1 || dim == 3;
    for (const bool wide : {false, true}) {
      Capturer cap(program, {":attention", ":output"});
      program.forward({x(), wide});
      EXPECT_EQ(cap.contains(":attention"), last) << dim << " " << wide;
      if (!last) continue;
      EXPECT_LE(difference(cap[":attention"], softmax_of_x()), 1e-5);
    }
  }
}

TEST(ProgramAttention, ComesWithAModuleThatIsAskedForAsAWhole) {
  const Program program(module_of("Attention", R"(
def forward(self, x):
    attn = torch.softmax(torch.matmul(x, x.transpose(-2, -1)), -1)
    return torch.matmul(attn, x)
)"));
  Capturer cap(program, "Attention");
  program.forward({x()});
  EXPECT_THAT(cap.keys(), ElementsAre(":attention", ":output"));
}

TEST(ProgramAttention, IsCopiedWhereTheGraphWritesIntoIt) {
  const Program program(module_of("Attention", R"(
def forward(self, x):
    attn = torch.softmax(torch.matmul(x, x.transpose(-2, -1)), -1)
    y = torch.matmul(attn, x)
    attn.zero_()
    return y
)"));
  Capturer cap(program, ":attention");
  program.forward({x()});
  EXPECT_TRUE(at::equal(cap[":attention"], softmax_of_x()));
}

// As torch.nn.MultiheadAttention computes it.
constexpr const char* kHeadsInBatch = R"(
def forward(self, x):
    q = x.flatten(0, 1)
    attn = torch.softmax(torch.bmm(q, q.transpose(-2, -1)), -1)
    return torch.bmm(attn, q)
)";

TEST(ProgramAttention, OfMultiheadAttentionIsByHead) {
  Module attention("__torch__.torch.nn.modules.activation.MultiheadAttention");
  attention.register_attribute("num_heads", c10::IntType::get(), 3);
  attention.define(kHeadsInBatch);
  const Program program(attention);
  Capturer cap(program, ":attention");
  program.forward({x()});
  EXPECT_LE(difference(cap[":attention"], softmax_of_x()), 1e-6);
}

// A trace leaves `num_heads` out.
TEST(ProgramAttention, OfTracedMultiheadAttentionIsByHead) {
  Module projection("__torch__.torch.nn.modules.linear.Linear");
  projection.register_parameter("weight", at::ones({12, 12}), false);
  Module attention("__torch__.torch.nn.modules.activation.MultiheadAttention");
  attention.register_module("out_proj", projection);
  attention.define(kHeadsInBatch);
  const Program program(attention);
  Capturer cap(program, ":attention");
  program.forward({x()});
  EXPECT_LE(difference(cap[":attention"], softmax_of_x()), 1e-6);
}

#if ANYCAPTURE_TORCH_AT_LEAST(2, 0)
constexpr const char* kFused = R"(
def forward(self, x, mask: Optional[Tensor] = None, causal: bool = False):
    y = torch.scaled_dot_product_attention(x, x, x, mask, 0.0, causal)
    return y
)";
#else
constexpr const char* kFused = R"(
def forward(self, x, mask: Optional[Tensor] = None, causal: bool = False):
    y, _ = torch._scaled_dot_product_attention(x, x, x, mask, 0.0, False, causal)
    return y
)";
#endif

TEST(ProgramAttention, OfAFusedOpIsRecomputed) {
  const Program program(module_of("Attention", kFused));
  Capturer cap(program, ":attention");
  const at::Tensor out = program.forward({x()}).toTensor();
  const anycapture::AttentionMap map = cap.attention(":attention");
  EXPECT_THAT(map.recomputed_from(), HasSubstr("scaled_dot_product_attention"));
  EXPECT_LE(difference(map.whole(), by_hand(x(), x())), 1e-6);
  EXPECT_LE(difference(map.whole().matmul(x()), out), 1e-6);
  cap.clear();
  const at::Tensor mask = at::randn({5, 5});
  program.forward({x(), mask});
  EXPECT_LE(difference(cap[":attention"], by_hand(x(), x(), mask)), 1e-6);
  const support::TempDir folder;
  cap.save(folder.file("maps.safetensors"));
  EXPECT_LE(difference(anycapture::Captures::load(folder.file("maps.safetensors"))[":attention"],
                       by_hand(x(), x(), mask)),
            1e-6);
}

// The whole of multi-head attention in one op: the fast path of torch.nn in eval mode.
class FastPath : public ::testing::Test {
 protected:
  FastPath() { at::manual_seed(4); }

  at::Tensor of_head(const at::Tensor& projected, std::int64_t part) const {
    return projected.narrow(-1, part * 8, 8).view({2, 5, 2, 4}).transpose(1, 2);
  }
  // Of an input (2, 5, 8).
  at::Tensor expected(const at::Tensor& taken, const at::Tensor& added = {}) const {
    const at::Tensor projected = taken.matmul(weight.t()) + bias;
    return by_hand(of_head(projected, 0), of_head(projected, 1), added);
  }

  at::Tensor input = at::randn({2, 5, 8});
  at::Tensor weight = at::randn({24, 8}) / 3, bias = at::randn({24});
  at::Tensor out_weight = at::randn({8, 8}), out_bias = at::randn({8});
};

TEST_F(FastPath, OfMultiheadAttention) {
  const Program program(module_of("MultiheadAttention", R"(
def forward(self, x, w, b, ow, ob, mask: Optional[Tensor] = None, mask_type: Optional[int] = None):
    y, _ = torch._native_multi_head_attention(x, x, x, 8, 2, w, b, ow, ob, mask, False, False,
                                              mask_type)
    return y
)"));
  Capturer cap(program, ":attention");
  at::NoGradGuard none;
  program.forward({input, weight, bias, out_weight, out_bias});
  EXPECT_LE(difference(cap[":attention"], expected(input)), 1e-6);
  EXPECT_EQ(cap.attention(":attention").recomputed_from(), "_native_multi_head_attention");

  cap.clear();
  at::Tensor padding = at::zeros({2, 5}, at::kBool);  // true: closed
  padding.select(0, 1).narrow(0, 3, 2).fill_(true);
  program.forward({input, weight, bias, out_weight, out_bias, padding, 1});
  const at::Tensor added = at::zeros({2, 1, 1, 5}).masked_fill(padding.view({2, 1, 1, 5}), -1e30);
  EXPECT_LE(difference(cap[":attention"], expected(input, added)), 1e-6);
}

// Queries and keys are projected when they are asked for, so not from weights that changed since.
TEST_F(FastPath, IsProjectedWhenItIsRead) {
  const Program program(module_of("MultiheadAttention", R"(
def forward(self, x, w, b, ow, ob):
    y, _ = torch._native_multi_head_attention(x, x, x, 8, 2, w, b, ow, ob)
    return y
)"));
  anycapture::CaptureOptions cloned;
  cloned.keep = anycapture::Keep::clone;
  Capturer cap(program, ":attention"), copies(program, ":attention", cloned);
  at::NoGradGuard none;
  program.forward({input, weight, bias, out_weight, out_bias});
  EXPECT_EQ(cap.attention(":attention").shape(), (std::vector<std::int64_t>{2, 2, 5, 5}));
  const at::Tensor then = expected(input);
  weight.mul_(2);
  EXPECT_THAT(support::message_of<anycapture::StaleCaptureError>(
                  [&] { cap.attention(":attention").head(0); }),
              HasSubstr("what _native_multi_head_attention took was changed in place"));
  EXPECT_LE(difference(copies[":attention"], then), 1e-6);
}

TEST_F(FastPath, OfAnEncoderLayer) {
  for (const bool norm_first : {false, true}) {
    const Program program(module_of("TransformerEncoderLayer", R"(
def forward(self, x, w, b, ow, ob, n: Tensor, m: Tensor, up: Tensor, ub: Tensor, down: Tensor, first: bool):
    return torch._transformer_encoder_layer_fwd(x, 8, 2, w, b, ow, ob, True, first, 1e-5, n, m, n, m,
                                                up, ub, down, ob)
)"));
    Capturer cap(program, ":attention");
    at::NoGradGuard none;
    const at::Tensor scale = at::rand({8}) + 0.5, shift = at::randn({8});
    program.forward({input, weight, bias, out_weight, out_bias, scale, shift, at::randn({16, 8}),
                     at::randn({16}), at::randn({8, 16}), norm_first});
    const at::Tensor taken = norm_first ? at::layer_norm(input, {8}, scale, shift, 1e-5) : input;
    EXPECT_LE(difference(cap[":attention"], expected(taken)), 2e-6) << norm_first;
  }
}

// As torch.nn.TransformerEncoder runs its layers where it is given a padding mask.
TEST_F(FastPath, OfSequencesOfSeveralLengths) {
  const Program program(module_of("TransformerEncoderLayer", R"(
def forward(self, x, present, w, b, ow, ob, n: Tensor, m: Tensor, up: Tensor, ub: Tensor, down: Tensor):
    nested = torch._nested_tensor_from_mask(x, present)
    return torch._transformer_encoder_layer_fwd(nested, 8, 2, w, b, ow, ob, True, False, 1e-5, n, m, n, m,
                                                up, ub, down, ob)
)"));
  Capturer cap(program, ":attention");
  at::NoGradGuard none;
  at::Tensor present = at::ones({2, 5}, at::kBool);
  present.select(0, 1).narrow(0, 3, 2).fill_(false);
  const at::Tensor scale = at::rand({8}) + 0.5, shift = at::randn({8});
  program.forward({input, present, weight, bias, out_weight, out_bias, scale, shift,
                   at::randn({16, 8}), at::randn({16}), at::randn({8, 16})});
  const at::Tensor closed = present.logical_not().view({2, 1, 1, 5});
  const at::Tensor all = expected(input, at::zeros({2, 1, 1, 5}).masked_fill(closed, -1e30));
  EXPECT_LE(difference(cap[":attention"], all.masked_fill(closed.transpose(-2, -1), 0)), 2e-6);
  EXPECT_EQ(cap.attention(":attention").note(), "");
}

}  // namespace
