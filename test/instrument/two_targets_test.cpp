// SPDX-License-Identifier: MIT
// One module compiled in two targets, instrumented and not, and linked into one program: whichever
// copy the linker takes, results are the same, and what is not heard is said. Each test runs in the
// program that is linked in its order.
#include <anycapture/anycapture.h>

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "models/in_header.h"
#include "support/throws.h"

namespace {

using anycapture::CaptureOptions;
using anycapture::Capturer;

Capturer run_both(InHeader& model) {
  CaptureOptions options;
  options.on_silent = anycapture::OnSilent::raise;
  Capturer cap(model, ":inner", options);
  const at::Tensor x = at::ones({2});
  EXPECT_TRUE(at::equal(run_plain(model, x), x * 4));
  EXPECT_TRUE(at::equal(run_instrumented(model, x), x * 4));
  return cap;
}

TEST(TwoTargetsTest, InstrumentedFirstIsHeardFromBoth) {
  InHeader model;
  Capturer cap = run_both(model);
  ASSERT_EQ(cap.calls(":inner").size(), 2u);
  EXPECT_TRUE(at::equal(cap.calls(":inner")[0].value, at::full({2}, 2.0f)));
}

TEST(TwoTargetsTest, PlainFirstIsNotHeardAndTheReportSaysWhy) {
  InHeader model;
  Capturer cap = run_both(model);
  const std::string message =
      support::message_of<anycapture::SilentSelectorError>([&] { cap.close(); });
  EXPECT_THAT(message, ::testing::HasSubstr("the linker took a copy of it that another target "
                                            "compiled without anycapture_instrument()"));
}

}  // namespace
