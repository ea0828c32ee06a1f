// SPDX-License-Identifier: MIT
// What a compiler is told on its command line.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "instrument/includes.h"

namespace anycapture {
namespace instrument {

/// Whether a file is a C++ source and no header, by its ending.
bool is_source(const std::filesystem::path& path);

/// A command that compiles one C++ source into an object.
struct CompileCommand {
  std::size_t source;  ///< place of the source among the arguments
  std::filesystem::path object;
  std::filesystem::path depfile;  ///< of `-MF`; empty if there is none
  IncludeFolders folders;
};

/// As GCC and Clang read it; empty for any other command: another language, a precompiled header,
/// several sources, no `-c`.
std::optional<CompileCommand> read_compile_command(const std::vector<std::string>& arguments);

}  // namespace instrument
}  // namespace anycapture
