// SPDX-License-Identifier: MIT
#include <anycapture/error.h>
#include <anycapture/safetensors.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "core/npy.h"
#include "core/npz_reader.h"
#include "core/npz_writer.h"
#include "core/safetensors_bytes.h"
#include "support/zip_bytes.h"
#include "support/data.h"
#include "support/file_size_limit.h"
#include "support/temp_dir.h"
#include "support/throws.h"

namespace anycapture {
namespace npz {
namespace {

namespace fs = std::filesystem;
using safetensors::Bytes;
using safetensors::contents;
using safetensors::Dtype;
using safetensors::put;
using safetensors::Source;
using safetensors::source;
using testing::HasSubstr;
using testing::StartsWith;
using Shape = std::vector<std::int64_t>;

const std::string kData = support::data("npz/");

const TensorInfo& find(const Reader& reader, const std::string& key) {
  for (const TensorInfo& tensor : reader.tensors()) {
    if (tensor.key == key) return tensor;
  }
  throw std::out_of_range("no array " + key);
}

std::string bytes_of(const Reader& reader, const std::string& key) {
  const Bytes bytes = reader.read(find(reader, key));
  return {static_cast<const char*>(bytes.data), bytes.size};
}

template <class T>
std::string bytes_of(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

// A member of bytes.
std::string npy_of(const std::string& elements) {
  return npy::header(Dtype::kU8, {static_cast<std::int64_t>(elements.size())}, "x") + elements;
}

class NpzTest : public testing::Test {
 protected:
  // What follows the path, of reading all that is in it.
  std::string problem_of(const std::string& bytes) {
    put_anew(bytes);
    const std::string text = support::message_of<FileError>([&] {
      const Reader reader(path_);
      for (const TensorInfo& tensor : reader.tensors()) reader.read(tensor);
    });
    EXPECT_THAT(text, StartsWith(path_ + ": "));
    return text.substr(std::min(text.size(), path_.size() + 2));
  }
  // Some file systems flush a file that is written over, which takes milliseconds.
  void put_anew(const std::string& bytes) {
    fs::remove(path_);
    put(path_, bytes);
  }
  std::string problem_of(const std::vector<ZipEntry>& entries) {
    return problem_of(zip_of(entries));
  }
  std::string message_of(const std::vector<Source>& sources) {
    return support::message_of<FileError>([&] { npz::write(path_, sources); });
  }
  std::size_t files() const {
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator(folder_.path()), fs::directory_iterator()));
  }

  support::TempDir folder_;
  std::string path_ = folder_.file("x.npz");
};

template <class T>
void expect_numbers(const Reader& reader, const std::string& key, Dtype dtype) {
  EXPECT_EQ(find(reader, key).dtype, dtype) << key;
  EXPECT_EQ(find(reader, key).shape, (Shape{2, 3})) << key;
  EXPECT_EQ(bytes_of(reader, key), bytes_of<T>({0, 1, 2, 3, 100, 101})) << key;
}

TEST_F(NpzTest, ReadsWhatNumPyWrites) {
  for (const char* file : {"stored.npz", "deflated.npz"}) {
    const Reader reader(kData + file);
    EXPECT_EQ(reader.tensors().size(), 19u);
    EXPECT_TRUE(reader.others().empty());
    expect_numbers<std::uint8_t>(reader, "t.u1", Dtype::kU8);
    expect_numbers<std::int8_t>(reader, "t.i1", Dtype::kI8);
    expect_numbers<std::int16_t>(reader, "t.i2", Dtype::kI16);
    expect_numbers<std::uint16_t>(reader, "t.u2", Dtype::kU16);
    expect_numbers<std::int32_t>(reader, "t.i4", Dtype::kI32);
    expect_numbers<std::uint32_t>(reader, "t.u4", Dtype::kU32);
    expect_numbers<std::int64_t>(reader, "t.i8", Dtype::kI64);
    expect_numbers<std::uint64_t>(reader, "t.u8", Dtype::kU64);
    expect_numbers<float>(reader, "t.f4", Dtype::kF32);
    expect_numbers<double>(reader, "t.f8", Dtype::kF64);
    expect_numbers<float>(reader, "blocks.0.attn:attn#1", Dtype::kF32);
    expect_numbers<std::uint8_t>(reader, "\xE6\xB3\xA8\xE6\x84\x8F/\xF0\x9F\x94\xA5", Dtype::kU8);
    EXPECT_EQ(find(reader, "t.?").dtype, Dtype::kBool);
    EXPECT_EQ(bytes_of(reader, "t.?"), std::string("\0\1\1\1\1\1", 6));
    EXPECT_EQ(find(reader, "t.f2").dtype, Dtype::kF16);
    EXPECT_EQ(bytes_of(reader, "t.f2"),
              bytes_of<std::uint16_t>({0, 0x3C00, 0x4000, 0x4200, 0x5640, 0x5650}));
    EXPECT_EQ(find(reader, "t.c8").dtype, Dtype::kC64);
    EXPECT_EQ(bytes_of(reader, "t.c8"), bytes_of<float>({0, 0, 1, 0, 2, 0, 3, 0, 100, 0, 101, 0}));
    EXPECT_EQ(find(reader, "value").shape, Shape{});
    EXPECT_EQ(bytes_of(reader, "value"), bytes_of<float>({1.5f}));
    EXPECT_EQ(find(reader, "none").shape, (Shape{0, 7}));
    EXPECT_EQ(find(reader, "none").bytes, 0u);
    EXPECT_EQ(find(reader, "one").shape, Shape{3});
    std::vector<std::int32_t> rows(24);
    for (int i = 0; i < 24; ++i) rows[static_cast<std::size_t>(i)] = i;
    EXPECT_EQ(bytes_of(reader, "columns"), bytes_of(rows));
  }
  EXPECT_TRUE(Reader(kData + "empty.npz").tensors().empty());
}

TEST_F(NpzTest, SaysWhichArrayHoldsNoNumbers) {
  const std::string path = kData + "text_in_it.npz";
  EXPECT_EQ(support::message_of<FileError>([&] { Reader reader(path); }),
            path +
                ": array \"labels\": its dtype \"<U1\" is text, and safetensors holds numbers: "
                "leave it out");
}

TEST_F(NpzTest, ReadsBackWhatItWrites) {
  const std::string fire = "\xE6\xB3\xA8/\xF0\x9F\x94\xA5:\"a\\b\"\n";
  const std::string many(1'000'003, 'm');
  for (const Packing packing : {Packing::kStored, Packing::kDeflated}) {
    write(
        path_,
        {source("z", Dtype::kF32, {}, "1234"), source("none", Dtype::kI64, {0, 7}, ""),
         source(fire, Dtype::kBool, {2}, std::string("\1\0", 2)), source("", Dtype::kU8, {1}, "e"),
         source("many", Dtype::kI8, {static_cast<std::int64_t>(many.size())}, many),
         source("blocks.0.attn:attn#1", Dtype::kC64, {1, 1}, "12345678")},
        packing);
    const Reader reader(path_);
    std::vector<std::string> order;
    for (const TensorInfo& tensor : reader.tensors()) order.push_back(tensor.key);
    EXPECT_EQ(order,
              (std::vector<std::string>{"z", "none", fire, "", "many", "blocks.0.attn:attn#1"}));
    EXPECT_EQ(bytes_of(reader, "z"), "1234");
    EXPECT_EQ(find(reader, "none").shape, (Shape{0, 7}));
    EXPECT_EQ(bytes_of(reader, "none"), "");
    EXPECT_EQ(bytes_of(reader, fire), std::string("\1\0", 2));
    EXPECT_EQ(bytes_of(reader, ""), "e");
    EXPECT_TRUE(bytes_of(reader, "many") == many);
    EXPECT_EQ(bytes_of(reader, "blocks.0.attn:attn#1"), "12345678");
    EXPECT_EQ(fs::file_size(path_) > many.size(), packing == Packing::kStored);
  }
}

TEST_F(NpzTest, WritesAFileWithoutArraysAsNumPyDoes) {
  npz::write(path_, {});
  EXPECT_EQ(contents(path_), contents(kData + "empty.npz"));
}

TEST_F(NpzTest, WritesTheSameBytesForTheSameInput) {
  for (const Packing packing : {Packing::kStored, Packing::kDeflated}) {
    const std::vector<Source> sources{source("a", Dtype::kU8, {2}, "hi"),
                                      source("b", Dtype::kF32, {}, "1234")};
    npz::write(path_, sources, packing);
    const std::string first = contents(path_);
    ::setenv("TZ", "Pacific/Kiritimati", 1);
    ::tzset();
    npz::write(path_, sources, packing);
    ::unsetenv("TZ");
    ::tzset();
    EXPECT_TRUE(contents(path_) == first);
  }
}

TEST_F(NpzTest, AsksForOneTensorAtATimeInOrder) {
  int alive = 0;
  std::vector<std::string> order;
  const auto counted = [&](const std::string& key) {
    return Source{key, Dtype::kU8, {1}, [&, key] {
                    order.push_back(key);
                    EXPECT_EQ(alive, 0);
                    ++alive;
                    return Bytes{"x", 1, std::shared_ptr<void>(&alive, [](void* count) {
                                   --*static_cast<int*>(count);
                                 })};
                  }};
  };
  npz::write(path_, {counted("b"), counted("a"), counted("c")});
  EXPECT_EQ(order, (std::vector<std::string>{"b", "a", "c"}));
  EXPECT_EQ(alive, 0);
}

TEST_F(NpzTest, RefusesToWriteWhatNumPyOrAZipFileCannotHave) {
  const auto u8 = [](const std::string& key) { return source(key, Dtype::kU8, {1}, "x"); };
  EXPECT_EQ(message_of({source("a", Dtype::kBF16, {1}, "xx")}),
            path_ +
                ": tensor \"a\": is BF16, which NumPy has no type for: convert it with --dtype "
                "f32");
  EXPECT_EQ(message_of({u8("a"), u8("a")}),
            path_ + ": the key \"a\" is there twice: give each tensor its own");
  EXPECT_EQ(message_of({u8("a.npy"), u8("a")}),
            path_ +
                ": NumPy would take the key \"a.npy\" for the one without .npy, which is there "
                "too: rename one");
  for (const char* key : {"/a", "\\a", "..", "../a", "a/../b", "a\\..\\b", "a/.."}) {
    EXPECT_THAT(message_of({u8(key)}),
                testing::EndsWith("leads out of the folder that the file is unpacked into: rename "
                                  "it"));
  }
  EXPECT_EQ(message_of({u8("a\xFF")}), path_ + ": the key \"a\\xff\" is no UTF-8: rename it");
  EXPECT_EQ(message_of({u8(std::string("a\0b", 3))}),
            path_ + ": the key \"a\\x00b\" holds a zero byte: rename it");
  EXPECT_THAT(message_of({u8(std::string(65532, 'a'))}),
              testing::EndsWith("is longer than 65531 bytes: rename it"));
  EXPECT_EQ(message_of({u8("\xC3\xA9\x01")}),
            path_ +
                ": the key \"\xC3\xA9\\x01\" has a control character beside others than ASCII, "
                "which libzip cannot write: rename it");
  EXPECT_EQ(files(), 0u);
  npz::write(path_, {u8(std::string(65531, 'a')), u8("a..b/...c/.")});
  EXPECT_EQ(Reader(path_).tensors().size(), 2u);
}

TEST_F(NpzTest, RefusesDataOfAnotherSizeAndLeavesTheOldFile) {
  put(path_, "old");
  EXPECT_EQ(message_of({source("b", Dtype::kU8, {1}, "x"), source("a", Dtype::kF32, {2}, "1234")}),
            path_ +
                ": tensor \"a\": of shape [2] takes 8 bytes as F32, but 4 were given: give "
                "contiguous data of that shape and dtype");
  EXPECT_EQ(contents(path_), "old");
  EXPECT_EQ(files(), 1u);
}

TEST_F(NpzTest, PassesOnWhatASourceThrowsAndLeavesTheOldFile) {
  put(path_, "old");
  const Source bad{"a", Dtype::kU8, {1}, []() -> Bytes { throw std::domain_error("no device"); }};
  for (const Packing packing : {Packing::kStored, Packing::kDeflated}) {
    try {
      npz::write(path_, {source("b", Dtype::kF64, {1}, "12345678"), bad}, packing);
      FAIL() << "nothing was thrown";
    } catch (const std::domain_error& error) {
      EXPECT_STREQ(error.what(), "no device");
    }
  }
  EXPECT_EQ(contents(path_), "old");
  EXPECT_EQ(files(), 1u);
}

TEST_F(NpzTest, LeavesTheOldFileWhenTheDiskIsFull) {
  put(path_, "old");
  for (const std::int64_t size : {10'000, 10'000'000}) {
    std::string message;
    {
      const support::FileSizeLimit limit(4096);
      const auto bytes = static_cast<std::size_t>(size);
      message = message_of({source("a", Dtype::kU8, {size}, std::string(bytes, 'x'))});
    }
    const std::string expected = std::to_string(size + 128 + 30 + 46 + 2 * 5 + 22);
    EXPECT_EQ(message, path_ + ": cannot write it after 4096 of " + expected +
                           " bytes: File too large; " + expected +
                           " bytes are needed, more than a file may have here (see ulimit -f)");
    EXPECT_EQ(contents(path_), "old");
    EXPECT_EQ(files(), 1u);
  }
}

TEST_F(NpzTest, WritesMoreMembersThanAPlainZipFileHas) {
  std::vector<Source> sources;
  for (int i = 0; i < 65'537; ++i) {
    sources.push_back(source("t" + std::to_string(i), Dtype::kU8, {1}, "x"));
  }
  npz::write(path_, sources);
  const Reader reader(path_);
  EXPECT_EQ(reader.tensors().size(), 65'537u);
  EXPECT_EQ(bytes_of(reader, "t65536"), "x");
}

TEST_F(NpzTest, NamesMembersThatAreNoArrays) {
  put(path_, zip_of({{"a.npy", npy_of("abc")},
                     {"notes.txt", "hello"},
                     {"folder/", ""},
                     {"bare", npy_of("de")}}));
  const Reader reader(path_);
  EXPECT_EQ(reader.others(), (std::vector<std::string>{"notes.txt", "folder/"}));
  EXPECT_EQ(bytes_of(reader, "a"), "abc");
  EXPECT_EQ(bytes_of(reader, "bare"), "de");
}

TEST_F(NpzTest, RefusesWhatIsNoNpz) {
  EXPECT_EQ(problem_of(""), "is no zip file, or was cut short: write it again, or fetch it again");
  EXPECT_THAT(problem_of("hello"), StartsWith("is no zip file"));
  EXPECT_THAT(problem_of({{"a.npy", "hello"}}),
              StartsWith("array \"a\": is no .npy array, since it does not begin with"));
  EXPECT_THAT(problem_of({{"a.npy", ""}}), StartsWith("array \"a\": is no .npy array"));
  EXPECT_EQ(support::message_of<FileError>([&] { Reader reader(folder_.path().string()); }),
            folder_.path().string() + ": is a folder: name a .npz file in it");
}

TEST_F(NpzTest, RefusesEveryPartOfAFile) {
  const std::string whole = zip_of({{"a.npy", npy_of("abc")}, {"b.npy", npy_of("defg")}});
  for (std::size_t size = 0; size < whole.size(); ++size) {
    ASSERT_FALSE(problem_of(whole.substr(0, size)).empty()) << size;
  }
}

TEST_F(NpzTest, SurvivesEveryChangedByte) {
  std::vector<std::string> files{zip_of({{"a.npy", npy_of("abc")}, {"b.npy", npy_of("defg")}})};
  npz::write(path_, {source("a", Dtype::kU8, {4}, "abcd")}, Packing::kDeflated);
  files.push_back(contents(path_));
  for (const std::string& whole : files) {
    for (std::size_t i = 0; i < whole.size(); ++i) {
      for (const char flip : {'\x01', '\x80', '\xFF'}) {
        std::string changed = whole;
        changed[i] = static_cast<char>(changed[i] ^ flip);
        put_anew(changed);
        try {
          const Reader reader(path_);
          for (const TensorInfo& tensor : reader.tensors()) reader.read(tensor);
        } catch (const FileError& error) {
          ASSERT_THAT(error.what(), StartsWith(path_ + ": "));
        }
      }
    }
  }
}

TEST_F(NpzTest, TakesControlCharactersInNamesForThemselves) {
  put(path_, zip_of({{"\x01\x1F\x7F.npy", npy_of("x")}}));  // as numpy.savez writes them
  EXPECT_EQ(bytes_of(Reader(path_), "\x01\x1F\x7F"), "x");
  npz::write(path_, {source("\x02\n", Dtype::kU8, {1}, "y")});
  EXPECT_EQ(bytes_of(Reader(path_), "\x02\n"), "y");
}

TEST_F(NpzTest, RefusesNamesThatLeadElsewhere) {
  for (const char* name : {"/a.npy", "../a.npy", "b/../../a.npy", "..\\a.npy", "\\a.npy"}) {
    EXPECT_THAT(problem_of({{name, npy_of("x")}}),
                HasSubstr("leads out of the folder that the file is unpacked into: rename it"));
  }
}

TEST_F(NpzTest, RefusesNamesThatAreThereTwice) {
  EXPECT_EQ(problem_of({{"a.npy", npy_of("x")}, {"a.npy", npy_of("y")}}),
            "two of its members have the same name: write it again, with a name for each");
  EXPECT_EQ(problem_of({{"a.npy", npy_of("x")}, {"a", npy_of("y")}}),
            "the array \"a\" is there twice: write it again, with a name for each");
}

TEST_F(NpzTest, RefusesSizesThatCannotBe) {
  const std::string npy = npy_of("abc");
  EXPECT_THAT(problem_of({{"a.npy", npy_of("abc") + "d"}}),
              StartsWith("array \"a\": U8 of shape [3] takes 3 bytes, but 4 follow its header: it "
                         "is damaged"));
  EXPECT_THAT(problem_of({{"a.npy", npy.substr(0, npy.size() - 1)}}),
              StartsWith("array \"a\": U8 of shape [3] takes 3 bytes, but 2 follow its header: it "
                         "was cut short"));
  ZipEntry entry{"a.npy", npy};
  entry.bytes = 4'000'000'000u;
  EXPECT_THAT(problem_of({entry}), StartsWith("array \"a\": cannot unpack to 4000000000 bytes"));
  entry.packed = 4'000'000'000u;
  problem_of({entry});
  entry = {"a.npy", npy};
  entry.method = 8;
  entry.bytes = 4'000'000'000u;
  EXPECT_THAT(
      problem_of({entry}),
      StartsWith("array \"a\": cannot unpack to 4000000000 bytes from 131 bytes in a file"));
}

TEST_F(NpzTest, RefusesABombThatSaysLessThanItHolds) {
  // Deflated, 1 MB of zeros behind a header that says 4 bytes, and sizes to match.
  npz::write(path_, {source("a", Dtype::kU8, {1'000'000}, std::string(1'000'000, '\0'))},
             Packing::kDeflated);
  std::string bytes = contents(path_);
  const std::string real = number(1'000'128, 4), lie = number(132, 4);
  for (std::size_t at; (at = bytes.find(real)) != std::string::npos;) bytes.replace(at, 4, lie);
  EXPECT_THAT(problem_of(bytes), HasSubstr("U8 of shape [1000000] takes 1000000 bytes, but 4"));
}

// Deflated, as a block of bytes that are not compressed.
std::string block_of(const std::string& bytes, bool last) {
  return std::string(1, last ? '\1' : '\0') + number(bytes.size(), 2) + number(~bytes.size(), 2) +
         bytes;
}

// The data of each member is a block that quotes the next one's header, and then the data of that
// one: what the last holds is there once, and unpacks as often as there are members.
TEST_F(NpzTest, RefusesABombWhoseMembersShareTheirBytes) {
  std::string plain = npy_of(std::string(1000, 'x')), packed = block_of(plain, true), bytes;
  std::vector<std::pair<ZipEntry, std::size_t>> entries;  // and how far from the members' end
  for (char name = 'a'; name <= 'z'; ++name) {
    ZipEntry entry{std::string(1, name) + ".npy", "", 0, 8};
    entry.bytes = static_cast<std::uint32_t>(plain.size());
    entry.packed = static_cast<std::uint32_t>(packed.size());
    entry.checksum = checksum_of(plain);
    const std::string header = "PK\3\4" + fields_of(entry) + entry.name;
    bytes = header + packed;
    entries.emplace_back(entry, bytes.size());
    const auto size = static_cast<std::int64_t>(header.size() + plain.size());
    const std::string array = npy::header(Dtype::kU8, {size}, "x");
    packed = block_of(array, false) + block_of(header, false) + packed;
    plain = array + header + plain;
  }
  std::string list;
  for (const auto& [entry, from_end] : entries) {
    list += "PK\1\2" + number(20, 2) + fields_of(entry) + number(0, 10) +
            number(bytes.size() - from_end, 4) + entry.name;
  }
  const std::string end = "PK\5\6" + number(0, 4) + number(entries.size(), 2) +
                          number(entries.size(), 2) + number(list.size(), 4) +
                          number(bytes.size(), 4) + number(0, 2);
  EXPECT_THAT(problem_of(bytes + list + end),
              testing::MatchesRegex("its members take [0-9]+ bytes in a file of [0-9]+ bytes, so "
                                    "they overlap: it is damaged; write it again"));
}

TEST_F(NpzTest, RefusesWhatDoesNotUnpack) {
  ZipEntry entry{"a.npy", npy_of("abc")};
  entry.checksum = 1;
  EXPECT_EQ(problem_of({entry}),
            "member \"a.npy\": cannot be unpacked: CRC error; the file is damaged: write it again, "
            "or fetch it again");
  entry = {"a.npy", npy_of("abc")};
  entry.method = 8;
  EXPECT_THAT(problem_of({entry}), StartsWith("member \"a.npy\": cannot be unpacked: "));
  entry.method = 12;
  EXPECT_THAT(problem_of({entry}), StartsWith("array \"a\": is compressed in a way that NumPy"));
  entry = {"a.npy", npy_of("abc")};
  entry.flags = 1;
  EXPECT_EQ(problem_of({entry}), "array \"a\": is encrypted: write it again without a password");
}

TEST_F(NpzTest, RefusesObjectsInIt) {
  const std::string dict = "{'descr': '|O', 'fortran_order': False, 'shape': ()}";
  const std::string npy = "\x93NUMPY\1" + number(0, 1) + number(dict.size(), 2) + dict + "pickle";
  EXPECT_THAT(problem_of({{"a.npy", npy}}),
              StartsWith("array \"a\": its dtype \"|O\" is Python objects, which only unpickling"));
}

TEST_F(NpzTest, RefusesMembersThatOverlap) {
  std::string bytes = zip_of({{"a.npy", npy_of("abc")}, {"b.npy", npy_of("abc")}});
  // The second member's place in the list becomes the first's.
  const std::size_t second = bytes.rfind("PK\1\2");
  bytes.replace(second + 42, 4, number(0, 4));
  EXPECT_THAT(problem_of(bytes), StartsWith("is a damaged zip file"));
}

}  // namespace
}  // namespace npz
}  // namespace anycapture
