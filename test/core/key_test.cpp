// SPDX-License-Identifier: MIT
#include "core/key.h"

#include <gtest/gtest.h>

namespace anycapture {
namespace {

TEST(SplitCall, TakesTheNumberOfALaterCall) {
  const auto [key, call] = split_call("a#1:x#12");
  EXPECT_EQ(key, "a#1:x");
  EXPECT_EQ(call, 12u);
}

// Else a file with `a#1` and `a#01` would hold one call twice.
TEST(SplitCall, LeavesWhatNoCaptureIsNamed) {
  for (const char* name : {"", "a", "#", "a#", "a#0", "a#01", "a#+1", "a#1 ", "a#1x", "a#-1",
                           "a#1.5", "a#1000000000", "a#99999999999999999999"}) {
    const auto [key, call] = split_call(name);
    EXPECT_EQ(key, name);
    EXPECT_EQ(call, 0u);
  }
}

}  // namespace
}  // namespace anycapture
