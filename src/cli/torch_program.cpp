// SPDX-License-Identifier: MIT
#include "cli/torch_program.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "cli/command.h"

namespace anycapture {
namespace cli {
namespace {

namespace fs = std::filesystem;

// Where this program is, whatever it was called by.
fs::path own_folder() {
  std::error_code ignored;
  return fs::read_symlink("/proc/self/exe", ignored).parent_path();
}

}  // namespace

int become_torch_program(const std::vector<std::string>& arguments) {
  const std::string path = (own_folder() / kTorchProgram).string();
  std::vector<char*> words{const_cast<char*>(path.c_str())};
  for (const std::string& argument : arguments)
    words.push_back(const_cast<char*>(argument.c_str()));
  words.push_back(nullptr);
  ::execv(path.c_str(), words.data());
  fmt::print(stderr,
             "anycapture: {} needs LibTorch, and {} cannot be started: {}; build and install "
             "anycapture with LibTorch (-DANYCAPTURE_WITH_TORCH=ON)\n",
             arguments.empty() ? "this" : arguments[0], path, std::strerror(errno));
  return kModel;
}

}  // namespace cli
}  // namespace anycapture
