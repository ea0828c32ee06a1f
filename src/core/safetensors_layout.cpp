// SPDX-License-Identifier: MIT
#include "core/safetensors_layout.h"

#include <anycapture/error.h>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstring>
#include <limits>
#include <numeric>

#include "core/safetensors_header.h"
#include "core/utf8.h"

namespace anycapture {
namespace safetensors {
namespace {

constexpr std::uint64_t kAlignment = 64;

std::string quoted(const std::string& text) {
  return nlohmann::json(text).dump();
}

void check_text(const std::string& text, const char* what, const std::string& path) {
  if (find_invalid_utf8(text) == std::string_view::npos) return;
  throw FileError(fmt::format("{}: the {} {} is no UTF-8, which the format asks for: rename it",
                              path, what, printable(text)));
}

template <class Less>
std::vector<std::size_t> sorted(const std::vector<TensorInfo>& tensors, Less less) {
  std::vector<std::size_t> order(tensors.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return less(tensors[a], tensors[b]); });
  return order;
}

// The larger dtypes first: so each tensor is aligned to its own dtype, without gaps.
bool before_in_data(const TensorInfo& a, const TensorInfo& b) {
  const std::uint64_t bits_a = bits(a.dtype), bits_b = bits(b.dtype);
  return bits_a != bits_b ? bits_a > bits_b : a.key < b.key;
}

bool before_in_header(const TensorInfo& a, const TensorInfo& b) {
  return a.key < b.key;
}

std::string metadata_json(const Metadata& metadata, const std::string& path) {
  std::string json;
  for (const auto& [key, value] : metadata) {
    check_text(key, "metadata entry", path);
    check_text(value, "value of a metadata entry", path);
    json += fmt::format("{}{}:{}", json.empty() ? "" : ",", quoted(key), quoted(value));
  }
  return json;
}

std::string header_json(const std::vector<TensorInfo>& tensors,
                        const std::vector<std::uint64_t>& offsets, const Metadata& metadata,
                        const std::string& path) {
  std::string json = "{";
  if (!metadata.empty()) json += "\"__metadata__\":{" + metadata_json(metadata, path) + "}";
  const std::string* previous = nullptr;
  for (const std::size_t i : sorted(tensors, before_in_header)) {
    const TensorInfo& tensor = tensors[i];
    if (previous != nullptr && *previous == tensor.key) {
      throw FileError(fmt::format("{}: the key {} is there twice: give each tensor its own", path,
                                  printable(tensor.key)));
    }
    previous = &tensor.key;
    json += fmt::format("{}{}:{{\"dtype\":\"{}\",\"shape\":[{}],\"data_offsets\":[{},{}]}}",
                        json.size() == 1 ? "" : ",", quoted(tensor.key), name(tensor.dtype),
                        fmt::join(tensor.shape, ","), offsets[i], offsets[i] + tensor.bytes);
  }
  return json + "}";
}

// Length, JSON, and spaces up to the next boundary.
std::string header_bytes(const std::string& json, const std::string& path) {
  const std::uint64_t start = sizeof(std::uint64_t) + json.size();
  const std::uint64_t padding = (kAlignment - start % kAlignment) % kAlignment;
  const std::uint64_t length = json.size() + padding;
  if (length > kMaxHeader) {
    throw FileError(
        fmt::format("{}: the header takes {} bytes, the format allows {}: write fewer "
                    "tensors, or less metadata",
                    path, length, kMaxHeader));
  }
  std::string bytes(sizeof length, '\0');
  std::memcpy(bytes.data(), &length, sizeof length);
  return bytes + json + std::string(padding, ' ');
}

}  // namespace

TensorInfo described(const Source& source, const std::string& path) {
  check_text(source.key, "key", path);
  const std::string what =
      fmt::format("{}: tensor {}, {} of shape [{}]", path, printable(source.key),
                  name(source.dtype), fmt::join(source.shape, ", "));
  if (source.key == "__metadata__") {
    throw FileError(what + ": the format keeps this name for itself: give it another key");
  }
  if (std::any_of(source.shape.begin(), source.shape.end(),
                  [](auto length) { return length < 0; })) {
    throw FileError(what + ": a length is negative: give the shape that its data has");
  }
  const TensorSize size = size_of(source.dtype, source.shape);
  if (size.problem == SizeProblem::kOverflow) {
    throw FileError(what + ": more bits than 64-bit numbers can count: give the shape of its data");
  }
  if (size.problem == SizeProblem::kPartOfByte) {
    throw FileError(what + ": does not fill whole bytes: pad it");
  }
  return {source.key, source.dtype, source.shape, 0, size.bytes};
}

Layout lay_out(const std::vector<TensorInfo>& tensors, const Metadata& metadata,
               const std::string& path) {
  Layout layout;
  layout.order = sorted(tensors, before_in_data);
  layout.offsets.resize(tensors.size());
  for (const std::size_t i : layout.order) {
    if (tensors[i].bytes > std::numeric_limits<std::int64_t>::max() - layout.data_bytes) {
      throw FileError(path + ": the tensors together are larger than a file can be: write fewer");
    }
    layout.offsets[i] = layout.data_bytes;
    layout.data_bytes += tensors[i].bytes;
  }
  layout.header = header_bytes(header_json(tensors, layout.offsets, metadata, path), path);
  return layout;
}

Bytes checked_bytes(const Source& source, std::uint64_t bytes, const std::string& path) {
  Bytes given = source.bytes();
  if (given.size == bytes) return given;
  throw FileError(fmt::format(
      "{}: tensor {} of shape [{}] takes {} as {}, but {} {} given: give contiguous data of that "
      "shape and dtype",
      path, printable(source.key), fmt::join(source.shape, ", "), byte_count(bytes),
      name(source.dtype), given.size, given.size == 1 ? "was" : "were"));
}

}  // namespace safetensors
}  // namespace anycapture
