// SPDX-License-Identifier: MIT
// What reaches the disk: kinds of files, errors, nothing half-written.
#include <anycapture/error.h>
#include <anycapture/pictures.h>

#include <fmt/format.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <iterator>
#include <set>

#include "support/temp_dir.h"
#include "support/throws.h"

namespace anycapture {
namespace {

using support::message_of;
using support::TempDir;
using testing::AllOf;
using testing::Each;
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

// Comparisons answer true or false, since a failed EXPECT_EQ would print both files.
TEST(FigureFile, TheSameFigureGivesTheSameBytes) {
  const TempDir dir;
  for (const char* ending : {"png", "svg", "pdf"}) {
    const std::string first = dir.file(fmt::format("a.{}", ending));
    const std::string second = dir.file(fmt::format("b.{}", ending));
    draw(first);
    draw(second, "another figure");
    EXPECT_FALSE(bytes_of(first) == bytes_of(second)) << ending;
    draw(second);
    EXPECT_TRUE(bytes_of(first) == bytes_of(second)) << ending;
  }
  const bool fixed_date = bytes_of(dir.file("a.pdf")).find("20000101000000") != std::string::npos;
  EXPECT_TRUE(fixed_date) << "the date of creation would differ from run to run";
}

// Each `id` of an SVG, or each reference to one.
std::vector<std::string> matches(const std::string& svg, const std::string& before, char end) {
  std::vector<std::string> result;
  for (std::size_t at = svg.find(before); at != std::string::npos; at = svg.find(before, at)) {
    at += before.size();
    result.push_back(svg.substr(at, svg.find(end, at) - at));
  }
  return result;
}

TEST(FigureFile, EveryReferenceInASvgMeetsItsId) {
  const TempDir dir;
  draw(dir.file("a.svg"));
  const std::string svg = bytes_of(dir.file("a.svg"));
  const std::vector<std::string> ids = matches(svg, " id=\"", '"');
  const std::set<std::string> known(ids.begin(), ids.end());
  EXPECT_GT(ids.size(), 10u);
  EXPECT_EQ(known.size(), ids.size()) << "two parts have one id";
  std::vector<std::string> used = matches(svg, "href=\"#", '"');
  for (const std::string& id : matches(svg, "url(#", ')')) used.push_back(id);
  EXPECT_GT(used.size(), 10u);
  for (const std::string& id : used) EXPECT_EQ(known.count(id), 1u) << id;
}

TEST(FigureFile, TextThatIsNoUtf8IsNoError) {
  const TempDir dir;
  for (const char* ending : {"png", "svg", "pdf"}) {
    draw(dir.file(fmt::format("a.{}", ending)), "caf\xE9 \xF0\x28 \xE0\x80\x80");
    draw(dir.file(fmt::format("a.{}", ending)), "\xE6\xB3\xA8\xE6\x84\x8F \xC3\xA9");
  }
}

// The two ways of writing a picture.
std::vector<std::function<void(const std::string&)>> writers() {
  return {[](const std::string& path) { draw(path); },
          [](const std::string& path) {
            write_png(path, {1, 1, {1, 2, 3}});
          }};
}

std::size_t files_in(const std::string& folder) {
  const auto files = std::filesystem::directory_iterator(folder);
  return static_cast<std::size_t>(std::distance(begin(files), end(files)));
}

TEST(FigureFile, SaysWhyItCannotBeWritten) {
  const TempDir dir;
  const auto whose_message = [](const std::string& path, const char* why) {
    for (const auto& write : writers()) {
      EXPECT_THAT(message_of<FileError>([&] { write(path); }),
                  AllOf(StartsWith(path + ": "), HasSubstr(why)));
    }
  };
  whose_message(dir.file("no/such/a.png"),
                "cannot create it: No such file or directory; create the "
                "directory");
  std::ofstream(dir.file("file")) << "old";
  whose_message(dir.file("file/a.png"), "file is a file: write to a directory");
  std::filesystem::create_directory(dir.file("folder.png"));
  whose_message(dir.file("folder.png"), "is a folder: give the path of a file in it");
  std::filesystem::create_symlink("/dev/full", dir.file("device.png"));
  whose_message(dir.file("device.png"), "is no regular file, so it cannot be replaced");
  EXPECT_EQ(files_in(dir.path()), 3u);
}

TEST(FigureFile, FollowsASymbolicLink) {
  const TempDir dir;
  std::ofstream(dir.file("file.png")) << "old";
  std::filesystem::create_symlink("file.png", dir.file("link.png"));
  draw(dir.file("link.png"));
  EXPECT_TRUE(std::filesystem::is_symlink(dir.file("link.png")));
  EXPECT_THAT(bytes_of(dir.file("file.png")), StartsWith("\x89PNG"));
}

// Calls `check` in a child process that may change what it is allowed to.
int exit_code_of(const std::function<int()>& check) {
  const pid_t child = fork();
  if (child == 0) _exit(check());
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

// 0 when all writers say `why` and leave the folder with `files` files.
int check_refusal(const std::string& path, const char* why, std::size_t files) {
  for (const auto& write : writers()) {
    const std::string message = message_of<FileError>([&] { write(path); });
    if (message.rfind(path + ": ", 0) != 0 || message.find(why) == std::string::npos) return 1;
  }
  return files_in(std::filesystem::path(path).parent_path()) == files ? 0 : 2;
}

TEST(FigureFile, SaysThatTheFolderMayNotBeWritten) {
  const TempDir dir;
  const std::filesystem::path folder = dir.file("closed");
  std::filesystem::create_directory(folder);
  std::filesystem::permissions(dir.path(), std::filesystem::perms(0755));
  std::filesystem::permissions(folder, std::filesystem::perms(0555));
  EXPECT_EQ(exit_code_of([&] {
              constexpr uid_t kNobody = 65534;
              if (geteuid() == 0 && setuid(kNobody) != 0) return 3;
              return check_refusal(folder / "a.png", "Permission denied; write to a directory", 0);
            }),
            0);
}

// Lays an empty file system of 4 KiB over a folder, for this process alone.
bool mount_small_disk(const std::string& folder) {
  const auto user = geteuid();
  const auto group = getegid();
  if (unshare(CLONE_NEWNS | (user == 0 ? 0 : CLONE_NEWUSER)) != 0) return false;
  if (user != 0) {
    std::ofstream("/proc/self/setgroups") << "deny";
    std::ofstream("/proc/self/uid_map") << fmt::format("0 {} 1", user);
    std::ofstream("/proc/self/gid_map") << fmt::format("0 {} 1", group);
  }
  return mount("", "/", "", MS_REC | MS_PRIVATE, nullptr) == 0 &&
         mount("none", folder.c_str(), "tmpfs", 0, "size=4k") == 0;
}

TEST(FigureFile, AFullDiskLeavesTheOldFile) {
  constexpr int kNotAllowed = 77;
  const TempDir dir;
  const int code = exit_code_of([&] {
    if (!mount_small_disk(dir.path())) return kNotAllowed;
    const std::string path = dir.file("a.png");
    std::ofstream(path) << "old";
    const int refused = check_refusal(path, "bytes are needed: free space in", 1);
    return refused == 0 && bytes_of(path) != "old" ? 4 : refused;
  });
  if (code == kNotAllowed) GTEST_SKIP() << "no file system may be mounted here";
  EXPECT_EQ(code, 0);
}

// A full disk for those who may not mount one.
TEST(FigureFile, AFailedWriteLeavesTheOldFile) {
  const TempDir dir;
  const std::string path = dir.file("a.png");
  std::ofstream(path) << "old";
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const rlimit small{50, before.rlim_max};
  setrlimit(RLIMIT_FSIZE, &small);
  std::vector<std::string> messages;
  for (const auto& write : writers()) {
    messages.push_back(message_of<FileError>([&] { write(path); }));
  }
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, SIG_DFL);
  EXPECT_THAT(messages,
              Each(AllOf(StartsWith(path + ": "), HasSubstr("more than a file may have here"))));
  EXPECT_EQ(bytes_of(path), "old");
  EXPECT_EQ(files_in(dir.path()), 1u);
}

TEST(FigureFile, SaysThatAFigureIsTooLargeForItsKind) {
  const TempDir dir;
  const float value = 1.0f;
  FigureOptions options;
  options.columns = 1;
  options.resolution = 8;
  const std::vector<MapView> heads(200, {&value, 1, 1});
  EXPECT_THAT(message_of<FileError>([&] { draw_heads(dir.file("a.png"), heads, options); }),
              AllOf(StartsWith(dir.file("a.png") + ": "), HasSubstr("lower the resolution")));
  EXPECT_EQ(files_in(dir.path()), 0u);
}

// Fontconfig reads its settings once, so a fresh process is needed.
TEST(FigureFileDeathTest, DrawsWithoutAnyFont) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  const auto width = [] {
    const TempDir dir;
    draw(dir.file("a.png"));
    draw(dir.file("a.svg"));
    draw(dir.file("a.pdf"));
    return read_image(dir.file("a.png")).width;
  };
  EXPECT_EXIT(
      {
        setenv("FONTCONFIG_FILE", "/dev/null", 1);
        std::exit(width() > 100 ? 0 : 1);
      },
      testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace anycapture
