// SPDX-License-Identifier: MIT
// What reaches the disk: kinds of files, errors, nothing half-written.
#include <anycapture/error.h>
#include <anycapture/pictures.h>

#include <fmt/format.h>
#include <sys/resource.h>

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iterator>

#include "support/temp_dir.h"
#include "support/throws.h"

namespace anycapture {
namespace {

using support::message_of;
using support::TempDir;
using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

void draw(const std::string& path, const std::string& title = "Layer <2> & more") {
  static const std::vector<float> values = {0, 1, 2, 3};
  FigureOptions options;
  options.title = title;
  draw_head(path, {values.data(), 2, 2}, options);
}

std::string bytes_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(FigureFile, TheEndingChoosesTheKind) {
  const TempDir dir;
  draw(dir.file("a.png"));
  draw(dir.file("a.SVG"));
  draw(dir.file("a.pdf"));
  EXPECT_THAT(bytes_of(dir.file("a.png")), StartsWith("\x89PNG"));
  EXPECT_THAT(bytes_of(dir.file("a.SVG")),
              AllOf(StartsWith("<?xml"), HasSubstr("<title>Layer &lt;2&gt; &amp; more</title>")));
  EXPECT_THAT(bytes_of(dir.file("a.pdf")),
              AllOf(StartsWith("%PDF-"), HasSubstr("/Title (Layer <2> & more)")));
  for (const char* name : {"a.gif", "png", "a.png.txt", ""}) {
    EXPECT_THAT(message_of<FileError>([&] { draw(name); }),
                AllOf(StartsWith(fmt::format("{}: ", name)), HasSubstr(".png, .svg or .pdf")));
  }
}

TEST(FigureFile, TheSameFigureGivesTheSameBytes) {
  const TempDir dir;
  for (const char* ending : {"png", "svg", "pdf"}) {
    draw(dir.file(fmt::format("a.{}", ending)));
    draw(dir.file(fmt::format("b.{}", ending)));
    EXPECT_EQ(bytes_of(dir.file(fmt::format("a.{}", ending))),
              bytes_of(dir.file(fmt::format("b.{}", ending))))
        << ending;
  }
}

TEST(FigureFile, TextThatIsNoUtf8IsNoError) {
  const TempDir dir;
  for (const char* ending : {"png", "svg", "pdf"}) {
    draw(dir.file(fmt::format("a.{}", ending)), "caf\xE9 \xF0\x28 \xE0\x80\x80");
    draw(dir.file(fmt::format("a.{}", ending)), "\xE6\xB3\xA8\xE6\x84\x8F \xC3\xA9");
  }
}

TEST(FigureFile, SaysWhyItCannotBeWritten) {
  const TempDir dir;
  const std::string missing = dir.file("no/such/a.png");
  EXPECT_THAT(message_of<FileError>([&] { draw(missing); }),
              AllOf(StartsWith(missing + ": "), HasSubstr("No such file")));
  std::filesystem::create_directory(dir.file("folder.png"));
  EXPECT_THAT(message_of<FileError>([&] { draw(dir.file("folder.png")); }),
              HasSubstr("is no regular file"));
}

// Stands for a full disk.
TEST(FigureFile, AFailedWriteLeavesTheOldFile) {
  const TempDir dir;
  const std::string path = dir.file("a.png");
  std::ofstream(path) << "old";
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const rlimit small{1000, before.rlim_max};
  setrlimit(RLIMIT_FSIZE, &small);
  const std::string message = message_of<FileError>([&] { draw(path); });
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, SIG_DFL);
  EXPECT_THAT(message, AllOf(StartsWith(path + ": "), HasSubstr("File too large")));
  EXPECT_EQ(bytes_of(path), "old");
  const auto files = std::filesystem::directory_iterator(dir.path());
  EXPECT_EQ(std::distance(begin(files), end(files)), 1);
}

// Fontconfig reads its settings once, so a fresh process is needed.
TEST(FigureFileDeathTest, DrawsWithoutAnyFont) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_EXIT(
      {
        setenv("FONTCONFIG_FILE", "/dev/null", 1);
        const TempDir dir;
        draw(dir.file("a.png"));
        draw(dir.file("a.svg"));
        draw(dir.file("a.pdf"));
        std::exit(read_image(dir.file("a.png")).width > 100 ? 0 : 1);
      },
      testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace anycapture
