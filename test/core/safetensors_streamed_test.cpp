// SPDX-License-Identifier: MIT
// safetensors::Writer: files that are written while their tensors come.
#include <anycapture/error.h>
#include <anycapture/safetensors.h>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "core/safetensors_bytes.h"
#include "support/file_size_limit.h"
#include "support/temp_dir.h"
#include "support/throws.h"

namespace anycapture {
namespace safetensors {
namespace {

namespace fs = std::filesystem;

// No two bytes in a row alike, and other ones for each seed.
std::string numbered(std::size_t size, unsigned seed) {
  std::mt19937 random(seed);
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random());
  return bytes;
}

// Of several sizes of dtype, empty ones, values, and one that takes more than one turn of a copy.
std::vector<Source> many_sources() {
  std::vector<Source> sources;
  for (unsigned i = 0; i < 40; ++i) {
    const auto n = static_cast<std::int64_t>(i % 7 * 1000 + i);
    const std::string key = "blocks." + std::to_string(i) + ".attn:attn";
    const Dtype dtype = i % 3 == 0 ? Dtype::kI64 : i % 3 == 1 ? Dtype::kBF16 : Dtype::kU8;
    sources.push_back(
        source(key, dtype, {n}, numbered(static_cast<std::size_t>(n) * bits(dtype) / 8, i)));
  }
  constexpr std::size_t kLarge = (std::size_t{33} << 20) + 5;
  sources.push_back(source("large", Dtype::kU8, {kLarge}, numbered(kLarge, 99)));
  sources.push_back(source("", Dtype::kF32, {}, "1234"));
  sources.push_back(source("none", Dtype::kF64, {3, 0}, ""));
  return sources;
}

std::vector<Source> without_bytes(std::vector<Source> sources) {
  for (Source& one : sources) {
    one.bytes = []() -> Bytes { throw std::logic_error("the bytes of an expected tensor"); };
  }
  return sources;
}

template <class T>
std::vector<T> shuffled(std::vector<T> list) {
  std::shuffle(list.begin(), list.end(), std::mt19937(7));
  return list;
}

class StreamedTest : public testing::Test {
 protected:
  template <class F>
  std::string said(F&& call) {
    return support::message_of<FileError>(call);
  }
  std::vector<std::string> files() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder_.path())) {
      names.push_back(entry.path().filename());
    }
    return names;
  }
  void expect_only_the_old_file() const {
    EXPECT_EQ(files(), std::vector<std::string>{"x.safetensors"});
    EXPECT_EQ(contents(path_), "old");
  }

  support::TempDir folder_;
  std::string path_ = folder_.file("x.safetensors");
  const Metadata metadata_{{"k", "v"}, {"note", "\xC3\xA9"}};
};

TEST_F(StreamedTest, GivesTheBytesThatWriteGives) {
  const std::vector<Source> sources = many_sources();
  write(path_, sources, metadata_);
  const std::string whole = contents(path_);
  const std::string streamed = folder_.file("streamed");
  Writer writer(streamed);
  for (const Source& source : shuffled(sources)) writer.add(source);
  EXPECT_FALSE(fs::exists(streamed));
  writer.finish(metadata_);
  EXPECT_TRUE(contents(streamed) == whole);
  EXPECT_EQ(files().size(), 2u);
}

TEST_F(StreamedTest, GivesThemWhereTheTensorsAreKnownToo) {
  const std::vector<Source> sources = many_sources();
  write(path_, sources, metadata_);
  const std::string whole = contents(path_);
  // What is known of the metadata: all, a text that is as long, nothing, too much.
  const Metadata as_long{{"k", "w"}, {"note", "12"}}, long_one{{"k", std::string(1000, 'x')}};
  for (const Metadata& known : {metadata_, as_long, Metadata{}, long_one}) {
    const std::string streamed = folder_.file("streamed");
    Writer writer(streamed, without_bytes(shuffled(sources)), known);
    for (const Source& source : sources) writer.add(source);
    writer.finish(metadata_);
    EXPECT_TRUE(contents(streamed) == whole);
  }
  EXPECT_EQ(files().size(), 2u);
}

TEST_F(StreamedTest, WritesAFileOfNothing) {
  write(path_, {});
  const std::string whole = contents(path_);
  Writer(path_).finish();
  EXPECT_EQ(contents(path_), whole);
  Writer(path_, {}).finish();
  EXPECT_EQ(contents(path_), whole);
}

TEST_F(StreamedTest, UnfinishedItLeavesTheOldFile) {
  put(path_, "old");
  const Source one = source("a", Dtype::kU8, {3}, "abc");
  {
    Writer free(path_), known(path_, {one});
    free.add(one);
    known.add(one);
  }
  expect_only_the_old_file();
}

TEST_F(StreamedTest, AProcessThatIsKilledLeavesTheOldFileAlone) {
  put(path_, "old");
  const pid_t child = ::fork();
  if (child == 0) {
    Writer writer(path_);
    writer.add(source("a", Dtype::kU8, {3}, "abc"));
    std::raise(SIGKILL);
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_TRUE(WIFSIGNALED(status));
  expect_only_the_old_file();
}

TEST_F(StreamedTest, SaysWhatIsWrongWithATensorAndGoesOn) {
  Writer writer(path_);
  writer.add(source("a", Dtype::kU8, {3}, "abc"));
  EXPECT_EQ(said([&] { writer.add(source("a", Dtype::kF32, {}, "1234")); }),
            path_ + ": the key \"a\" is there twice: give each tensor its own");
  EXPECT_EQ(said([&] { writer.add(source("b", Dtype::kF32, {2}, "1234")); }),
            path_ +
                ": tensor \"b\" of shape [2] takes 8 bytes as F32, but 4 were given: give "
                "contiguous data of that shape and dtype");
  EXPECT_EQ(said([&] { writer.add(source("b", Dtype::kF4, {3}, "x")); }),
            path_ + ": tensor \"b\", F4 of shape [3]: does not fill whole bytes: pad it");
  const Source bad{"b", Dtype::kU8, {1}, []() -> Bytes { throw std::domain_error("no device"); }};
  EXPECT_THROW(writer.add(bad), std::domain_error);
  writer.add(source("b", Dtype::kU8, {1}, "x"));
  writer.finish();
  EXPECT_EQ(bytes_of(Reader(path_), "a"), "abc");
  EXPECT_EQ(bytes_of(Reader(path_), "b"), "x");
  EXPECT_EQ(said([&] { writer.add(source("c", Dtype::kU8, {1}, "x")); }),
            path_ + ": is finished: nothing can be added to it any more");
  EXPECT_EQ(said([&] { writer.finish(); }),
            path_ + ": is finished: nothing can be added to it any more");
}

TEST_F(StreamedTest, HoldsWhatComesAgainstWhatIsExpected) {
  put(path_, "old");
  const Source a = source("a", Dtype::kU8, {3}, "abc"), b = source("b", Dtype::kF32, {}, "1234"),
               c = source("c", Dtype::kF32, {}, "5678");
  EXPECT_EQ(said([&] {
              Writer(path_, {a, a});
            }),
            path_ + ": the key \"a\" is there twice: give each tensor its own");
  Writer writer(path_, {a, b, c});
  EXPECT_EQ(said([&] { writer.add(source("d", Dtype::kU8, {3}, "abc")); }),
            path_ + ": tensor \"d\" is none of the 3 expected: expect it too");
  EXPECT_EQ(said([&] { writer.add(source("a", Dtype::kI8, {3}, "abc")); }),
            path_ +
                ": tensor \"a\" is I8 of shape [3], expected was U8 of shape [3]: give what is "
                "expected");
  EXPECT_EQ(said([&] { writer.finish(); }),
            path_ +
                ": 3 of the 3 tensors expected are missing, \"a\" first: the format has no holes, "
                "so add all before finish()");
  writer.add(a);
  writer.add(c);
  EXPECT_EQ(said([&] { writer.add(a); }),
            path_ + ": the key \"a\" is there twice: give each tensor its own");
  EXPECT_EQ(said([&] { writer.finish(); }),
            path_ +
                ": 1 of the 3 tensors expected is missing, \"b\" first: the format has no holes, "
                "so add all before finish()");
  EXPECT_EQ(contents(path_), "old");
  writer.add(b);
  writer.finish();
  EXPECT_EQ(bytes_of(Reader(path_), "b"), "1234");
}

TEST_F(StreamedTest, AFullDiskLeavesTheOldFile) {
  put(path_, "old");
  const Source small = source("a", Dtype::kU8, {3000}, numbered(3000, 1)),
               large = source("b", Dtype::kU8, {3000}, numbered(3000, 2));
  {
    Writer writer(path_);
    writer.add(small);
    {
      const support::FileSizeLimit limit(4096);
      EXPECT_EQ(said([&] { writer.add(large); }),
                path_ +
                    ": cannot write it after 4096 bytes: File too large; that is all that a file "
                    "may have here (see ulimit -f)");
    }
    EXPECT_EQ(said([&] { writer.finish(); }),
              path_ +
                  ": could not be written before, so it cannot be finished: start again with a new "
                  "Writer");
  }
  {
    Writer writer(path_);  // fails when the header comes before the data
    writer.add(small);
    writer.add(source("c", Dtype::kU8, {1000}, numbered(1000, 3)));
    const support::FileSizeLimit limit(4096);
    EXPECT_THAT(said([&] { writer.finish(); }),
                testing::HasSubstr("bytes are needed, more than a file may have here"));
  }
  {
    Writer writer(path_, {small, large});
    writer.add(small);
    const support::FileSizeLimit limit(4096);
    EXPECT_THAT(said([&] { writer.add(large); }),
                testing::HasSubstr("bytes are needed, more than a file may have here"));
  }
  expect_only_the_old_file();
}

TEST_F(StreamedTest, SaysAtOnceWhatIsWrongWithTheFolder) {
  const std::string missing = folder_.file("missing/x.safetensors");
  EXPECT_EQ(said([&] { Writer writer(missing); }),
            missing + ": cannot create it: No such file or directory; create the directory " +
                folder_.file("missing") + " first");
}

TEST_F(StreamedTest, MovesAndIsGivenUpByAnother) {
  put(path_, "old");
  const std::string other = folder_.file("other");
  Writer writer(path_);
  writer.add(source("a", Dtype::kU8, {3}, "abc"));
  Writer moved(std::move(writer));
  moved.add(source("b", Dtype::kU8, {3}, "def"));
  moved = Writer(other);
  expect_only_the_old_file();
  moved.finish();
  EXPECT_TRUE(fs::exists(other));
}

// Else the run of these tests on such a file system would say nothing.
TEST(PoorFileSystem, IsWhatThePreloadedLibraryMakes) {
  const char* preloaded = std::getenv("LD_PRELOAD");
  if (preloaded == nullptr || std::string(preloaded).find("no_nameless") == std::string::npos)
    return;
  const support::TempDir folder;
  EXPECT_LT(::open(folder.path().c_str(), O_TMPFILE | O_RDWR, 0600), 0);
  EXPECT_EQ(::copy_file_range(0, nullptr, 1, nullptr, 1, 0), -1);
  EXPECT_EQ(errno, EXDEV);
}

}  // namespace
}  // namespace safetensors
}  // namespace anycapture
