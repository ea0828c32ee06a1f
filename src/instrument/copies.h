// SPDX-License-Identifier: MIT
// The copies that are compiled in place of a source and of the headers that were named.
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "instrument/body.h"
#include "instrument/includes.h"

namespace anycapture {
namespace instrument {

struct FileRewriting {
  std::filesystem::path path;
  Rewriting rewriting;
};

struct Copies {
  std::filesystem::path source;  ///< the copy of the source; empty if it can be compiled as it is
  std::vector<std::pair<std::filesystem::path, std::filesystem::path>> of;  ///< copy, original
  std::vector<FileRewriting> rewritten;
  bool has_computed_include = false;
};

/// What is done to a source, without writing anything. `headers` are instrumented too.
FileRewriting rewriting_of(Files& files, const std::filesystem::path& source,
                           const std::filesystem::path& declared_by);

/// Writes into `folder` the copies of a source and of each of `headers` that it includes, and of
/// what lies between: every way to such a header leads to its copy. Throws `FileError`.
Copies write_copies(Files& files, const std::filesystem::path& source,
                    const std::vector<std::filesystem::path>& headers,
                    const std::filesystem::path& folder);

}  // namespace instrument
}  // namespace anycapture
