// SPDX-License-Identifier: MIT
#include "pictures/canvas.h"

#include <gmock/gmock.h>

namespace anycapture {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::string joined(const std::vector<std::string>& lines) {
  std::string result;
  for (const std::string& line : lines) result += line;
  return result;
}

TEST(Wrap, BreaksBetweenWords) {
  EXPECT_THAT(wrap("", kTextFont, 100), IsEmpty());
  EXPECT_THAT(wrap("one line", kTextFont, 1000), ElementsAre("one line"));
  EXPECT_THAT(wrap("two\nlines", kTextFont, text_width("lines", kTextFont)),
              ElementsAre("two", "lines"));
}

TEST(Wrap, BreaksAWordThatIsTooLong) {
  const std::string name = "encoder.layers.encoder_layer_11.self_attention.out_proj";
  const double width = text_width(name, kTitleFont) / 3.5;
  const std::vector<std::string> lines = wrap(name, kTitleFont, width);
  EXPECT_EQ(lines.size(), 4u);
  for (const std::string& line : lines) EXPECT_LE(text_width(line, kTitleFont), width) << line;
  EXPECT_EQ(joined(lines), name);
}

TEST(Wrap, BreaksNoCharacterOfSeveralBytes) {
  const std::string accents = "\u00E9\u00E8\u00EA\u00E9\u00E8\u00EA\u00E9\u00E8\u00EA";
  const std::vector<std::string> lines = wrap(accents, kTextFont, 20);
  EXPECT_GT(lines.size(), 1u);
  for (const std::string& line : lines) EXPECT_EQ(line.size() % 2, 0u) << line;
  EXPECT_EQ(joined(lines), accents);
  EXPECT_EQ(joined(wrap("\x80\x80\xFF\xE0", kTextFont, 1)), "\x80\x80\xFF\xE0");
}

}  // namespace
}  // namespace anycapture
