// SPDX-License-Identifier: MIT
// A regular file, open to be read.
#pragma once

#include <anycapture/api.h>

#include <cstdio>
#include <memory>
#include <string>

namespace anycapture {

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using InputFile = std::unique_ptr<std::FILE, CloseFile>;

/// `wanted` is what the file should be, as in `a JPEG or PNG`. Never waits, not even for a pipe.
/// Throws FileError that starts with the path.
ANYCAPTURE_API InputFile open_input(const std::string& path, const char* wanted);

}  // namespace anycapture
