// SPDX-License-Identifier: MIT
#include "instrument/compile.h"

#include <anycapture/error.h>

#include <fmt/format.h>

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <optional>
#include <utility>

#include <fcntl.h>
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

// With `errors`, what it says on stderr goes there.
int run(const std::vector<std::string>& arguments, const fs::path& errors = {}) {
  std::vector<char*> pointers;
  for (const std::string& one : arguments) pointers.push_back(const_cast<char*>(one.c_str()));
  pointers.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  if (!errors.empty()) {
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, errors.c_str(),
                                     O_WRONLY | O_CREAT | O_TRUNC, 0666);
  }
  pid_t child = 0;
  const int problem =
      posix_spawnp(&child, pointers[0], &actions, nullptr, pointers.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
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

// The copies of a command's source; none where it has none, or they cannot be made.
Copies copies_for(const CompileCommand& command, const std::string& source,
                  const std::vector<fs::path>& headers) {
  try {
    Files files(command.folders);
    return write_copies(files, source, headers, command.object.string() + ".anycapture");
  } catch (const std::exception& error) {
    fmt::print(stderr, "anycapture: warning: {} is compiled as it is: {}\n", source, error.what());
    return {};
  }
}

std::vector<std::string> on_copy(std::vector<std::string> arguments, const CompileCommand& command,
                                 const Copies& copies) {
  const fs::path original = arguments[command.source];
  arguments[command.source] = copies.source.string();
  // Where such an #include leads is not known: it may be beside the original.
  if (copies.has_computed_include) {
    arguments.insert(arguments.begin() + static_cast<std::ptrdiff_t>(command.source),
                     {"-iquote", (original.parent_path() / ".").string()});
  }
  return arguments;
}

// Nothing is known then of what it was to compile: it may have been short of memory.
bool was_killed(int status, const std::string& errors) {
  return status >= 128 || errors.find("signal terminated program") != std::string::npos ||
         errors.find("due to signal") != std::string::npos;
}

std::string first_error(const std::string& errors) {
  const std::size_t at = errors.find("error");
  if (at == std::string::npos) return "";
  const std::size_t start = errors.rfind('\n', at) + 1;
  return errors.substr(start, errors.find('\n', at) - start);
}

}  // namespace

int compile(const std::vector<std::string>& arguments,
            const std::vector<std::filesystem::path>& headers) {
  const std::optional<CompileCommand> command = read_compile_command(arguments);
  const Copies copies =
      command ? copies_for(*command, arguments[command->source], headers) : Copies();
  if (copies.source.empty()) return run(arguments);
  const fs::path said = copies.source.parent_path() / "stderr";
  const int status = run(on_copy(arguments, *command, copies), said);
  const std::string errors = read_source(said);
  if (status == 0) {
    fmt::print(stderr, "{}", errors);
    say_what_is_left_alone(copies);
    if (!command->depfile.empty()) name_originals(command->depfile, copies);
    return 0;
  }
  if (was_killed(status, errors)) {
    fmt::print(stderr, "{}", errors);
    return status;
  }
  // An error of the user's own is said of the original. One of ours must not stop the build.
  const int plain = run(arguments);
  if (plain == 0) {
    fmt::print(stderr,
               "anycapture: warning: {}: no local of it can be captured: it was compiled as it is, "
               "since its instrumented copy {} does not compile: {}\n",
               arguments[command->source], copies.source.string(), first_error(errors));
  }
  return plain;
}

}  // namespace instrument
}  // namespace anycapture
