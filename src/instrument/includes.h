// SPDX-License-Identifier: MIT
// Where the headers of a source are, as its compiler would find them.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "instrument/syntax.h"

namespace anycapture {
namespace instrument {

/// Folders of `-iquote` and `-I`; system headers are not looked into.
struct IncludeFolders {
  std::vector<std::filesystem::path> quote;
  std::vector<std::filesystem::path> all;
};

struct Include {
  std::size_t start, end;       ///< of `"x.h"` in the source, with its quotes
  std::filesystem::path found;  ///< empty: a system header, or not there
  bool beside = false;          ///< found in the folder of the file that includes it
};

struct ParsedFile {
  Tree tree;
  std::vector<Include> includes;
  bool has_computed_include = false;  ///< `#include NAME`: where it leads is not known
};

/// Parses each file once.
class Files {
 public:
  explicit Files(IncludeFolders folders) : folders_(std::move(folders)) {}

  /// Throws `FileError`.
  const ParsedFile& parse(const std::filesystem::path& path);
  /// The headers that a file includes, and those that they do; each once, itself not.
  std::vector<std::filesystem::path> headers_of(const std::filesystem::path& path);

 private:
  Include find(const Node& path, const std::filesystem::path& folder) const;

  IncludeFolders folders_;
  std::unordered_map<std::string, std::unique_ptr<ParsedFile>> files_;
};

/// Throws `FileError`.
std::string read_source(const std::filesystem::path& path);

}  // namespace instrument
}  // namespace anycapture
