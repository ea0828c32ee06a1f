// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

namespace support {

/// Records of a CSV text, as RFC 4180 has them. Throws std::runtime_error where it breaks that.
inline std::vector<std::vector<std::string>> csv_records(const std::string& text) {
  std::vector<std::vector<std::string>> records;
  std::size_t i = 0;
  const auto at = [&] { return i < text.size() ? text[i] : throw std::runtime_error("no end"); };
  const auto field = [&] {
    std::string value;
    if (at() != '"') {
      for (; at() != ',' && at() != '\n'; ++i) value += at();
      if (value.find('"') != std::string::npos) throw std::runtime_error("a quote in " + value);
      return value;
    }
    for (++i;; ++i) {
      if (at() == '"') {
        ++i;
        if (at() != '"') return value;
      }
      value += at();
    }
  };
  while (i < text.size()) {
    records.emplace_back(1, field());
    while (at() == ',') {
      ++i;
      records.back().push_back(field());
    }
    if (at() != '\n') throw std::runtime_error("text behind a quoted field");
    ++i;
  }
  return records;
}

/// Records by the names in the first line. Throws where one has not as many fields.
inline std::vector<std::map<std::string, std::string>> csv_rows(const std::string& text) {
  const auto records = csv_records(text);
  std::vector<std::map<std::string, std::string>> rows;
  for (std::size_t r = 1; r < records.size(); ++r) {
    if (records[r].size() != records[0].size()) throw std::runtime_error("fields are missing");
    rows.emplace_back();
    for (std::size_t c = 0; c < records[r].size(); ++c) rows.back()[records[0][c]] = records[r][c];
  }
  return rows;
}

}  // namespace support
