// SPDX-License-Identifier: MIT
#include <anycapture/selector.h>

#include <gtest/gtest.h>

#include <string>

namespace anycapture {
namespace {

TEST(EncodePath, EncodesWhatPartsAKeyAndNothingElse) {
  EXPECT_EQ(encode_path("blocks.0.attn"), "blocks.0.attn");
  EXPECT_EQ(encode_path("a:b#c%d e"), "a%3Ab%23c%25d e");
  EXPECT_EQ(encode_path(""), "");
}

TEST(DecodePath, IsTheReverse) {
  for (const std::string path : {"blocks.0", "a:b#c%d e", "100%", "%3A", "%2541", "\xC3\xA9:x"}) {
    EXPECT_EQ(decode_path(encode_path(path)), path);
  }
}

TEST(DecodePath, LeavesOtherPercentSignsAlone) {
  EXPECT_EQ(decode_path("50%"), "50%");
  EXPECT_EQ(decode_path("%4"), "%4");
  EXPECT_EQ(decode_path("%zz%41"), "%zz%41");
  EXPECT_EQ(decode_path("a%3ab"), "a:b");
}

}  // namespace
}  // namespace anycapture
