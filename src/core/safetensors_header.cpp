// SPDX-License-Identifier: MIT
#include "core/safetensors_header.h"

#include <anycapture/error.h>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <limits>
#include <set>
#include <tuple>

#include "core/json_problem.h"
#include "core/utf8.h"

namespace anycapture {
namespace safetensors {
namespace {

constexpr std::string_view kDamaged =
    "the file is damaged, or no safetensors file: write it again or fetch it again";

const char* is_or_are(std::string_view field) {
  return field == "data_offsets" ? "are" : "is";
}

// Takes the header event by event: no tree is built, so neither depth nor length can exhaust the
// stack, and a key that comes twice is seen.
class HeaderEvents final : public nlohmann::json_sax<nlohmann::json> {
 public:
  Header header;
  std::string problem;  // of the first event that does not fit

  bool null() override {
    if (at_ == At::kHeader && key_ == "__metadata__") return true;
    return scalar("null");
  }
  bool boolean(bool value) override { return scalar(value ? "true" : "false"); }
  bool number_integer(number_integer_t value) override { return scalar(fmt::format("{}", value)); }
  bool number_float(number_float_t, const string_t& text) override { return scalar(text); }
  bool binary(binary_t&) override { return scalar("binary data"); }

  bool number_unsigned(number_unsigned_t value) override {
    if (at_ == At::kShape) {
      if (value > std::numeric_limits<std::int64_t>::max()) {
        return fail(fmt::format("the length {} in its shape is more than 2^63 - 1", value));
      }
      header.tensors.back().shape.push_back(static_cast<std::int64_t>(value));
      return true;
    }
    if (at_ != At::kOffsets) return scalar(fmt::format("{}", value));
    offsets_.push_back(value);
    return offsets_.size() <= 2 || fail("its data_offsets have more than 2 entries, must be 2");
  }

  bool string(string_t& value) override {
    if (at_ == At::kMetadata) {
      if (header.metadata.emplace(key_, std::move(value)).second) return true;
      return fail(fmt::format("the metadata entry {} is there twice", printable(key_)));
    }
    if (at_ != At::kTensor || key_ != "dtype") return scalar(printable(value));
    const std::optional<Dtype> dtype = dtype_named(value);
    if (!dtype) return fail(fmt::format("the dtype {} is none of the format's", printable(value)));
    header.tensors.back().dtype = *dtype;
    return true;
  }

  bool start_object(std::size_t) override {
    if (skipped_ > 0 || is_unknown()) return skip();
    if (at_ == At::kStart) {
      at_ = At::kHeader;
    } else if (at_ == At::kHeader && key_ == "__metadata__") {
      if (metadata_seen_) return fail("\"__metadata__\" is there twice");
      metadata_seen_ = true;
      at_ = At::kMetadata;
    } else if (at_ == At::kHeader) {
      header.tensors.emplace_back();
      header.tensors.back().key = key_;
      fields_.clear();
      offsets_.clear();
      at_ = At::kTensor;
    } else {
      return scalar("an object");
    }
    return true;
  }

  bool key(string_t& text) override {
    if (skipped_ > 0) return true;
    key_ = std::move(text);
    if (at_ != At::kTensor) return true;
    if (fields_.insert(key_).second) return true;
    return fail(fmt::format("its field {} is there twice", printable(key_)));
  }

  bool end_object() override {
    if (skipped_ > 0) return --skipped_, true;
    if (at_ == At::kTensor && !end_tensor()) return false;
    at_ = At::kHeader;
    return true;
  }

  bool start_array(std::size_t) override {
    if (skipped_ > 0 || is_unknown()) return skip();
    if (at_ == At::kTensor && key_ == "shape") {
      at_ = At::kShape;
    } else if (at_ == At::kTensor && key_ == "data_offsets") {
      at_ = At::kOffsets;
    } else {
      return scalar("an array");
    }
    return true;
  }

  bool end_array() override {
    if (skipped_ > 0) return --skipped_, true;
    at_ = At::kTensor;
    return true;
  }

  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::json::exception& error) override {
    problem = fmt::format("the header is no JSON, at its byte {}: {}", position,
                          json_problem(error.what()));
    return false;
  }

 private:
  enum class At { kStart, kHeader, kMetadata, kTensor, kShape, kOffsets };

  bool is_unknown() const {
    return at_ == At::kTensor && key_ != "dtype" && key_ != "shape" && key_ != "data_offsets";
  }

  // A field that the format does not know is passed over, as the reference implementation does.
  bool skip() {
    constexpr int kDeepest = 16;
    return ++skipped_ <= kDeepest || fail("the header is nested too deep");
  }

  // A value that stands where the format has something else.
  bool scalar(const std::string& value) {
    if (skipped_ > 0 || is_unknown()) return true;
    switch (at_) {
      case At::kStart:
        return fail(fmt::format("the header is {}, must be a JSON object", value));
      case At::kHeader:
        problem =
            fmt::format("the header's entry {} is {}, must be an object", printable(key_), value);
        return false;
      case At::kMetadata:
        problem = fmt::format(
            "the metadata entry {} is {}, must be a string: write numbers and lists "
            "as JSON inside a string",
            printable(key_), value);
        return false;
      case At::kTensor:
        return fail(fmt::format("its {} {} {}, must be {}", key_, is_or_are(key_), value,
                                key_ == "dtype"   ? "a string such as \"F32\""
                                : key_ == "shape" ? "an array of whole numbers"
                                                  : "an array of two whole numbers"));
      case At::kShape:
        return fail(
            fmt::format("its shape holds {}, must be whole numbers from 0 to 2^63 - 1", value));
      case At::kOffsets:
        return fail(fmt::format(
            "its data_offsets hold {}, must be whole numbers from 0 to 2^64 - 1", value));
    }
    return false;
  }

  bool end_tensor() {
    for (const char* field : {"dtype", "shape", "data_offsets"}) {
      if (fields_.count(field) == 0) {
        return fail(fmt::format("its {} {} missing", field, is_or_are(field)));
      }
    }
    TensorInfo& tensor = header.tensors.back();
    if (offsets_.size() != 2) {
      return fail(fmt::format("its data_offsets have {}, must be 2",
                              offsets_.empty() ? "no entries" : "1 entry"));
    }
    if (offsets_[1] < offsets_[0]) {
      return fail(fmt::format("its data_offsets {} and {} are the wrong way round", offsets_[0],
                              offsets_[1]));
    }
    tensor.offset = offsets_[0];
    tensor.bytes = offsets_[1] - offsets_[0];
    return size_fits(tensor);
  }

  bool size_fits(const TensorInfo& tensor) {
    const TensorSize size = size_of(tensor.dtype, tensor.shape);
    const std::string what =
        fmt::format("{} of shape [{}]", name(tensor.dtype), fmt::join(tensor.shape, ", "));
    if (size.problem == SizeProblem::kOverflow) {
      return fail(what + " has more bits than 64-bit numbers can count");
    }
    if (size.problem == SizeProblem::kPartOfByte) return fail(what + " does not fill whole bytes");
    if (size.bytes == tensor.bytes) return true;
    return fail(fmt::format("{} takes {}, but its data_offsets span {}", what,
                            byte_count(size.bytes), tensor.bytes));
  }

  bool fail(const std::string& text) {
    const bool in_tensor = at_ == At::kTensor || at_ == At::kShape || at_ == At::kOffsets;
    problem =
        in_tensor ? fmt::format("tensor {}: {}", printable(header.tensors.back().key), text) : text;
    return false;
  }

  At at_ = At::kStart;
  std::string key_;
  bool metadata_seen_ = false;
  std::set<std::string> fields_;  // a hostile file has many
  std::vector<std::uint64_t> offsets_;
  int skipped_ = 0;  // depth inside a field that is passed over
};

void check_keys(const std::vector<TensorInfo>& tensors, const std::string& path) {
  std::vector<std::string_view> keys;
  keys.reserve(tensors.size());
  for (const TensorInfo& tensor : tensors) keys.push_back(tensor.key);
  std::sort(keys.begin(), keys.end());
  const auto twice = std::adjacent_find(keys.begin(), keys.end());
  if (twice == keys.end()) return;
  throw FileError(
      fmt::format("{}: tensor {} is there twice; {}", path, printable(*twice), kDamaged));
}

}  // namespace

std::string byte_count(std::uint64_t bytes) {
  return fmt::format("{} byte{}", bytes, bytes == 1 ? "" : "s");
}

Header parse_header(std::string_view json, const std::string& path) {
  const std::size_t invalid = find_invalid_utf8(json);
  if (invalid != std::string_view::npos) {
    throw FileError(fmt::format("{}: the header's byte {} is 0x{:02x}, which is no UTF-8; {}", path,
                                invalid, static_cast<unsigned char>(json[invalid]), kDamaged));
  }
  // The parser takes a NUL for the end, and would not see what is hidden behind it.
  const std::size_t nul = json.find('\0');
  if (nul != std::string_view::npos) {
    throw FileError(
        fmt::format("{}: the header's byte {} is 0x00, which is no JSON; {}", path, nul, kDamaged));
  }
  // The parser would pass over it.
  if (json.substr(0, 3) == "\xEF\xBB\xBF") {
    throw FileError(fmt::format(
        "{}: the header begins with a byte order mark, which is no JSON; {}", path, kDamaged));
  }
  HeaderEvents events;
  if (!nlohmann::json::sax_parse(json.begin(), json.end(), &events)) {
    throw FileError(fmt::format("{}: {}; {}", path, events.problem, kDamaged));
  }
  std::vector<TensorInfo>& tensors = events.header.tensors;
  check_keys(tensors, path);
  std::sort(tensors.begin(), tensors.end(), [](const TensorInfo& a, const TensorInfo& b) {
    return std::tie(a.offset, a.bytes, a.key) < std::tie(b.offset, b.bytes, b.key);
  });
  return std::move(events.header);
}

void check_layout(const std::vector<TensorInfo>& tensors, std::uint64_t data_bytes,
                  const std::string& path) {
  std::uint64_t end = 0;
  for (const TensorInfo& tensor : tensors) {
    if (tensor.offset != end) {
      const bool hole = tensor.offset > end;
      throw FileError(fmt::format(
          "{}: tensor {}: its data begins at {}, but the data before it ends at {}: {}; {}", path,
          printable(tensor.key), tensor.offset, end,
          hole ? "the format allows no holes" : "they overlap", kDamaged));
    }
    end += tensor.bytes;  // the offsets are 64-bit numbers, so this cannot overflow
    if (end <= data_bytes) continue;
    throw FileError(
        fmt::format("{}: tensor {}: its data ends at {}, but the file holds {} of data: it was cut "
                    "short; copy or download it again",
                    path, printable(tensor.key), end, byte_count(data_bytes)));
  }
  if (end == data_bytes) return;
  throw FileError(fmt::format(
      "{}: {} {} the last tensor, whose data ends at {}: the format allows none; {}", path,
      byte_count(data_bytes - end), data_bytes - end == 1 ? "follows" : "follow", end, kDamaged));
}

}  // namespace safetensors
}  // namespace anycapture
