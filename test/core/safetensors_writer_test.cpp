// SPDX-License-Identifier: MIT
#include <anycapture/error.h>
#include <anycapture/metadata.h>
#include <anycapture/safetensors.h>

#include <fcntl.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <vector>

#include "core/safetensors_bytes.h"
#include "support/data.h"
#include "support/file_size_limit.h"
#include "support/temp_dir.h"
#include "support/throws.h"

namespace anycapture {
namespace safetensors {
namespace {

namespace fs = std::filesystem;

struct Named {
  Dtype dtype;
  std::string name;
  std::uint64_t bits;
};

const std::vector<Named>& dtypes() {
  static const std::vector<Named> all{
      {Dtype::kF4, "F4", 4},
      {Dtype::kF6E2M3, "F6_E2M3", 6},
      {Dtype::kF6E3M2, "F6_E3M2", 6},
      {Dtype::kBool, "BOOL", 8},
      {Dtype::kU8, "U8", 8},
      {Dtype::kI8, "I8", 8},
      {Dtype::kF8E5M2, "F8_E5M2", 8},
      {Dtype::kF8E4M3, "F8_E4M3", 8},
      {Dtype::kF8E8M0, "F8_E8M0", 8},
      {Dtype::kF8E4M3FNUZ, "F8_E4M3FNUZ", 8},
      {Dtype::kF8E5M2FNUZ, "F8_E5M2FNUZ", 8},
      {Dtype::kI16, "I16", 16},
      {Dtype::kU16, "U16", 16},
      {Dtype::kF16, "F16", 16},
      {Dtype::kBF16, "BF16", 16},
      {Dtype::kI32, "I32", 32},
      {Dtype::kU32, "U32", 32},
      {Dtype::kF32, "F32", 32},
      {Dtype::kF64, "F64", 64},
      {Dtype::kI64, "I64", 64},
      {Dtype::kU64, "U64", 64},
      {Dtype::kC64, "C64", 64},
  };
  return all;
}

std::string numbered(std::size_t size) {
  std::string bytes(size, '\0');
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(i * 7 + 1);
  return bytes;
}

class WriterTest : public testing::Test {
 protected:
  std::string message_of(std::vector<Source> sources, const Metadata& metadata = {}) {
    return support::message_of<FileError>([&] { write(path_, std::move(sources), metadata); });
  }
  std::size_t files() const {
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator(folder_.path()), fs::directory_iterator()));
  }

  support::TempDir folder_;
  std::string path_ = folder_.file("x.safetensors");
};

TEST_F(WriterTest, WritesEveryDtypeSoThatItReadsTheSame) {
  std::vector<Source> sources;
  for (const Named& one : dtypes()) {
    EXPECT_EQ(name(one.dtype), one.name);
    EXPECT_EQ(bits(one.dtype), one.bits);
    sources.push_back(source("t." + one.name, one.dtype, {3, 4}, numbered(12 * one.bits / 8)));
  }
  write(path_, sources);
  const Reader reader(path_);
  ASSERT_EQ(reader.tensors().size(), dtypes().size());
  for (const Named& one : dtypes()) {
    const TensorInfo* tensor = reader.find("t." + one.name);
    ASSERT_NE(tensor, nullptr) << one.name;
    EXPECT_EQ(tensor->dtype, one.dtype);
    EXPECT_EQ(tensor->shape, (std::vector<std::int64_t>{3, 4}));
    EXPECT_EQ(bytes_of(reader, tensor->key), numbered(12 * one.bits / 8)) << one.name;
  }
}

TEST_F(WriterTest, AlignsEachTensorToItsDtypeAndTheDataTo64) {
  write(path_, {source("a", Dtype::kU8, {3}, "abc"), source("b", Dtype::kF64, {1}, numbered(8)),
                source("c", Dtype::kF16, {5}, numbered(10)), source("d", Dtype::kF32, {1}, "dddd"),
                source("e", Dtype::kF32, {}, "eeee")});
  const Reader reader(path_);
  std::vector<std::string> order;
  for (const TensorInfo& tensor : reader.tensors()) {
    order.push_back(tensor.key);
    const auto address = reinterpret_cast<std::uintptr_t>(reader.data(tensor));
    EXPECT_EQ(address % (bits(tensor.dtype) / 8), 0u) << tensor.key;
  }
  EXPECT_EQ(order, (std::vector<std::string>{"b", "d", "e", "c", "a"}));
  EXPECT_EQ(reader.tensors().front().offset, 0u);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(reader.data(reader.tensors().front())) % 64, 0u);
  EXPECT_EQ((fs::file_size(path_) - 8 - 3 - 10 - 8 - 8) % 64, 56u);  // header and its length word
}

TEST_F(WriterTest, WritesTheBytesThatTheFormatFixes) {
  write(path_, {source("b:x", Dtype::kU8, {2, 1}, "hi"), source("a", Dtype::kF32, {}, "1234")},
        {{"k", "v\n\"\xC3\xA9\""}});
  const std::string header =
      "{\"__metadata__\":{\"k\":\"v\\n\\\"\xC3\xA9\\\"\"},"
      "\"a\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]},"
      "\"b:x\":{\"dtype\":\"U8\",\"shape\":[2,1],\"data_offsets\":[4,6]}}";
  const std::string padding(184 - header.size(), ' ');
  EXPECT_EQ(contents(path_), file_of(header + padding, "1234hi"));
}

TEST_F(WriterTest, WritesValuesEmptyTensorsAndNothing) {
  write(path_, {source("value", Dtype::kF32, {}, "1234"), source("none", Dtype::kF32, {0, 7}, "")});
  const Reader reader(path_);
  EXPECT_TRUE(reader.find("value")->shape.empty());
  EXPECT_EQ(bytes_of(reader, "value"), "1234");
  EXPECT_EQ(reader.find("none")->shape, (std::vector<std::int64_t>{0, 7}));
  EXPECT_EQ(reader.find("none")->bytes, 0u);
  write(path_, {});
  EXPECT_TRUE(Reader(path_).tensors().empty());
  EXPECT_EQ(fs::file_size(path_), 64u);
}

TEST_F(WriterTest, KeepsKeysAndMetadataOfAnyScript) {
  const std::string key = "\xE6\xB3\xA8\xE6\x84\x8F.\xF0\x9F\x94\xA5:\"a\\b\"\n";
  write(path_, {source(key, Dtype::kU8, {1}, "x"), source("", Dtype::kU8, {1}, "y")},
        {{key, key}, {"", ""}});
  const Reader reader(path_);
  EXPECT_EQ(bytes_of(reader, key), "x");
  EXPECT_EQ(bytes_of(reader, ""), "y");
  EXPECT_EQ(reader.metadata(), (Metadata{{key, key}, {"", ""}}));
}

TEST_F(WriterTest, AsksForOneTensorAtATimeInFileOrder) {
  int alive = 0;
  std::vector<std::string> order;
  const auto counted = [&](const std::string& key, Dtype dtype, std::size_t size) {
    return Source{key, dtype, {1}, [&, key, size] {
                    order.push_back(key);
                    EXPECT_EQ(alive, 0);
                    ++alive;
                    auto bytes = std::make_unique<std::string>(size, 'x');
                    const char* data = bytes->data();
                    return Bytes{
                        data, size,
                        std::shared_ptr<std::string>(bytes.release(), [&](std::string* done) {
                          --alive;
                          delete done;
                        })};
                  }};
  };
  write(path_,
        {counted("a", Dtype::kU8, 1), counted("b", Dtype::kF64, 8), counted("c", Dtype::kU8, 1)});
  EXPECT_EQ(order, (std::vector<std::string>{"b", "a", "c"}));
  EXPECT_EQ(alive, 0);
}

TEST_F(WriterTest, RefusesWhatTheFormatCannotHold) {
  EXPECT_EQ(message_of({source("a", Dtype::kU8, {1}, "x"), source("a", Dtype::kF32, {1}, "1234")}),
            path_ + ": the key \"a\" is there twice: give each tensor its own");
  EXPECT_EQ(message_of({source("__metadata__", Dtype::kU8, {1}, "x")}),
            path_ +
                ": tensor \"__metadata__\", U8 of shape [1]: the format keeps this name for "
                "itself: give it another key");
  EXPECT_EQ(message_of({source("a\xFF", Dtype::kU8, {1}, "x")}),
            path_ + ": the key \"a\\xff\" is no UTF-8, which the format asks for: rename it");
  EXPECT_EQ(message_of({}, {{"k", "\xFF"}}),
            path_ +
                ": the value of a metadata entry \"\\xff\" is no UTF-8, which the format asks "
                "for: rename it");
  EXPECT_EQ(message_of({source("a", Dtype::kU8, {2, -1}, "x")}),
            path_ +
                ": tensor \"a\", U8 of shape [2, -1]: a length is negative: give the shape that "
                "its data has");
  EXPECT_EQ(message_of({source("a", Dtype::kF32, {1LL << 62}, "x")}),
            path_ +
                ": tensor \"a\", F32 of shape [4611686018427387904]: more bits than 64-bit "
                "numbers can count: give the shape of its data");
  EXPECT_EQ(message_of({source("a", Dtype::kF4, {3}, "x")}),
            path_ + ": tensor \"a\", F4 of shape [3]: does not fill whole bytes: pad it");
  EXPECT_EQ(message_of({}, {{"k", std::string(100'000'001, 'x')}}),
            path_ +
                ": the header takes 100000056 bytes, the format allows 100000000: write fewer "
                "tensors, or less metadata");
  EXPECT_EQ(files(), 0u);
}

TEST_F(WriterTest, RefusesDataOfAnotherSizeAndLeavesTheOldFile) {
  put(path_, "old");
  EXPECT_EQ(message_of({source("a", Dtype::kF32, {2, 2}, "1234")}),
            path_ +
                ": tensor \"a\" of shape [2, 2] takes 16 bytes as F32, but 4 were given: give "
                "contiguous data of that shape and dtype");
  EXPECT_EQ(contents(path_), "old");
  EXPECT_EQ(files(), 1u);
}

TEST_F(WriterTest, CountsOneByteInTheSingular) {
  EXPECT_EQ(message_of({source("a", Dtype::kU8, {}, "xy")}),
            path_ +
                ": tensor \"a\" of shape [] takes 1 byte as U8, but 2 were given: give contiguous "
                "data of that shape and dtype");
  EXPECT_THAT(message_of({source("a", Dtype::kU8, {2}, "x")}),
              testing::HasSubstr("takes 2 bytes as U8, but 1 was given"));
}

TEST_F(WriterTest, PassesOnWhatASourceThrowsAndLeavesTheOldFile) {
  put(path_, "old");
  const Source bad{"a", Dtype::kU8, {1}, []() -> Bytes { throw std::domain_error("no device"); }};
  try {
    write(path_, {source("b", Dtype::kF64, {1}, numbered(8)), bad});
    FAIL() << "nothing was thrown";
  } catch (const std::domain_error& error) {
    EXPECT_STREQ(error.what(), "no device");
  }
  EXPECT_EQ(contents(path_), "old");
  EXPECT_EQ(files(), 1u);
}

TEST_F(WriterTest, LeavesTheOldFileWhenTheDiskIsFull) {
  put(path_, "old");
  std::string message;
  {
    const support::FileSizeLimit limit(4096);
    message = message_of({source("a", Dtype::kU8, {10000}, numbered(10000))});
  }
  EXPECT_EQ(message, path_ +
                         ": cannot write it after 4096 of 10128 bytes: File too large; 10128 "
                         "bytes are needed, more than a file may have here (see ulimit -f)");
  EXPECT_EQ(contents(path_), "old");
  EXPECT_EQ(files(), 1u);
}

TEST_F(WriterTest, SaysWhatIsWrongWithAFolder) {
  put(folder_.file("file"), "");
  const auto message = [](const std::string& path) {
    return support::message_of<FileError>([&] { write(path, {}); });
  };
  for (const char* below : {"file/x.safetensors", "file/a/b/x.safetensors"}) {
    EXPECT_EQ(message(folder_.file(below)),
              folder_.file(below) + ": cannot create it: Not a directory; " + folder_.file("file") +
                  " is a file: write to a directory");
  }
  const std::string missing = folder_.file("missing/x.safetensors");
  EXPECT_EQ(message(missing),
            missing + ": cannot create it: No such file or directory; create the directory " +
                folder_.file("missing") + " first");
  EXPECT_THAT(
      message("/proc/x.safetensors"),
      testing::AnyOf(testing::EndsWith("no file can be made in /proc: write to another directory"),
                     testing::EndsWith("; /proc is none")));  // not as root
  const std::string longest = folder_.file(std::string(256, 'n'));
  EXPECT_EQ(message(longest),
            longest + ": cannot create it: File name too long; use a shorter name");
  EXPECT_EQ(message(""), "the path is empty: give the path of a file");
  EXPECT_EQ(files(), 1u);
}

TEST_F(WriterTest, DoesNotReplaceWhatIsNoRegularFile) {
  EXPECT_EQ(support::message_of<FileError>([&] { write("/dev/null", {}); }),
            "/dev/null: is no regular file, so it cannot be replaced: give the path of a file");
  EXPECT_TRUE(fs::is_character_file("/dev/null"));
  const std::string folder = folder_.path().string();
  EXPECT_EQ(support::message_of<FileError>([&] { write(folder, {}); }),
            folder + ": is a folder: give the path of a file in it");
}

TEST_F(WriterTest, FollowsASymbolicLink) {
  const std::string link = folder_.file("link.safetensors");
  put(path_, "old");
  fs::create_symlink(path_, link);
  write(link, {source("a", Dtype::kU8, {1}, "x")});
  EXPECT_TRUE(fs::is_symlink(link));
  EXPECT_EQ(bytes_of(Reader(path_), "a"), "x");
}

TEST_F(WriterTest, ReplacesAFileThatIsBeingRead) {
  write(path_, {source("a", Dtype::kU8, {1}, "x")});
  const Reader old(path_);
  write(path_, {source("a", Dtype::kU8, {1}, "y")});
  EXPECT_EQ(bytes_of(old, "a"), "x");
  EXPECT_EQ(bytes_of(Reader(path_), "a"), "y");
  EXPECT_EQ(files(), 1u);
}

// What test/data/format/README.md describes. Little of everything that a capture holds.
std::vector<Source> golden_sources() {
  const float attention[] = {0.5f, 0.5f, 0.25f, 0.75f};
  const float second[] = {1.0f, 0.0f, 0.125f, 0.875f};
  const float image[] = {0.0f, 1.0f, -1.0f, 0.5f};
  const std::int64_t token[] = {7, -7};
  const auto bytes = [](const auto& values) {
    return std::string(reinterpret_cast<const char*>(values), sizeof values);
  };
  return {source("blocks.0.attn:attn", Dtype::kF32, {1, 2, 2}, bytes(attention)),
          source("blocks.0.attn:attn#1", Dtype::kF32, {1, 2, 2}, bytes(second)),
          source(":input.0", Dtype::kF32, {1, 2, 2}, bytes(image)),
          source(":output.ids", Dtype::kI64, {2}, bytes(token)),
          source("odd%3Aname:mask", Dtype::kBool, {3}, std::string("\1\0\1", 3))};
}

CaptureMetadata golden_metadata() {
  CaptureMetadata metadata;
  metadata.order = {":input.0", "blocks.0.attn:attn", "odd%3Aname:mask", ":output.ids"};
  metadata.calls = {{":input.0", {{0, 0, ""}}},
                    {"blocks.0.attn:attn", {{1, 0, "blocks.0.attn"}, {2, 1, "shared.attn"}}},
                    {"odd%3Aname:mask", {{3, 0, "odd:name"}}},
                    {":output.ids", {{4, 0, ""}}}};
  metadata.sites = {{":input.0", {"", "Vit", "input.0", "float32"}},
                    {"blocks.0.attn:attn", {"blocks.0.attn", "Attention", "attn", "float32"}},
                    {"odd%3Aname:mask", {"odd:name", "Mask", "mask", "bool"}},
                    {":output.ids", {"", "Vit", "output.ids", "int64"}}};
  metadata.model = "vit_tiny";
  metadata.libtorch = "2.13.0";
  metadata.grid = {{1, 1}};
  metadata.prefix = 1;
  metadata.tokens = {"[CLS]", "\xE2\x96\x81na\xC3\xAFve"};
  metadata.image = CaptureMetadata::Image{":input.0", {0.5}, {0.25}};
  return metadata;
}

TEST_F(WriterTest, WritesTheGoldenFileByteForByte) {
  write(path_, golden_sources(), {{"anycapture", golden_metadata().to_json()}});
  const std::string golden = support::data("format/golden.safetensors");
  if (std::getenv("ANYCAPTURE_UPDATE_GOLDEN") != nullptr) {
    fs::copy_file(path_, golden, fs::copy_options::overwrite_existing);
  }
  ASSERT_TRUE(fs::exists(golden));
  EXPECT_TRUE(contents(path_) == contents(golden))
      << "the format changed: see test/data/format/README.md";
}

TEST(GoldenFile, ReadsAsWhatItWasWrittenFrom) {
  const Reader reader(support::data("format/golden.safetensors"));
  for (const Source& source : golden_sources()) {
    const TensorInfo* tensor = reader.find(source.key);
    ASSERT_NE(tensor, nullptr) << source.key;
    EXPECT_EQ(tensor->dtype, source.dtype);
    EXPECT_EQ(tensor->shape, source.shape);
    const Bytes bytes = source.bytes();
    EXPECT_EQ(bytes_of(reader, source.key),
              std::string(static_cast<const char*>(bytes.data), bytes.size));
  }
  const std::string& text = reader.metadata().at("anycapture");
  EXPECT_EQ(text, golden_metadata().to_json());
  EXPECT_EQ(CaptureMetadata::from_json(text).to_json(), text);
}

TEST(SafetensorsWriter, AProcessThatIsKilledLeavesTheOldFileAlone) {
  const support::TempDir folder;
  const int probe = ::open(folder.path().c_str(), O_TMPFILE | O_WRONLY, 0600);
  if (probe < 0) GTEST_SKIP() << "this file system has no files without a name";
  ::close(probe);
  const std::string path = folder.file("x.safetensors");
  put(path, "old");
  const pid_t child = ::fork();
  if (child == 0) {
    Source one = source("x", Dtype::kU8, {1 << 20}, std::string(1 << 20, 'x'));
    Source killed{"y", Dtype::kU8, {1}, []() -> Bytes {
                    std::raise(SIGKILL);
                    return {};
                  }};
    write(path, {one, killed});
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(contents(path), "old");
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path()), {}), 1);
}

}  // namespace
}  // namespace safetensors
}  // namespace anycapture
