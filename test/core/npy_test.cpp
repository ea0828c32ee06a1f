// SPDX-License-Identifier: MIT
#include "core/npy.h"

#include <anycapture/error.h>

#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <vector>

#include "core/safetensors_bytes.h"
#include "support/data.h"
#include "support/temp_dir.h"
#include "support/throws.h"

namespace anycapture {
namespace npy {
namespace {

namespace fs = std::filesystem;
using safetensors::contents;
using safetensors::Dtype;
using safetensors::put;
using safetensors::source;
using testing::StartsWith;
using Shape = std::vector<std::int64_t>;

const std::string kData = support::data("npz/");

std::string text_of(const safetensors::Bytes& bytes) {
  return {static_cast<const char*>(bytes.data), bytes.size};
}

template <class T>
std::string bytes_of(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

// An array as a file, of version 1.
std::string file_of(const std::string& dict, const std::string& elements) {
  std::string bytes = "\x93NUMPY\1";
  bytes += {'\0', static_cast<char>(dict.size() % 256), static_cast<char>(dict.size() / 256)};
  return bytes + dict + elements;
}

std::string dict_of(const std::string& dtype, const std::string& shape,
                    const std::string& fortran_order = "False") {
  return "{'descr': '" + dtype + "', 'fortran_order': " + fortran_order + ", 'shape': " + shape +
         "}\n";
}

class NpyTest : public testing::Test {
 protected:
  Array read_bytes(const std::string& bytes) {
    put(path_, bytes);
    return read(path_);
  }
  // What follows the path.
  std::string problem_of(const std::string& bytes) {
    const std::string text = support::message_of<FileError>([&] { read_bytes(bytes); });
    EXPECT_THAT(text, StartsWith(path_ + ": "));
    return text.substr(std::min(text.size(), path_.size() + 2));
  }
  std::string problem_of_dict(const std::string& dict) { return problem_of(file_of(dict, "")); }

  support::TempDir folder_;
  std::string path_ = folder_.file("x.npy");
};

TEST_F(NpyTest, WritesTheBytesThatTheFormatFixes) {
  write(path_, source("a", Dtype::kF32, {2, 3}, std::string(24, 'x')));
  std::string dict = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }";
  dict += std::string(128 - 10 - 1 - dict.size(), ' ') + "\n";
  EXPECT_EQ(contents(path_), file_of(dict, std::string(24, 'x')));
  EXPECT_THAT(header(Dtype::kBool, {}, "x"), testing::HasSubstr("'|b1', 'fortran_order': False, "
                                                                "'shape': (), }"));
  EXPECT_THAT(header(Dtype::kC64, {3}, "x"), testing::HasSubstr("'<c8', 'fortran_order': False, "
                                                                "'shape': (3,), }"));
}

TEST_F(NpyTest, AlignsTheElementsTo64) {
  Shape shape{0};
  for (int rank = 1; rank <= 64; ++rank) {
    const std::string bytes = header(Dtype::kU8, shape, "x");
    EXPECT_EQ(bytes.size() % 64, 0u) << rank;
    EXPECT_EQ(bytes.back(), '\n');
    const Read none = [&, at = std::size_t{0}](void* buffer, std::size_t size) mutable {
      std::memcpy(buffer, bytes.data() + at, size);
      at += size;
      return size;
    };
    EXPECT_EQ(read_header(none, bytes.size(), "x").shape, shape);
    shape.push_back(9'000'000'000'000'000'000 * (rank % 2));
  }
}

TEST_F(NpyTest, ReadsBackWhatItWrites) {
  for (const Dtype dtype :
       {Dtype::kBool, Dtype::kI8, Dtype::kU8, Dtype::kI16, Dtype::kU16, Dtype::kF16, Dtype::kI32,
        Dtype::kU32, Dtype::kF32, Dtype::kI64, Dtype::kU64, Dtype::kF64, Dtype::kC64}) {
    for (const Shape& shape : {Shape{}, Shape{5}, Shape{0, 3}, Shape{2, 1, 3}}) {
      const std::uint64_t elements = shape.empty() ? 1 : shape.size() == 1 ? 5 : shape[0] * 3;
      const std::string bytes(elements * bits(dtype) / 8, '\x5A');
      write(path_, source("a", dtype, shape, bytes));
      const Array array = read(path_);
      EXPECT_EQ(array.dtype, dtype);
      EXPECT_EQ(array.shape, shape);
      EXPECT_EQ(text_of(array.bytes), bytes) << name(dtype);
      EXPECT_EQ(inspect(path_).bytes, bytes.size());
    }
  }
}

TEST_F(NpyTest, ReadsWhatNumPyWrites) {
  const Array columns = read(kData + "columns.npy");
  EXPECT_EQ(columns.dtype, Dtype::kF64);
  EXPECT_EQ(columns.shape, (Shape{2, 3}));
  EXPECT_EQ(text_of(columns.bytes), bytes_of<double>({0, 1, 2, 3, 100, 101}));
  EXPECT_TRUE(inspect(kData + "columns.npy").fortran_order);
  for (const char* version : {"version2.npy", "version3.npy"}) {
    EXPECT_EQ(inspect(kData + version).data_start, 128u);
    EXPECT_EQ(text_of(read(kData + version).bytes),
              bytes_of<std::uint16_t>({0, 1, 2, 3, 100, 101}));
  }
}

TEST_F(NpyTest, ReadsColumnsOfAnySizeAndRank) {
  const std::vector<std::pair<std::string, std::string>> by_columns{
      {"|u1", "acbd"}, {"<i2", "aaccbbdd"}, {"<f4", "aaaaccccbbbbdddd"}};
  for (const auto& [dtype, elements] : by_columns) {
    const Array array = read_bytes(file_of(dict_of(dtype, "(2, 2)", "True"), elements));
    std::string rows;
    for (const char letter : {'a', 'b', 'c', 'd'}) rows += std::string(elements.size() / 4, letter);
    EXPECT_EQ(text_of(array.bytes), rows);
  }
  // a[i, j, k] = 100 i + 10 j + k of shape (2, 3, 2), the first index fastest.
  std::string columns, rows;
  for (int k = 0; k < 2; ++k)
    for (int j = 0; j < 3; ++j)
      for (int i = 0; i < 2; ++i) columns += static_cast<char>(100 * i + 10 * j + k);
  for (int i = 0; i < 2; ++i)
    for (int j = 0; j < 3; ++j)
      for (int k = 0; k < 2; ++k) rows += static_cast<char>(100 * i + 10 * j + k);
  const Array array = read_bytes(file_of(dict_of("|u1", "(2, 3, 2)", "True"), columns));
  EXPECT_EQ(text_of(array.bytes), rows);
  EXPECT_EQ(text_of(read_bytes(file_of(dict_of("|u1", "(2,)", "True"), "ab")).bytes), "ab");
  EXPECT_EQ(read_bytes(file_of(dict_of("|u1", "(2, 0)", "True"), "")).bytes.size, 0u);
}

TEST_F(NpyTest, ReadsAsManyAxesAsNumPyHas) {
  std::string axes;
  for (int i = 0; i < 64; ++i) axes += "1, ";
  const Array array = read_bytes(file_of(dict_of("|u1", "(" + axes + ")", "True"), "x"));
  EXPECT_EQ(array.shape, Shape(64, 1));
  EXPECT_EQ(text_of(array.bytes), "x");
}

TEST_F(NpyTest, ReadsWhatOthersWrite) {
  const Array array =
      read_bytes(file_of("{\"shape\":(2L,1 ,) , \"fortran_order\":False,'descr':\"<i2\"}", "abcd"));
  EXPECT_EQ(array.shape, (Shape{2, 1}));
  EXPECT_EQ(text_of(array.bytes), "abcd");
}

TEST_F(NpyTest, SaysWhatToDoAboutDtypesOfNumPyAlone) {
  const std::vector<std::pair<std::string, std::string>> table{
      {"big_endian", "its dtype \">f4\" is big-endian: convert it with .astype(\"<f4\")"},
      {"objects",
       "its dtype \"|O\" is Python objects, which only unpickling brings back, and a pickle runs "
       "any code: save it as numbers, with .astype(\"<f8\")"},
      {"records",
       "holds records of several fields, and safetensors holds plain arrays: save each field by "
       "itself"},
      {"text", "its dtype \"<U2\" is text, and safetensors holds numbers: leave it out"},
      {"bytes", "its dtype \"|S2\" is text, and safetensors holds numbers: leave it out"},
      {"times",
       "its dtype \"<M8[s]\" is times, and safetensors holds numbers: convert it with "
       ".astype(\"<i8\")"},
      {"void",
       "its dtype \"|V2\" is bytes of no known type (NumPy saves bfloat16 so): convert it with "
       ".astype(\"<f4\") where it is made"},
      {"complex128",
       "its dtype \"<c16\" is none that safetensors has: convert it with .astype(\"<c8\")"},
      {"longdouble",
       "its dtype \"<f16\" is none that safetensors has: convert it with .astype(\"<f8\")"},
  };
  for (const auto& [file, problem] : table) {
    const std::string path = kData + file + ".npy";
    EXPECT_EQ(support::message_of<FileError>([&] { read(path); }), path + ": " + problem);
  }
}

TEST_F(NpyTest, RefusesToWriteWhatNumPyCannotHave) {
  const auto message = [this](Dtype dtype, const Shape& shape, const std::string& bytes) {
    return support::message_of<FileError>([&] { write(path_, source("a", dtype, shape, bytes)); });
  };
  for (const Dtype dtype :
       {Dtype::kBF16, Dtype::kF8E4M3, Dtype::kF8E5M2, Dtype::kF8E8M0, Dtype::kF8E4M3FNUZ,
        Dtype::kF8E5M2FNUZ, Dtype::kF4, Dtype::kF6E2M3, Dtype::kF6E3M2}) {
    EXPECT_EQ(message(dtype, {4}, std::string(bits(dtype) / 2, 'x')),
              path_ + ": tensor \"a\": is " + std::string(name(dtype)) +
                  ", which NumPy has no type for: convert it with --dtype f32");
  }
  EXPECT_EQ(message(Dtype::kU8, Shape(65, 1), "x"),
            path_ + ": tensor \"a\": has 65 dimensions, NumPy takes 64: reshape it");
  for (const Shape& shape : {Shape{-1}, Shape{1LL << 62, 4}}) {
    EXPECT_THAT(message(Dtype::kF32, shape, "x"),
                testing::EndsWith("has no size that 64-bit numbers can count: give the shape of "
                                  "its data"));
  }
  EXPECT_EQ(message(Dtype::kF32, {2}, "1234"),
            path_ +
                ": tensor \"a\": of shape [2] takes 8 bytes as F32, but 4 were given: give "
                "contiguous data of that shape and dtype");
  EXPECT_TRUE(fs::is_empty(folder_.path()));
}

TEST_F(NpyTest, LeavesTheOldFileWhenASourceThrows) {
  put(path_, "old");
  EXPECT_THROW(write(path_, {"a",
                             Dtype::kU8,
                             {1},
                             []() -> safetensors::Bytes { throw std::domain_error("no device"); }}),
               std::domain_error);
  EXPECT_EQ(contents(path_), "old");
}

TEST_F(NpyTest, RefusesWhatIsNoNpy) {
  EXPECT_THAT(problem_of(""), StartsWith("is no .npy array, since it does not begin with"));
  EXPECT_THAT(problem_of("hello, this is text"), StartsWith("is no .npy array"));
  EXPECT_THAT(problem_of("\x80\4\x95pickle."), StartsWith("is no .npy array"));
  EXPECT_THAT(problem_of("\x93NUM"), StartsWith("ends within its header, after 4 bytes: it was"));
  EXPECT_THAT(problem_of("\x93NUMPY\1"), StartsWith("ends within its header, after 7 bytes"));
  EXPECT_EQ(problem_of(std::string("\x93NUMPY\4\0\1\0x", 11)),
            "is of version 4.0 of the .npy format, known are 1.0, 2.0 and 3.0: write it again with "
            "numpy.save");
  EXPECT_THAT(problem_of(std::string("\x93NUMPY\1\7\1\0x", 11)),
              StartsWith("is of version 1.7 of"));
  EXPECT_THAT(problem_of(std::string("\x93NUMPY\1\0\2\0x", 11)),
              StartsWith("ends within its header, after 11 bytes"));
  EXPECT_THAT(problem_of(std::string("\x93NUMPY\2\0\2\0", 10)), StartsWith("ends within its hea"));
  EXPECT_EQ(problem_of(std::string("\x93NUMPY\2\0\xFF\xFF\xFF\xFF", 12)),
            "its header would be 4294967295 bytes long, at most 1000000 are read: it is damaged; "
            "write it again with numpy.save");
}

TEST_F(NpyTest, RefusesHeadersThatAreNoDict) {
  const auto expect = [this](const std::string& dict, const std::string& problem) {
    EXPECT_EQ(problem_of_dict(dict), "its header is no dict as NumPy writes it: " + problem +
                                         "; the file is damaged: write it again with numpy.save");
  };
  expect("", "it does not begin with {");
  expect("[1, 2]", "it does not begin with {");
  expect("__import__('os').system('x')", "it does not begin with {");
  expect("{", "a key is no string");
  expect("{}", "descr is missing");
  expect("{descr: 1}", "a key is no string");
  expect("{'descr", "a key has no end");
  expect("{'descr' '<f4'}", "there is no : behind \"descr\"");
  expect("{'descr': '<f4'", "neither , nor } follows the value of \"descr\"");
  expect("{'descr': '<f4'}", "fortran_order is missing");
  expect("{'descr': '<f4', 'fortran_order': False}", "shape is missing");
  expect("{'descr': '<f4', 'descr': '<f8'}", "\"descr\" is there twice");
  expect("{'more': 1}", "\"more\" is no key of it");
  expect("{'descr': 4}", "descr is no string");
  expect("{'fortran_order': 0}", "fortran_order is neither True nor False");
  expect("{'shape': 3}", "shape is no tuple");
  expect("{'shape': (3)}", "shape is no tuple, since it has no comma");
  expect("{'shape': (3, 4}", "shape has no end");
  expect("{'shape': (-1,)}", "shape holds something else than whole numbers from 0");
  expect("{'shape': (1.5,)}", "shape is no tuple, since it has no comma");
  expect("{'shape': (,)}", "shape holds something else than whole numbers from 0");
  expect("{'shape': (9223372036854775808,)}", "a length in shape is more than 2^63 - 1");
  std::string axes;
  for (int i = 0; i < 65; ++i) axes += "1, ";
  expect("{'shape': (" + axes + ")}", "shape has more than 64 dimensions");
  expect(dict_of("<f4", "(3,)") + "x", "something follows it");
  expect(dict_of("<f4", "(3,)") + std::string(1, '\0'), "something follows it");
}

TEST_F(NpyTest, RefusesDtypesThatAreNone) {
  for (const char* dtype : {"", "<", "f4", "<f3", "<q8", "=f4", "float32", "<u1x", "\x1b[31m"}) {
    EXPECT_THAT(problem_of_dict(dict_of(dtype, "()")), StartsWith("its dtype \"")) << dtype;
  }
  EXPECT_EQ(problem_of_dict(dict_of("\x1b[31m", "()")),
            "its dtype \"\\x1b[31m\" is none of NumPy's: write it again with numpy.save");
}

TEST_F(NpyTest, ComparesTheShapeWithTheLength) {
  EXPECT_EQ(problem_of(file_of(dict_of("<f4", "(2,)"), "1234567")),
            "F32 of shape [2] takes 8 bytes, but 7 follow its header: it was cut short; write it "
            "again");
  EXPECT_EQ(problem_of(file_of(dict_of("<f4", "(1,)"), "12345")),
            "F32 of shape [1] takes 4 bytes, but 5 follow its header: it is damaged; write it "
            "again");
  EXPECT_EQ(problem_of(file_of(dict_of("<f8", "(4611686018427387904, 16)"), "")),
            "F64 of shape [4611686018427387904, 16] has more bits than 64-bit numbers can count: "
            "it is damaged; write it again");
  EXPECT_THAT(problem_of(file_of(dict_of("<f4", "(1000000000000,)"), "1234")),
              StartsWith("F32 of shape [1000000000000] takes 4000000000000 bytes, but 4 follow"));
}

TEST_F(NpyTest, RefusesMoreThanThisMachineHasMemoryFor) {
  const std::string dict = dict_of("|u1", "(8000000000000,)");
  put(path_, file_of(dict, ""));
  std::error_code error;
  fs::resize_file(path_, 10 + dict.size() + 8'000'000'000'000, error);
  if (error) GTEST_SKIP() << "no file of 8 TB can be made here: " << error.message();
  EXPECT_EQ(inspect(path_).bytes, 8'000'000'000'000u);
  EXPECT_THAT(support::message_of<FileError>([&] { read(path_); }),
              StartsWith(path_ + ": takes 8000000000000 bytes, this machine has "));
}

TEST_F(NpyTest, RefusesPathsThatAreNoFile) {
  EXPECT_EQ(support::message_of<FileError>([&] { read(folder_.path().string()); }),
            folder_.path().string() + ": is a folder: name a .npy file in it");
  EXPECT_THAT(support::message_of<FileError>([&] { read(path_); }),
              StartsWith(path_ + ": cannot be read: No such file or directory; "));
}

}  // namespace
}  // namespace npy
}  // namespace anycapture
