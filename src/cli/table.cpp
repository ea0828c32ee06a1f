// SPDX-License-Identifier: MIT
#include "cli/table.h"

#include <algorithm>

#include "core/utf8.h"

namespace anycapture {
namespace cli {
namespace {

constexpr std::size_t kWidest = 100;   // characters
constexpr std::size_t kLongest = 200;  // characters

std::string shortened(const std::string& text) {
  const std::size_t count = count_characters(text);
  if (count <= kLongest) return text;
  constexpr std::size_t kEnd = (kLongest - 3) / 2;
  return text.substr(0, character_at(text, kEnd)) + "..." +
         text.substr(character_at(text, count - kEnd));
}

void append_cell(std::string& line, const std::string& cell, std::size_t width,
                 Table::Align align) {
  const std::size_t count = count_characters(cell);
  const std::string space(width - std::min(width, count), ' ');
  if (!line.empty()) line += "  ";
  line += align == Table::Align::kLeft ? cell + space : space + cell;
}

}  // namespace

void Table::add(std::vector<std::string> row) {
  for (std::string& cell : row) cell = shortened(cell);
  rows_.push_back(std::move(row));
}

std::string Table::text() const {
  std::vector<std::size_t> widths(columns_.size(), 0);
  for (const auto& row : rows_) {
    for (std::size_t c = 0; c < row.size(); ++c) {
      widths[c] = std::max(widths[c], std::min(count_characters(row[c]), kWidest));
    }
  }
  std::vector<std::string> titles;
  for (std::size_t c = 0; c < columns_.size(); ++c) {
    titles.push_back(columns_[c].title);
    if (widths[c] > 0) widths[c] = std::max(widths[c], count_characters(titles[c]));
  }
  std::string result;
  const auto append_line = [&](const std::vector<std::string>& row) {
    std::string line;
    for (std::size_t c = 0; c < row.size(); ++c) {
      if (widths[c] > 0) append_cell(line, row[c], widths[c], columns_[c].align);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    result += line + "\n";
  };
  const auto has_text = [](const std::string& title) { return !title.empty(); };
  if (std::any_of(titles.begin(), titles.end(), has_text)) append_line(titles);
  for (const auto& row : rows_) append_line(row);
  return result;
}

}  // namespace cli
}  // namespace anycapture
