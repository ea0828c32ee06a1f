// SPDX-License-Identifier: MIT
#include "instrument/includes.h"

#include <anycapture/error.h>

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <utility>

namespace anycapture {
namespace instrument {
namespace {

namespace fs = std::filesystem;

// Found by -I in older builds; nothing in them says what a model's own functions do.
bool is_torchs(std::string_view name) {
  constexpr std::string_view kFolders[] = {"torch/", "ATen/", "c10/", "caffe2/", "anycapture/"};
  return std::any_of(std::begin(kFolders), std::end(kFolders), [&](std::string_view folder) {
    return name.substr(0, folder.size()) == folder;
  });
}

void collect_includes(const Node& node, std::vector<Node>& includes) {
  if (node.is("preproc_include")) {
    includes.push_back(node);
  } else if (node.is("translation_unit") || node.kind().substr(0, 8) == "preproc_" ||
             node.is("linkage_specification") || node.is("declaration_list") ||
             node.is("namespace_definition") || node.is("ERROR")) {
    for (const Node& child : node.children()) collect_includes(child, includes);
  }
}

}  // namespace

std::string read_source(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::string text(std::istreambuf_iterator<char>(in), {});
  if (!in || fs::is_directory(path)) {
    throw FileError(fmt::format("{} cannot be read: {}", path.string(),
                                fs::exists(path) ? "it is no file" : std::strerror(ENOENT)));
  }
  return text;
}

const ParsedFile& Files::parse(const fs::path& path) {
  std::unique_ptr<ParsedFile>& file = files_[path.string()];
  if (file != nullptr) return *file;
  file = std::make_unique<ParsedFile>(ParsedFile{Tree(read_source(path)), {}});
  std::vector<Node> includes;
  collect_includes(file->tree.root(), includes);
  for (const Node& one : includes) {
    const Node name = one.child("path");
    if (name.is("string_literal") || name.is("system_lib_string")) {
      file->includes.push_back(find(name, path.parent_path()));
    } else {
      file->has_computed_include = true;
    }
  }
  return *file;
}

Include Files::find(const Node& path, const fs::path& folder) const {
  Include include{path.start(), path.end(), {}};
  const std::string_view name = path.text().substr(1, path.text().size() - 2);
  const bool quoted = path.is("string_literal");
  const auto is_in = [&](const fs::path& place) {
    std::error_code ignored;
    include.found = place / name;
    return fs::is_regular_file(include.found, ignored);
  };
  if (quoted && is_in(folder)) {
    include.beside = true;
    return include;
  }
  if (!is_torchs(name)) {
    if (quoted && std::any_of(folders_.quote.begin(), folders_.quote.end(), is_in)) return include;
    if (std::any_of(folders_.all.begin(), folders_.all.end(), is_in)) return include;
  }
  include.found.clear();
  return include;
}

std::vector<fs::path> Files::headers_of(const fs::path& path) {
  std::vector<fs::path> found{path};
  for (std::size_t i = 0; i < found.size(); ++i) {
    for (const Include& one : parse(found[i]).includes) {
      if (one.found.empty()) continue;
      const bool known = std::any_of(found.begin(), found.end(), [&](const fs::path& other) {
        std::error_code ignored;
        return fs::equivalent(other, one.found, ignored);
      });
      if (!known) found.push_back(one.found);
    }
  }
  found.erase(found.begin());
  return found;
}

}  // namespace instrument
}  // namespace anycapture
