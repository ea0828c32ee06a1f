// SPDX-License-Identifier: MIT
#include <anycapture/error.h>
#include <anycapture/safetensors.h>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstring>
#include <limits>

#include "core/atomic_file.h"
#include "core/safetensors_header.h"
#include "core/utf8.h"

namespace anycapture {
namespace safetensors {
namespace {

constexpr std::uint64_t kAlignment = 64;

struct Planned {
  const Source* source;
  std::uint64_t offset;
  std::uint64_t bytes;
};

std::string quoted(const std::string& text) {
  return nlohmann::json(text).dump();
}

void check_text(const std::string& text, const char* what, const std::string& path) {
  if (find_invalid_utf8(text) == std::string_view::npos) return;
  throw FileError(fmt::format("{}: the {} {} is no UTF-8, which the format asks for: rename it",
                              path, what, printable(text)));
}

std::uint64_t checked_bytes(const Source& source, const std::string& path) {
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
  return size.bytes;
}

// The larger dtypes first: so each tensor is aligned to its own dtype, without gaps.
std::vector<Planned> plan(const std::vector<Source>& sources, const std::string& path) {
  std::vector<Planned> planned;
  planned.reserve(sources.size());
  for (const Source& source : sources) planned.push_back({&source, 0, checked_bytes(source, path)});
  std::sort(planned.begin(), planned.end(), [](const Planned& a, const Planned& b) {
    const std::uint64_t bits_a = bits(a.source->dtype), bits_b = bits(b.source->dtype);
    return bits_a != bits_b ? bits_a > bits_b : a.source->key < b.source->key;
  });
  std::uint64_t offset = 0;
  for (Planned& one : planned) {
    if (one.bytes > std::numeric_limits<std::int64_t>::max() - offset) {
      throw FileError(path + ": the tensors together are larger than a file can be: write fewer");
    }
    one.offset = offset;
    offset += one.bytes;
  }
  return planned;
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

std::string header_json(std::vector<Planned> planned, const Metadata& metadata,
                        const std::string& path) {
  std::sort(planned.begin(), planned.end(),
            [](const Planned& a, const Planned& b) { return a.source->key < b.source->key; });
  std::string json = "{";
  if (!metadata.empty()) json += "\"__metadata__\":{" + metadata_json(metadata, path) + "}";
  for (std::size_t i = 0; i < planned.size(); ++i) {
    const Source& source = *planned[i].source;
    if (i > 0 && planned[i - 1].source->key == source.key) {
      throw FileError(fmt::format("{}: the key {} is there twice: give each tensor its own", path,
                                  printable(source.key)));
    }
    json += fmt::format("{}{}:{{\"dtype\":\"{}\",\"shape\":[{}],\"data_offsets\":[{},{}]}}",
                        json.size() == 1 ? "" : ",", quoted(source.key), name(source.dtype),
                        fmt::join(source.shape, ","), planned[i].offset,
                        planned[i].offset + planned[i].bytes);
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

void write(const std::string& path, const std::vector<Source>& sources, const Metadata& metadata) {
  const std::vector<Planned> planned = plan(sources, path);
  const std::string header = header_bytes(header_json(planned, metadata, path), path);
  const std::uint64_t data = planned.empty() ? 0 : planned.back().offset + planned.back().bytes;
  AtomicFile file(path, header.size() + data);
  file.write(header.data(), header.size());
  for (const Planned& one : planned) {
    const Bytes bytes = one.source->bytes();
    if (bytes.size != one.bytes) {
      throw FileError(fmt::format(
          "{}: tensor {} of shape [{}] takes {} as {}, but {} {} given: give contiguous data of "
          "that shape and dtype",
          path, printable(one.source->key), fmt::join(one.source->shape, ", "),
          byte_count(one.bytes), name(one.source->dtype), bytes.size,
          bytes.size == 1 ? "was" : "were"));
    }
    file.write(bytes.data, bytes.size);
  }
  file.commit();
}

}  // namespace safetensors
}  // namespace anycapture
