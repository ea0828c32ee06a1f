// SPDX-License-Identifier: MIT
// safetensors files as bytes, sound and broken.
#pragma once

#include <anycapture/safetensors.h>

#include <cstdint>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

namespace anycapture {
namespace safetensors {

inline std::string length_of(std::uint64_t length) {
  std::string bytes(sizeof length, '\0');
  std::memcpy(bytes.data(), &length, sizeof length);
  return bytes;
}

inline std::string file_of(const std::string& header, const std::string& data) {
  return length_of(header.size()) + header + data;
}

inline void put(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

inline std::string contents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline Source source(std::string key, Dtype dtype, std::vector<std::int64_t> shape,
                     std::string bytes) {
  return {std::move(key), dtype, std::move(shape), [bytes] {
            auto owner = std::make_shared<std::string>(bytes);
            return Bytes{owner->data(), owner->size(), owner};
          }};
}

inline std::string bytes_of(const Reader& reader, const std::string& key) {
  const TensorInfo* tensor = reader.find(key);
  if (tensor == nullptr) return "no tensor " + key;
  return {reinterpret_cast<const char*>(reader.data(*tensor)), tensor->bytes};
}

}  // namespace safetensors
}  // namespace anycapture
