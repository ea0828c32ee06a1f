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
  /// One cell per column. One of more than 200 characters keeps its two ends.
  void add(std::vector<std::string> row);
  /// The titles, then the rows, two spaces between columns. A column in which no row has text is
  /// left out; without titles, that line is too. No column is wider than 100: a cell that is moves
  /// its own line's rest to the right.
  std::string text() const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace cli
}  // namespace anycapture
