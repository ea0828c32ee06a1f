// SPDX-License-Identifier: MIT
#include <anycapture/error.h>
#include <anycapture/safetensors.h>

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "core/safetensors_bytes.h"
#include "support/data.h"
#include "support/temp_dir.h"
#include "support/throws.h"

namespace anycapture {
namespace safetensors {
namespace {

class ReaderTest : public testing::Test {
 protected:
  Reader read(const std::string& bytes) {
    put(path_, bytes);
    return Reader(path_);
  }
  // What follows the path.
  std::string problem_of(const std::string& bytes) {
    const std::string text = support::message_of<FileError>([&] { read(bytes); });
    EXPECT_EQ(text.substr(0, path_.size() + 2), path_ + ": ");
    return text.substr(std::min(text.size(), path_.size() + 2));
  }

  support::TempDir folder_;
  std::string path_ = folder_.file("x.safetensors");
};

TEST_F(ReaderTest, ReadsWhatOtherWritersWrite) {
  const Reader reader = read(file_of(
      R"(  {"b":{"data_offsets":[2,6],"dtype":"F32","shape":[]},"__metadata__":{"k":"\u00e9"},)"
      R"("a":{"dtype":"U8","shape":[1,2],"data_offsets":[0,2],"later":{"x":[[1],null,"s"]}}} )"
      "\n",
      "xyABCD"));
  ASSERT_EQ(reader.tensors().size(), 2u);
  EXPECT_EQ(reader.tensors()[0].key, "a");
  EXPECT_EQ(reader.tensors()[0].shape, (std::vector<std::int64_t>{1, 2}));
  EXPECT_EQ(reader.tensors()[0].dtype, Dtype::kU8);
  EXPECT_EQ(reader.tensors()[1].offset, 2u);
  EXPECT_EQ(reader.tensors()[1].bytes, 4u);
  EXPECT_EQ(bytes_of(reader, "a"), "xy");
  EXPECT_EQ(bytes_of(reader, "b"), "ABCD");
  EXPECT_EQ(reader.metadata(), (Metadata{{"k", "\xC3\xA9"}}));
  EXPECT_EQ(reader.find("c"), nullptr);
}

TEST_F(ReaderTest, ReadsFilesWithoutTensors) {
  EXPECT_TRUE(read(file_of("{}", "")).tensors().empty());
  EXPECT_TRUE(read(file_of("\t\n{}\r ", "")).tensors().empty());
  EXPECT_TRUE(read(file_of(R"({"__metadata__":null})", "")).metadata().empty());
}

TEST_F(ReaderTest, ReadsEmptyTensorsAnywhere) {
  const Reader reader =
      read(file_of(R"({"z":{"dtype":"F32","shape":[0,4611686018427387904],"data_offsets":[1,1]},)"
                   R"("y":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
                   R"("x":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}})",
                   "y"));
  EXPECT_EQ(reader.tensors()[0].key, "x");
  EXPECT_EQ(reader.tensors()[1].key, "y");
  EXPECT_EQ(reader.tensors()[2].key, "z");
  EXPECT_EQ(bytes_of(reader, "z"), "");
}

TEST_F(ReaderTest, KeepsTheBytesAliveByTheMapping) {
  const std::byte* data = nullptr;
  std::shared_ptr<const void> mapping;
  {
    Reader first = read(file_of(R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}})", "hi"));
    const Reader reader = std::move(first);
    data = reader.data(*reader.find("a"));
    mapping = reader.mapping();
  }
  EXPECT_EQ(std::memcmp(data, "hi", 2), 0);
}

TEST_F(ReaderTest, DoesNotWriteToTheFile) {
  const std::string bytes =
      file_of(R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}})", "hi");
  const Reader reader = read(bytes);
  *const_cast<std::byte*>(reader.data(*reader.find("a"))) = std::byte{'H'};
  EXPECT_EQ(bytes_of(reader, "a"), "Hi");
  EXPECT_EQ(contents(path_), bytes);
}

struct Broken {
  std::string bytes;
  std::string problem;  // how it begins, behind the path
};

// A header with one tensor, `{"a":{...}}`.
std::string one(const std::string& fields, const std::string& data = "") {
  return file_of("{\"a\":{" + fields + "}}", data);
}

// A field that the format does not know, of so many lists in each other.
std::string nested(std::size_t depth) {
  return "\"x\":" + std::string(depth, '[') + std::string(depth, ']') +
         R"(,"dtype":"U8","shape":[0],"data_offsets":[0,0])";
}

TEST_F(ReaderTest, PassesOverNestedFieldsAsDeepAsPythonDoes) {
  EXPECT_EQ(read(one(nested(125))).tensors().size(), 1u);
}

TEST_F(ReaderTest, RefusesFilesThatAreNoSafetensors) {
  const std::vector<Broken> table{
      {"", "has 0 bytes, a safetensors file has at least 8"},
      {"\1\2\3\4\5\6\7", "has 7 bytes, a safetensors file has at least 8"},
      {"\1", "has 1 byte, a safetensors file has at least 8"},
      {length_of(1), "its header would be 1 byte long, but only 0 follow: it was cut short"},
      {length_of(640) + "{", "its header would be 640 bytes long, but only 1 follows: it was cut"},
      {length_of(3) + "{}",
       "its header would be 3 bytes long, but only 2 follow: it was cut short"},
      {length_of(100'000'001) + "{}",
       "its header would be 100000001 bytes long, the format allows "},
      {length_of(~0ull) + "{}", "its header would be 18446744073709551615 bytes long, the format"},
      {length_of(0),
       "the header is no JSON, at its byte 1: syntax error while parsing value - unexpected end of "
       "input; expected '[', '{', or a literal; the file is damaged"},
      {file_of("nil\x07", ""),
       "the header is no JSON, at its byte 2: syntax error while parsing value - invalid literal; "
       "the file is damaged"},
      {file_of("{\"a\":1" + std::string(1000, '0') + "}", ""),
       "the header is no JSON, at its byte 1006: number overflow; the file is damaged"},
      {file_of("{\"\xFF\":1}", ""), "the header's byte 2 is 0xff, which is no UTF-8"},
      {file_of("{\"\xC0\x80\":1}", ""), "the header's byte 2 is 0xc0, which is no UTF-8"},
      {file_of("{\"\xED\xA0\x80\":1}", ""), "the header's byte 2 is 0xed, which is no UTF-8"},
      {file_of("{\"\\ud800\":1}", ""), "the header is no JSON, at its byte 9: "},
      {file_of("{} x", ""), "the header is no JSON, at its byte 4: "},
      {file_of("{\"a\":", ""), "the header is no JSON, at its byte 6: "},
      {file_of(std::string("{}\0", 3), ""), "the header's byte 2 is 0x00, which is no JSON"},
      {file_of("\xEF\xBB\xBF{}", ""), "the header begins with a byte order mark, must be {; the"},
      {file_of("{", ""), "the header is no JSON, at its byte 2: "},
      {file_of("[]", ""), "the header is an array, must be a JSON object"},
      {file_of("3", ""), "the header is 3, must be a JSON object"},
      {file_of("null", ""), "the header is null, must be a JSON object"},
      {file_of(std::string(1'000'000, '['), ""), "the header is an array, must be a JSON object"},
      {one("\"x\":" + std::string(1'000'000, '[')), "tensor \"a\": the header is nested too deep"},
      {one(nested(126)), "tensor \"a\": the header is nested too deep"},
      {file_of(R"({"a":1})", ""), "the header's entry \"a\" is 1, must be an object"},
      {file_of(R"({"a":[]})", ""), "the header's entry \"a\" is an array, must be an object"},
  };
  for (const Broken& file : table) {
    const std::string problem = problem_of(file.bytes);
    EXPECT_EQ(problem.substr(0, file.problem.size()), file.problem);
  }
}

TEST_F(ReaderTest, RefusesBrokenMetadata) {
  const std::vector<Broken> table{
      {R"({"__metadata__":{"k":1}})",
       "the metadata entry \"k\" is 1, must be a string: write numbers"},
      {R"({"__metadata__":{"k":{}}})", "the metadata entry \"k\" is an object, must be a string"},
      {R"({"__metadata__":{"k":null}})", "the metadata entry \"k\" is null, must be a string"},
      {R"({"__metadata__":{"k":"a","k":"b"}})", "the metadata entry \"k\" is there twice"},
      {R"({"__metadata__":{},"__metadata__":{}})", "\"__metadata__\" is there twice"},
      {R"({"__metadata__":null,"__metadata__":{}})", "\"__metadata__\" is there twice"},
      {R"({"__metadata__":{},"__metadata__":null})", "\"__metadata__\" is there twice"},
      {R"({"__metadata__":[]})",
       "the header's entry \"__metadata__\" is an array, must be an object"},
  };
  for (const Broken& file : table) {
    EXPECT_EQ(problem_of(file_of(file.bytes, "")).substr(0, file.problem.size()), file.problem);
  }
}

TEST_F(ReaderTest, RefusesBrokenTensorEntries) {
  const std::string shape = R"("shape":[1])", offsets = R"("data_offsets":[0,1])";
  const std::string dtype = R"("dtype":"U8")";
  const std::vector<Broken> table{
      {shape + "," + offsets, "its dtype is missing"},
      {dtype + "," + offsets, "its shape is missing"},
      {dtype + "," + shape, "its data_offsets are missing"},
      {"", "its dtype is missing"},
      {R"("dtype":"F33")", "the dtype \"F33\" is none of the format's"},
      {R"("dtype":"f32")", "the dtype \"f32\" is none of the format's"},
      {R"("dtype":8)", "its dtype is 8, must be a string such as \"F32\""},
      {R"("dtype":["U8"])", "its dtype is an array, must be a string"},
      {R"("dtype":"U8","dtype":"U8")", "its field \"dtype\" is there twice"},
      {R"("shape":"1")", "its shape is \"1\", must be an array of whole numbers"},
      {R"("shape":[-1])", "its shape holds -1, must be whole numbers from 0"},
      {R"("shape":[-0])", "its shape holds 0, must be whole numbers from 0"},
      {R"("shape":[1.0])", "its shape holds 1.0, must be whole numbers from 0"},
      {R"("shape":[1e3])", "its shape holds 1e3, must be whole numbers from 0"},
      {R"("shape":[true])", "its shape holds true, must be whole numbers from 0"},
      {R"("shape":[[1]])", "its shape holds an array, must be whole numbers from 0"},
      {R"("shape":["1"])", "its shape holds \"1\", must be whole numbers from 0"},
      {R"("shape":[9223372036854775808])",
       "the length 9223372036854775808 in its shape is more than 2^63 - 1"},
      {R"("shape":[18446744073709551616])", "its shape holds 18446744073709551616, must be whole"},
      {R"("data_offsets":[0])"
       "," +
           dtype + "," + shape,
       "its data_offsets have 1 entry, must be 2"},
      {R"("data_offsets":[0,1,2])", "its data_offsets have more than 2 entries, must be 2"},
      {R"("data_offsets":[-1,0])", "its data_offsets hold -1, must be whole numbers from 0"},
      {R"("data_offsets":[0,1.5])", "its data_offsets hold 1.5, must be whole numbers from 0"},
      {R"("data_offsets":{})", "its data_offsets are an object, must be an array of two"},
      {R"("data_offsets":[1,0])"
       "," +
           dtype + "," + shape,
       "its data_offsets 1 and 0 are the wrong way round"},
      {R"("dtype":"U8","shape":[2,3],"data_offsets":[0,5])",
       "U8 of shape [2, 3] takes 6 bytes, but its data_offsets span 5"},
      {R"("dtype":"F64","shape":[],"data_offsets":[0,4])",
       "F64 of shape [] takes 8 bytes, but its data_offsets span 4"},
      {R"("dtype":"F4","shape":[3],"data_offsets":[0,1])",
       "F4 of shape [3] does not fill whole bytes"},
      {R"("dtype":"U8","shape":[9223372036854775807,3],"data_offsets":[0,1])",
       "U8 of shape [9223372036854775807, 3] has more bits than 64-bit numbers can count"},
      {R"("dtype":"F64","shape":[1152921504606846976],"data_offsets":[0,1])",
       "F64 of shape [1152921504606846976] has more bits than 64-bit numbers can count"},
      {R"("dtype":"U8","shape":[4294967296,4294967296,0],"data_offsets":[0,0])",
       "U8 of shape [4294967296, 4294967296, 0] has more bits than 64-bit numbers can count"},
  };
  for (const Broken& file : table) {
    const std::string wanted = "tensor \"a\": " + file.problem;
    EXPECT_EQ(problem_of(one(file.bytes, "xxxxx")).substr(0, wanted.size()), wanted);
  }
}

std::string two(const std::string& first, const std::string& second) {
  return R"({"a":{"dtype":"U8","shape":[2],"data_offsets":)" + first +
         R"(},"b":{"dtype":"U8","shape":[2],"data_offsets":)" + second + "}}";
}

TEST_F(ReaderTest, RefusesDataThatDoesNotLieWithoutGaps) {
  const std::vector<Broken> table{
      {file_of(two("[0,2]", "[1,3]"), "xxx"),
       "tensor \"b\": its data begins at 1, but the data before it ends at 2: they overlap; the "
       "file"},
      {file_of(two("[0,2]", "[0,2]"), "xx"),
       "tensor \"b\": its data begins at 0, but the data before it ends at 2: they overlap"},
      {file_of(two("[0,2]", "[3,5]"), "xxxxx"),
       "tensor \"b\": its data begins at 3, but the data before it ends at 2: the format allows no "
       "holes"},
      {file_of(two("[1,3]", "[3,5]"), "xxxxx"),
       "tensor \"a\": its data begins at 1, but the data before it ends at 0: the format allows "
       "no"},
      {file_of(two("[0,2]", "[2,4]"), "xxx"),
       "tensor \"b\": its data ends at 4, but the file holds 3 bytes of data: it was cut short"},
      {file_of(two("[0,2]", "[2,4]"), "xxxxx"),
       "1 byte follows the last tensor, whose data ends at 4: the format allows none"},
      {file_of("{}", "x"), "1 byte follows the last tensor, whose data ends at 0"},
      {file_of(R"({"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},)"
               R"("a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}})",
               ""),
       "tensor \"a\" is there twice"},
      {file_of(R"({"a":{"dtype":"U8","shape":[1152921504606846976],)"
               R"("data_offsets":[0,1152921504606846976]}})",
               "x"),
       "tensor \"a\": its data ends at 1152921504606846976, but the file holds 1 byte of data"},
      {file_of(R"({"a":{"dtype":"U8","shape":[1],)"
               R"("data_offsets":[18446744073709551614,18446744073709551615]}})",
               "x"),
       "tensor \"a\": its data begins at 18446744073709551614, but the data before it ends at 0"},
  };
  for (const Broken& file : table) {
    EXPECT_EQ(problem_of(file.bytes).substr(0, file.problem.size()), file.problem);
  }
}

TEST_F(ReaderTest, RefusesManyTensorsOnTheSameBytes) {
  std::string header = "{";
  for (int i = 0; i < 20000; ++i) {
    header += (i == 0 ? "\"" : ",\"") + std::to_string(i) +
              R"(":{"dtype":"U8","shape":[2],"data_offsets":[0,2]})";
  }
  EXPECT_NE(problem_of(file_of(header + "}", "xx")).find("they overlap"), std::string::npos);
}

// In quadratic time this takes minutes.
TEST_F(ReaderTest, PassesOverManyUnknownFields) {
  std::string fields = R"("dtype":"U8","shape":[1],"data_offsets":[0,1])";
  for (int i = 0; i < 500'000; ++i) fields += ",\"k" + std::to_string(i) + "\":0";
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(bytes_of(read(one(fields, "x")), "a"), "x");
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20));
  EXPECT_EQ(problem_of(one(fields + R"(,"k7":0)", "x")).substr(0, 41),
            "tensor \"a\": its field \"k7\" is there twice");
}

// As sniff() knows them, by one message wherever a capture is asked for.
TEST_F(ReaderTest, SaysWhatAFileOfAnotherFormatIs) {
  for (const std::string& rest : {std::string("\0\0\0\0", 4), std::string("\x14\0\x08\x08", 4)}) {
    EXPECT_EQ(problem_of("PK\3\4" + rest + "archive/data.pkl"),
              "is a zip file that is damaged or was cut short: write it again, or fetch it again");
  }
  for (const char* start : {"\x80\2\x8a\nl\xfc\x9c\x46\xf9 j", "\x80\4\x95\x1f......."}) {
    EXPECT_THAT(
        problem_of(start),
        testing::StartsWith("is a Python pickle or an old PyTorch checkpoint: in Python, "));
  }
  EXPECT_EQ(problem_of("hi\n"), "is a text file: give the path of a .safetensors file");
  // A header's length that could be, 559,903.
  EXPECT_EQ(problem_of(std::string("\x1F\x8B\x08\0\0\0\0\0", 8) + std::string(600'000, 'x')),
            "is a gzip file: unpack it with gzip -d");
  EXPECT_EQ(
      problem_of(contents(support::data("npz/stored.npz"))),
      "is a NumPy .npz file: anycapture convert " + path_ + " " + path_ + " makes a capture of it");
}

TEST_F(ReaderTest, ShowsHostileNamesHarmlessAndShort) {
  const std::string bell = problem_of(file_of(R"({"\u001b[2J\u0007":1})", ""));
  EXPECT_EQ(bell.substr(0, 48), "the header's entry \"\\x1b[2J\\x07\" is 1, must be a");
  const std::string longest = problem_of(file_of("{\"" + std::string(100000, 'n') + "\":1}", ""));
  EXPECT_LT(longest.size(), 300u);
  EXPECT_NE(longest.find("nnn...\" is 1"), std::string::npos) << longest;
}

TEST_F(ReaderTest, RefusesEveryCutOfASoundFile) {
  const std::string sound = file_of(
      R"({"__metadata__":{"k":"v"},"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]}})", "xyz");
  for (std::size_t size = 0; size < sound.size(); ++size) {
    put(path_, sound.substr(0, size));
    EXPECT_THROW(Reader{path_}, FileError) << size;
  }
  EXPECT_EQ(bytes_of(read(sound), "a"), "xyz");
}

TEST_F(ReaderTest, SaysWhyAPathCannotBeRead) {
  const std::string missing = folder_.file("missing.safetensors");
  EXPECT_EQ(support::message_of<FileError>([&] { Reader{missing}; }),
            missing +
                ": cannot be read: No such file or directory; check the path and its "
                "permissions");
  const std::string folder = folder_.path().string();
  EXPECT_EQ(support::message_of<FileError>([&] { Reader{folder}; }),
            folder + ": is a folder: name a .safetensors file in it");
  EXPECT_EQ(support::message_of<FileError>([] { Reader{""}; }),
            "the path is empty: give the path of a file");
}

TEST_F(ReaderTest, SaysThatAFileIsMoreThanMayBeMapped) {
  put(path_, "");
  std::filesystem::resize_file(path_, std::uint64_t{1} << 40);
  std::size_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  rlimit before{};
  ::getrlimit(RLIMIT_AS, &before);
  const rlimit limit{pages * 4096 + (rlim_t{1} << 30), before.rlim_max};
  ::setrlimit(RLIMIT_AS, &limit);
  const std::string message = support::message_of<FileError>([&] { Reader{path_}; });
  ::setrlimit(RLIMIT_AS, &before);
  EXPECT_EQ(message, path_ +
                         ": cannot be mapped: Cannot allocate memory; the file has 1099511627776 "
                         "bytes, more than this process may map: see ulimit -v");
}

TEST_F(ReaderTest, DoesNotWaitForAPipe) {
  const std::string pipe = folder_.file("pipe");
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_EQ(support::message_of<FileError>([&] { Reader{pipe}; }),
            pipe + ": is no regular file: give the path of a .safetensors file");
}

}  // namespace
}  // namespace safetensors
}  // namespace anycapture
