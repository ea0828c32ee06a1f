// SPDX-License-Identifier: MIT
// Runs a program as a shell does, and gives what it said.
#pragma once

#include <sys/wait.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "support/temp_dir.h"

namespace support {

struct Said {
  int status = -1;  ///< exit status; -1 if a signal ended it
  std::string out;
  std::string err;
};

inline std::string quoted(const std::string& text) {
  std::string result = "'";
  for (char c : text) result += c == '\'' ? "'\\''" : std::string(1, c);
  return result + "'";
}

/// `redirect` may replace where stdout goes: `>/dev/full`.
inline Said run_program(const std::string& program, const std::vector<std::string>& arguments,
                        const std::string& redirect = "") {
  const TempDir folder;
  std::string command = quoted(program);
  for (const std::string& argument : arguments) command += " " + quoted(argument);
  command += " >" + folder.file("out") + " 2>" + folder.file("err") + " " + redirect;
  const int status = std::system(command.c_str());
  const auto contents = [&](const char* name) {
    std::ifstream file(folder.file(name), std::ios::binary);
    return std::string{std::istreambuf_iterator<char>(file), {}};
  };
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, contents("out"), contents("err")};
}

}  // namespace support
