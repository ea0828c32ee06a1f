// SPDX-License-Identifier: MIT
// What save_html() writes; that it is what `anycapture view` makes of the saved file is tested with
// the demo.
#include <anycapture/anycapture.h>
#include <anycapture/module.h>
#include <anycapture/torch_version.h>
#include <torch/nn/module.h>

#include <ATen/ATen.h>

#include <filesystem>
#include <string>
#include <vector>

#include "support/page.h"
#include "support/temp_dir.h"
#include "support/throws.h"

namespace {

using anycapture::Capturer;
using anycapture::HtmlOptions;
using support::message_of;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

struct SelfImpl : torch::nn::Module {
  at::Tensor forward(const at::Tensor& x) {
    at::Tensor attn = x.matmul(x.transpose(-2, -1)).softmax(-1);
    ANYCAPTURE_TAG(attn);
    return attn.matmul(x);
  }
};
TORCH_MODULE(Self);

// Two layers, by 2 heads over 1 + 2 x 3 tokens, of a batch of 2.
struct StackImpl : torch::nn::Module {
  StackImpl() : a(register_module("a", Self())), b(register_module("b", Self())) {}
  at::Tensor forward(const at::Tensor& x) { return b(a(x)); }
  Self a, b;
};
TORCH_MODULE(Stack);

struct FusedImpl : torch::nn::Module {
  at::Tensor forward(const at::Tensor& x) {
#if ANYCAPTURE_TORCH_AT_LEAST(2, 0)
    return at::scaled_dot_product_attention(x, x, x);
#else
    return std::get<0>(at::_scaled_dot_product_attention(x, x, x));
#endif
  }
};
ANYCAPTURE_MODULE(Fused);

class SaveHtmlTest : public ::testing::Test {
 protected:
  SaveHtmlTest() {
    at::manual_seed(3);
    x_ = at::randn({2, 2, 7, 4});
  }
  std::string page() const { return support::text_of_file(file_); }

  support::TempDir dir_;
  const std::string file_ = dir_.file("maps.html");
  Stack model_;
  at::Tensor x_;
};

TEST_F(SaveHtmlTest, ShowsWhatWasCaptured) {
  Capturer cap(model_, "Self:attn");
  model_->forward(x_);
  HtmlOptions options;
  options.grid = {2, 3};
  options.prefix = 1;
  options.batch = 1;
  EXPECT_THAT(cap.save_html(file_, options), IsEmpty());
  const std::string text = page();
  EXPECT_THAT(text, HasSubstr("<title>maps</title>"));
  const nlohmann::json group = support::json_of_page(text)["groups"][0];
  EXPECT_EQ(group["grid"]["rows"], 2);
  ASSERT_EQ(group["layers"].size(), 2U);
  EXPECT_EQ(group["layers"][1]["key"], "b:attn");
  const std::vector<float> values =
      support::values_of_steps(support::block_of(text, group["layers"][1]["blocks"][0]), 7);
  const at::Tensor shown = at::tensor(values).view({2, 7, 7});
  const at::Tensor captured = cap["b:attn"][1];
  EXPECT_TRUE(
      (shown - captured).abs().le(std::get<0>(captured.max(-1, true)) / 255).all().item<bool>());
}

TEST_F(SaveHtmlTest, ShowsFusedMapsAsTheyAreMade) {
  Fused fused;
  Capturer cap(fused, ":attention");
  fused(x_);
  cap.save_html(file_);
  const std::string text = page();
  const nlohmann::json layer = support::json_of_page(text)["groups"][0]["layers"][0];
  EXPECT_EQ(layer["key"], ":attention");
  const std::vector<float> values =
      support::values_of_steps(support::block_of(text, layer["blocks"][0]), 7);
  const at::Tensor expected = (x_[0] * 0.5).matmul(x_[0].transpose(-2, -1)).softmax(-1);
  EXPECT_LE((at::tensor(values).view({2, 7, 7}) - expected).abs().max().item<double>(), 1.0 / 255);
}

TEST_F(SaveHtmlTest, GivesWhatIsToBeKnownAndLeavesLayersOut) {
  Capturer cap(model_, "Self:attn");
  model_->forward(x_);
  HtmlOptions options;
  options.grid = {3, 3};
  options.layers = {1};
  EXPECT_THAT(cap.save_html(file_, options),
              ElementsAre(HasSubstr("item 0 of a batch of 2"),
                          HasSubstr("--grid 2x3 --prefix 1 would fit")));
  const nlohmann::json layers = support::json_of_page(page())["groups"][0]["layers"];
  ASSERT_EQ(layers.size(), 1U);
  EXPECT_EQ(layers[0]["key"], "b:attn");
}

TEST_F(SaveHtmlTest, MistakesLeaveNoFile) {
  Capturer cap(model_, "Self:attn");
  EXPECT_THAT(message_of<anycapture::KeyError>([&] { cap.save_html(file_); }),
              HasSubstr("nothing was captured, so nothing was saved"));
  model_->forward(x_);
  HtmlOptions options;
  options.batch = 2;
  EXPECT_THAT(message_of<anycapture::Error>([&] { cap.save_html(file_, options); }),
              HasSubstr("2"));
  const std::string other = dir_.file("maps.safetensors");
  EXPECT_THAT(message_of<anycapture::Error>([&] { cap.save_html(other); }),
              HasSubstr("\".safetensors\" is no ending of a page: give .html"));
  cap["a:attn"].add_(1);
  EXPECT_THAT(message_of<anycapture::StaleCaptureError>([&] { cap.save_html(file_); }),
              HasSubstr("a:attn"));
  EXPECT_TRUE(std::filesystem::is_empty(std::filesystem::path(file_).parent_path()));
}

}  // namespace
