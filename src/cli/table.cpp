// SPDX-License-Identifier: MIT
#include "cli/table.h"

#include <algorithm>

#include "core/utf8.h"

namespace anycapture {
namespace cli {
namespace {

void append_cell(std::string& line, const std::string& cell, std::size_t width,
                 Table::Align align) {
  const std::string space(width - count_characters(cell), ' ');
  if (!line.empty()) line += "  ";
  line += align == Table::Align::kLeft ? cell + space : space + cell;
}

}  // namespace

std::string Table::text() const {
  std::vector<std::size_t> widths(columns_.size(), 0);
  for (const auto& row : rows_) {
    for (std::size_t c = 0; c < row.size(); ++c) {
      widths[c] = std::max(widths[c], count_characters(row[c]));
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
