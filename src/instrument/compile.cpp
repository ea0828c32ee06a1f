// SPDX-License-Identifier: MIT
#include "instrument/compile.h"

#include <anycapture/error.h>

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <optional>
#include <utility>

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "instrument/command_line.h"
#include "instrument/copies.h"
#include "instrument/includes.h"

extern char** environ;

namespace anycapture {
namespace instrument {
namespace {

namespace fs = std::filesystem;

int run(const std::vector<std::string>& arguments) {
  std::vector<char*> pointers;
  for (const std::string& one : arguments) pointers.push_back(const_cast<char*>(one.c_str()));
  pointers.push_back(nullptr);
  pid_t child = 0;
  const int problem = posix_spawnp(&child, pointers[0], nullptr, nullptr, pointers.data(), environ);
  if (problem != 0)
    throw Error(fmt::format("{} cannot be started: {}", arguments[0], std::strerror(problem)));
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

// As a depfile writes it.
std::string escaped(const fs::path& path) {
  std::string text;
  for (const char c : path.string()) {
    if (c == ' ' || c == '#') text += '\\';
    if (c == '$') text += '$';
    text += c;
  }
  return text;
}

// What was compiled depends on the originals, of which the build tool knows.
void name_originals(const fs::path& depfile, const Copies& copies) {
  std::string text = read_source(depfile);
  for (const auto& [copy, original] : copies.of) {
    const std::string from = escaped(copy), to = escaped(original);
    for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at)) {
      text.replace(at, from.size(), to);
      at += to.size();
    }
  }
  std::ofstream(depfile, std::ios::binary) << text;
}

void say_what_is_left_alone(const Copies& copies) {
  for (const FileRewriting& file : copies.rewritten) {
    for (const LeftAlone& one : file.rewriting.left_alone) {
      if (one.expected) continue;
      fmt::print(stderr, "{}:{}: note: anycapture: {}: left alone: {}{}{}\n", file.path.string(),
                 one.line, one.function, one.text, one.text.empty() ? "" : ": ", one.why);
    }
  }
}

}  // namespace

int compile(std::vector<std::string> arguments, const std::vector<fs::path>& headers) {
  const std::optional<CompileCommand> command = read_compile_command(arguments);
  Copies copies;
  if (command) {
    try {
      Files files(command->folders);
      const fs::path source = arguments[command->source];
      copies = write_copies(files, source, headers, command->object.string() + ".anycapture");
      if (!copies.source.empty()) {
        arguments[command->source] = copies.source.string();
        // Where such an #include leads is not known: it may be beside the original.
        if (copies.has_computed_include) {
          arguments.insert(arguments.begin() + 1,
                           {"-iquote", (source.parent_path() / ".").string()});
        }
      }
    } catch (const std::exception& error) {
      fmt::print(stderr, "anycapture: warning: {} is compiled as it is: {}\n",
                 arguments[command->source], error.what());
      copies = {};
    }
  }
  const int status = run(arguments);
  if (status != 0 || copies.source.empty()) return status;
  say_what_is_left_alone(copies);
  if (!command->depfile.empty()) name_originals(command->depfile, copies);
  return 0;
}

}  // namespace instrument
}  // namespace anycapture
