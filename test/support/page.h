// SPDX-License-Identifier: MIT
// What an HTML page of `anycapture view` holds.
#pragma once

#include <zlib.h>

#include <cstdint>
#include <cstring>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace support {

inline std::string text_of_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// The text of the script element with this id; empty if there is none.
inline std::string element_of(const std::string& page, const std::string& id) {
  const std::size_t name = page.find("id=\"" + id + "\">");
  if (name == std::string::npos) return "";
  const std::size_t from = page.find('>', name) + 1;
  return page.substr(from, page.find("</script>", from) - from);
}

inline nlohmann::json json_of_page(const std::string& page) {
  return nlohmann::json::parse(element_of(page, "page"));
}

inline std::string bytes_of_base64(const std::string& text) {
  std::string bytes;
  std::uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    const char* digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char* digit = std::strchr(digits, c);
    if (c == '=' || digit == nullptr) break;
    bits = bits << 6 | static_cast<std::uint32_t>(digit - digits);
    if (++count % 4 != 1) bytes += static_cast<char>(bits >> (6 - 2 * ((count - 1) % 4)));
  }
  return bytes;
}

inline std::string block_of(const std::string& page, int number) {
  const std::string packed = bytes_of_base64(element_of(page, "block" + std::to_string(number)));
  std::string bytes(10'000'000, '\0');
  uLongf size = bytes.size();
  if (uncompress(reinterpret_cast<Bytef*>(bytes.data()), &size,
                 reinterpret_cast<const Bytef*>(packed.data()), packed.size()) != Z_OK) {
    return "cannot be inflated";
  }
  bytes.resize(size);
  return bytes;
}

/// The values of a block of steps, as page/data.js reads them.
inline std::vector<float> values_of_steps(const std::string& block, std::size_t columns) {
  const std::size_t rows = block.size() / (columns + 8);
  std::vector<float> ends(2 * rows), values;
  std::memcpy(ends.data(), block.data(), 8 * rows);
  for (std::size_t i = 0; i < rows * columns; ++i) {
    const auto code = static_cast<std::uint8_t>(block[8 * rows + i]);
    const float high = ends[i / columns], low = ends[rows + i / columns];
    values.push_back(low + static_cast<float>(code) * (high - low) / 252);
  }
  return values;
}

}  // namespace support
