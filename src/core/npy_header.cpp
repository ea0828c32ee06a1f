// SPDX-License-Identifier: MIT
#include <anycapture/error.h>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <optional>
#include <string_view>
#include <utility>

#include "core/npy.h"
#include "core/safetensors_header.h"

namespace anycapture {
namespace npy {
namespace {

using safetensors::byte_count;
using safetensors::Dtype;

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr std::size_t kFirstPart = 10;           // magic, version, and the length in version 1
constexpr std::uint64_t kMaxHeader = 1'000'000;  // NumPy itself takes 10,000 by default
constexpr std::size_t kMaxRank = 64;             // of NumPy 2; 32 before it
constexpr std::uint64_t kAlignment = 64;

constexpr std::pair<Dtype, std::string_view> kDescriptions[] = {
    {Dtype::kBool, "|b1"}, {Dtype::kU8, "|u1"},  {Dtype::kI8, "|i1"},  {Dtype::kI16, "<i2"},
    {Dtype::kU16, "<u2"},  {Dtype::kF16, "<f2"}, {Dtype::kI32, "<i4"}, {Dtype::kU32, "<u4"},
    {Dtype::kF32, "<f4"},  {Dtype::kF64, "<f8"}, {Dtype::kI64, "<i8"}, {Dtype::kU64, "<u8"},
    {Dtype::kC64, "<c8"},
};

std::optional<Dtype> dtype_described(std::string_view description) {
  for (const auto& [dtype, text] : kDescriptions) {
    if (text == description) return dtype;
  }
  return std::nullopt;
}

// Why there is no dtype for a description, and what to do.
std::string problem_of_dtype(std::string_view description) {
  const std::string shown = printable(description);
  const std::string_view type = description.substr(std::min<std::size_t>(1, description.size()));
  if (!type.empty() && description[0] == '>' && dtype_described(fmt::format("<{}", type))) {
    return fmt::format("its dtype {} is big-endian: convert it with .astype(\"<{}\")", shown, type);
  }
  switch (type.empty() ? '\0' : type[0]) {
    case 'O':
      return fmt::format(
          "its dtype {} is Python objects, which only unpickling brings back, and a pickle runs "
          "any code: save it as numbers, with .astype(\"<f8\")",
          shown);
    case 'U':
    case 'S':
      return fmt::format("its dtype {} is text, and safetensors holds numbers: leave it out",
                         shown);
    case 'M':
    case 'm':
      return fmt::format(
          "its dtype {} is times, and safetensors holds numbers: convert it with "
          ".astype(\"<i8\")",
          shown);
    case 'V':
      return fmt::format(
          "its dtype {} is bytes of no known type (NumPy saves bfloat16 so): convert it with "
          ".astype(\"<f4\") where it is made",
          shown);
    case 'c':
      return fmt::format(
          "its dtype {} is none that safetensors has: convert it with "
          ".astype(\"<c8\")",
          shown);
    case 'f':
      return fmt::format(
          "its dtype {} is none that safetensors has: convert it with "
          ".astype(\"<f8\")",
          shown);
    default:
      return fmt::format("its dtype {} is none of NumPy's: write it again with numpy.save", shown);
  }
}

struct Fields {
  std::string dtype;
  bool fortran_order = false;
  std::vector<std::int64_t> shape;
};

// The dict {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), } as text: nothing of it is
// evaluated.
class Dict {
 public:
  Dict(std::string_view text, const std::string& what) : rest_(text), what_(what) {}

  Fields parse() {
    Fields fields;
    bool seen[3] = {};
    expect('{', "it does not begin with {");
    while (!take('}')) {
      const std::string key = string("a key");
      expect(':', fmt::format("there is no : behind {}", printable(key)));
      const std::size_t which = key == "descr" ? 0 : key == "fortran_order" ? 1 : 2;
      if (which == 2 && key != "shape") fail(fmt::format("{} is no key of it", printable(key)));
      if (std::exchange(seen[which], true)) fail(fmt::format("{} is there twice", printable(key)));
      if (which == 0) fields.dtype = dtype();
      if (which == 1) fields.fortran_order = boolean();
      if (which == 2) fields.shape = shape();
      if (take(',')) continue;
      expect('}', fmt::format("neither , nor }} follows the value of {}", printable(key)));
      break;
    }
    if (!seen[0] || !seen[1] || !seen[2]) {
      fail(fmt::format("{} is missing", !seen[0] ? "descr" : !seen[1] ? "fortran_order" : "shape"));
    }
    skip_spaces();
    if (!rest_.empty()) fail("something follows it");
    return fields;
  }

 private:
  [[noreturn]] void fail(const std::string& problem) const {
    throw FileError(fmt::format(
        "{}: its header is no dict as NumPy writes it: {}; the file is damaged: write it again "
        "with numpy.save",
        what_, problem));
  }

  void skip_spaces() {
    const std::size_t start = rest_.find_first_not_of(" \t\n\r");
    rest_.remove_prefix(std::min(start, rest_.size()));
  }

  bool take(char wanted) {
    skip_spaces();
    if (rest_.empty() || rest_[0] != wanted) return false;
    rest_.remove_prefix(1);
    return true;
  }

  void expect(char wanted, const std::string& problem) {
    if (!take(wanted)) fail(problem);
  }

  // No escapes: none of NumPy's names has any.
  std::string string(const char* wanted) {
    skip_spaces();
    const char quote = rest_.empty() ? '\0' : rest_[0];
    if (quote != '\'' && quote != '"') fail(fmt::format("{} is no string", wanted));
    const std::size_t end = rest_.find(quote, 1);
    if (end == std::string_view::npos) fail(fmt::format("{} has no end", wanted));
    std::string text(rest_.substr(1, end - 1));
    rest_.remove_prefix(end + 1);
    return text;
  }

  std::string dtype() {
    skip_spaces();
    if (!rest_.empty() && rest_[0] == '[') {
      throw FileError(what_ +
                      ": holds records of several fields, and safetensors holds plain arrays: save "
                      "each field by itself");
    }
    return string("descr");
  }

  bool boolean() {
    skip_spaces();
    for (const bool value : {false, true}) {
      const std::string_view text = value ? "True" : "False";
      if (rest_.substr(0, text.size()) != text) continue;
      rest_.remove_prefix(text.size());
      return value;
    }
    fail("fortran_order is neither True nor False");
  }

  std::vector<std::int64_t> shape() {
    std::vector<std::int64_t> lengths;
    expect('(', "shape is no tuple");
    while (!take(')')) {
      lengths.push_back(length());
      if (lengths.size() > kMaxRank) fail("shape has more than 64 dimensions");
      if (take(',')) continue;
      if (lengths.size() == 1) fail("shape is no tuple, since it has no comma");
      expect(')', "shape has no end");
      break;
    }
    return lengths;
  }

  std::int64_t length() {
    constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();
    skip_spaces();
    std::int64_t value = 0;
    std::size_t digits = 0;
    for (; digits < rest_.size() && rest_[digits] >= '0' && rest_[digits] <= '9'; ++digits) {
      const int digit = rest_[digits] - '0';
      if (value > (kMax - digit) / 10) fail("a length in shape is more than 2^63 - 1");
      value = value * 10 + digit;
    }
    if (digits == 0) fail("shape holds something else than whole numbers from 0");
    rest_.remove_prefix(digits);
    if (!rest_.empty() && rest_[0] == 'L') rest_.remove_prefix(1);  // Python 2 wrote 3L
    return value;
  }

  std::string_view rest_;
  const std::string& what_;
};

[[noreturn]] void throw_cut_short(const std::string& what, std::uint64_t size) {
  throw FileError(
      fmt::format("{}: ends within its header, after {}: it was cut short; write it again", what,
                  byte_count(size)));
}

void read_all(const Read& read, void* buffer, std::size_t size, const std::string& what) {
  const std::size_t got = read(buffer, size);
  if (got < size) throw_cut_short(what, got);
}

// Length of the dict; moves `start` to where it begins.
std::uint64_t read_length(const Read& read, std::uint64_t size, std::uint64_t& start,
                          const std::string& what) {
  unsigned char first[kFirstPart + 2] = {};
  const std::size_t got = read(first, kFirstPart);
  if (std::memcmp(first, kMagic.data(), std::min(got, kMagic.size())) != 0 || got == 0) {
    throw FileError(what +
                    ": is no .npy array, since it does not begin with \\x93NUMPY: write it "
                    "with numpy.save");
  }
  if (got < kFirstPart) throw_cut_short(what, got);
  const int version = first[6];
  if (version < 1 || version > 3 || first[7] != 0) {
    throw FileError(fmt::format(
        "{}: is of version {}.{} of the .npy format, known are 1.0, 2.0 and 3.0: write it again "
        "with numpy.save",
        what, version, first[7]));
  }
  if (version > 1) read_all(read, first + kFirstPart, 2, what);
  start = version > 1 ? kFirstPart + 2 : kFirstPart;
  std::uint64_t length = first[8] + 256u * first[9];
  if (version > 1) length += (first[10] + 256ull * first[11]) << 16;
  if (length > kMaxHeader) {
    throw FileError(fmt::format(
        "{}: its header would be {} bytes long, at most {} are read: it is damaged; write it again "
        "with numpy.save",
        what, length, kMaxHeader));
  }
  if (length > size - std::min(start, size)) throw_cut_short(what, size);
  return length;
}

std::string type_text(Dtype dtype, const std::vector<std::int64_t>& shape) {
  return fmt::format("{} of shape [{}]", name(dtype), fmt::join(shape, ", "));
}

// NumPy's tuple: (), (3,), (2, 3).
std::string tuple(const std::vector<std::int64_t>& shape) {
  return fmt::format("({}{})", fmt::join(shape, ", "), shape.size() == 1 ? "," : "");
}

}  // namespace

std::string header(Dtype dtype, const std::vector<std::int64_t>& shape, const std::string& what) {
  const auto* described = std::find_if(std::begin(kDescriptions), std::end(kDescriptions),
                                       [dtype](const auto& row) { return row.first == dtype; });
  if (described == std::end(kDescriptions)) {
    throw FileError(fmt::format(
        "{}: is {}, which NumPy has no type for: convert it with --dtype f32", what, name(dtype)));
  }
  if (shape.size() > kMaxRank) {
    throw FileError(fmt::format("{}: has {} dimensions, NumPy takes {}: reshape it", what,
                                shape.size(), kMaxRank));
  }
  if (std::any_of(shape.begin(), shape.end(), [](auto length) { return length < 0; }) ||
      safetensors::size_of(dtype, shape).problem != safetensors::SizeProblem::kNone) {
    throw FileError(
        fmt::format("{}: {} has no size that 64-bit numbers can count: give the shape "
                    "of its data",
                    what, type_text(dtype, shape)));
  }
  std::string dict = fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': {}, }}",
                                 described->second, tuple(shape));
  // With 64 lengths it is still short enough for version 1, whose length has two bytes.
  const std::uint64_t without = kFirstPart + dict.size() + 1;
  dict += std::string((kAlignment - without % kAlignment) % kAlignment, ' ') + "\n";
  std::string bytes(kMagic);
  bytes += {'\1', '\0', static_cast<char>(dict.size() % 256), static_cast<char>(dict.size() / 256)};
  return bytes + dict;
}

Header read_header(const Read& read, std::uint64_t size, const std::string& what) {
  Header header;
  const std::uint64_t length = read_length(read, size, header.data_start, what);
  std::string text(length, '\0');
  read_all(read, text.data(), text.size(), what);
  header.data_start += length;
  Fields fields = Dict(text, what).parse();
  const std::optional<Dtype> dtype = dtype_described(fields.dtype);
  if (!dtype) throw FileError(fmt::format("{}: {}", what, problem_of_dtype(fields.dtype)));
  header.dtype = *dtype;
  header.shape = std::move(fields.shape);
  header.fortran_order = fields.fortran_order;
  const safetensors::TensorSize data = safetensors::size_of(header.dtype, header.shape);
  if (data.problem == safetensors::SizeProblem::kOverflow) {
    throw FileError(fmt::format(
        "{}: {} has more bits than 64-bit numbers can count: it is damaged; write it again", what,
        type_text(header.dtype, header.shape)));
  }
  header.bytes = data.bytes;
  const std::uint64_t behind = size - header.data_start;
  if (data.bytes != behind) {
    throw FileError(fmt::format("{}: {} takes {}, but {} follow{} its header: {}; write it again",
                                what, type_text(header.dtype, header.shape), byte_count(data.bytes),
                                behind, behind == 1 ? "s" : "",
                                behind < data.bytes ? "it was cut short" : "it is damaged"));
  }
  return header;
}

}  // namespace npy
}  // namespace anycapture
