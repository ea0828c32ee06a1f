// SPDX-License-Identifier: MIT
#include <anycapture/error.h>
#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "cli/command.h"

namespace anycapture {
namespace cli {

void write_out(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0) {
    return;
  }
  throw FileError(
      fmt::format("standard output cannot be written: {}; free some space, or write "
                  "elsewhere",
                  std::strerror(errno)));
}

}  // namespace cli
}  // namespace anycapture
