// SPDX-License-Identifier: MIT
#include <anycapture/anycapture.h>

#include <ATen/ATen.h>

#include <sstream>

#include "support/throws.h"
#include "support/tiny_models.h"

namespace {

using anycapture::CaptureOptions;
using anycapture::Capturer;
using anycapture::OnSilent;
using anycapture::SilentSelectorError;
using support::message_of;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

at::Tensor input() {
  return at::arange(24, at::kFloat).reshape({2, 3, 4}) / 24;
}

TEST(ReportTest, CountsModulesKeysCallsAndBytesOfEachSelector) {
  tiny::Model model(3);
  Capturer cap(model, {"Attention", "blocks.0:residual", "!blocks.2.attn"});
  model->forward(input());
  model->forward(input());
  const anycapture::Report report = cap.report();
  ASSERT_EQ(report.selectors.size(), 2u);
  EXPECT_EQ(report.selectors[0].selector, "Attention");
  EXPECT_EQ(report.selectors[0].modules, 3u);
  EXPECT_EQ(report.selectors[0].keys, 2u);
  EXPECT_EQ(report.selectors[0].calls, 4u);
  EXPECT_EQ(report.selectors[0].bytes, 4u * 2 * 3 * 3 * 4);
  EXPECT_EQ(report.selectors[1].keys, 1u);
  EXPECT_EQ(report.selectors[1].bytes, 2u * 24 * 4);
  EXPECT_EQ(report.last_site, "blocks.1.attn:attn");
  std::ostringstream out;
  out << report;
  EXPECT_THAT(out.str(), AllOf(HasSubstr("Attention"), HasSubstr("288 B"), HasSubstr("3 keys")));
}

TEST(ReportTest, SaysWhatFiredInsteadOfWhatWasAskedFor) {
  tiny::Model model(1);
  CaptureOptions options;
  options.on_silent = OnSilent::raise;
  Capturer cap(model, "Attention:scores", options);
  model->forward(input());
  EXPECT_THAT(cap.report().text(), HasSubstr("what fired there: attn"));
  EXPECT_THAT(message_of<SilentSelectorError>([&] { cap.close(); }),
              AllOf(HasSubstr("Attention:scores"), HasSubstr("blocks.0.attn"), HasSubstr("attn")));
  EXPECT_FALSE(cap.is_open());
  EXPECT_NO_THROW(cap.close());
}

TEST(ReportTest, SaysHowAnUntaggedModuleCouldBeHooked) {
  tiny::Model model(1);
  CaptureOptions options;
  options.on_silent = OnSilent::ignore;
  Capturer cap(model, "Linear", options);
  model->forward(input());
  EXPECT_THAT(cap.report().text(),
              AllOf(HasSubstr("blocks.0.attn.qkv"), HasSubstr("anycapture::nn::Linear")));
}

TEST(ReportTest, WarnsOnceForASilentSelector) {
  tiny::Model model(2);
  ::testing::internal::CaptureStderr();
  {
    Capturer cap(model, "Attention:scores");
    model->forward(input());
  }
  const std::string text = ::testing::internal::GetCapturedStderr();
  EXPECT_THAT(text, HasSubstr("anycapture: warning: selector \"Attention:scores\""));
  EXPECT_EQ(text.find("selector"), text.rfind("selector"));
}

TEST(ReportTest, ADestructorWarnsWhereCloseWouldThrow) {
  tiny::Model model(1);
  CaptureOptions options;
  options.on_silent = OnSilent::raise;
  ::testing::internal::CaptureStderr();
  { Capturer cap(model, "Attention", options); }
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), HasSubstr("Attention"));
}

TEST(ReportTest, NothingIsSaidWhenAllSelectorsFiredEvenAfterAClear) {
  tiny::Model model(1);
  ::testing::internal::CaptureStderr();
  {
    Capturer cap(model, {"Attention", "Block"});
    model->forward(input());
    cap.clear();
  }
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), IsEmpty());
}

TEST(ReportTest, IgnoreSaysNothing) {
  tiny::Model model(1);
  CaptureOptions options;
  options.on_silent = OnSilent::ignore;
  ::testing::internal::CaptureStderr();
  { Capturer cap(model, "Attention", options); }
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), IsEmpty());
}

TEST(ReportTest, SaysThatNothingOfTheModelFired) {
  tiny::Model model(1), other(1);
  CaptureOptions options;
  options.on_silent = OnSilent::raise;
  Capturer cap(model, "Attention", options);
  other->forward(input());
  EXPECT_THAT(message_of<SilentSelectorError>([&] { cap.close(); }),
              AllOf(HasSubstr("nothing of this model fired"),
                    HasSubstr("run its forward on this thread while the session is open")));
}

TEST(ReportTest, SaysWhyNoOutputCanBeCaptured) {
  tiny::Model model(3);
  EXPECT_THAT(
      message_of<anycapture::SelectorError>([&] { Capturer cap(model, "*.qkv:output"); }),
      AllOf(HasSubstr("of the 3 modules that it matches, such as blocks.0.attn.qkv, none is "
                      "hooked, so no output can be captured"),
            HasSubstr("anycapture::nn::Linear")));
}

}  // namespace
