// SPDX-License-Identifier: MIT
// For GoogleTest: EXPECT_TRUE(anycapture::same(cap, "reference.safetensors", {1e-4, 1e-6})).
#pragma once

#include <anycapture/compare.h>

#include <gtest/gtest.h>

#include <string>

namespace anycapture {

/// compare() as an assertion, which prints the first site in execution order that differs.
template <class Reference>
::testing::AssertionResult same(const CaptureReader& captures, const Reference& reference,
                                const CompareOptions& options = {}) {
  const Comparison comparison = compare(captures, reference, options);
  if (comparison) return ::testing::AssertionSuccess() << comparison.text();
  return ::testing::AssertionFailure() << comparison.text();
}

}  // namespace anycapture
