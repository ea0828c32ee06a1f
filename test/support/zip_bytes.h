// SPDX-License-Identifier: MIT
// zip files as bytes, sound and broken.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace anycapture {
namespace npz {

/// What the headers of a member say; all but the name is as it should be unless it is given.
struct ZipEntry {
  std::string name;
  std::string data;
  unsigned flags = 0;
  unsigned method = 0;
  std::optional<std::uint32_t> bytes = std::nullopt;
  std::optional<std::uint32_t> packed = std::nullopt;
  std::optional<std::uint32_t> checksum = std::nullopt;
};

inline std::uint32_t checksum_of(const std::string& data) {
  std::uint32_t sum = ~0u;
  for (const char byte : data) {
    sum ^= static_cast<unsigned char>(byte);
    for (int i = 0; i < 8; ++i) sum = (sum >> 1) ^ (sum % 2 == 1 ? 0xEDB88320u : 0u);
  }
  return ~sum;
}

inline std::string number(std::uint64_t value, int bytes) {
  std::string text;
  for (int i = 0; i < bytes; ++i, value /= 256) text += static_cast<char>(value % 256);
  return text;
}

// What a member's header and the list of members have in common.
inline std::string fields_of(const ZipEntry& entry) {
  const auto size = static_cast<std::uint32_t>(entry.data.size());
  return number(20, 2) + number(entry.flags, 2) + number(entry.method, 2) + number(0, 2) +
         number(0x21, 2) + number(entry.checksum.value_or(checksum_of(entry.data)), 4) +
         number(entry.packed.value_or(size), 4) + number(entry.bytes.value_or(size), 4) +
         number(entry.name.size(), 2) + number(0, 2);
}

inline std::string zip_of(const std::vector<ZipEntry>& entries) {
  std::string members, list;
  for (const ZipEntry& entry : entries) {
    list += "PK\1\2" + number(20, 2) + fields_of(entry) + number(0, 10) +
            number(members.size(), 4) + entry.name;
    members += "PK\3\4" + fields_of(entry) + entry.name + entry.data;
  }
  return members + list + "PK\5\6" + number(0, 4) + number(entries.size(), 2) +
         number(entries.size(), 2) + number(list.size(), 4) + number(members.size(), 4) +
         number(0, 2);
}

}  // namespace npz
}  // namespace anycapture
