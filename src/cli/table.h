// SPDX-License-Identifier: MIT
// Text in columns.
#pragma once

#include <string>
#include <vector>

namespace anycapture {
namespace cli {

class Table {
 public:
  enum class Align : char { kLeft, kRight };
  struct Column {
    std::string title;
    Align align = Align::kLeft;
  };

  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}
  /// One cell per column.
  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  /// The titles, then the rows, two spaces between columns. A column in which no row has text is
  /// left out; without titles, that line is too.
  std::string text() const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace cli
}  // namespace anycapture
