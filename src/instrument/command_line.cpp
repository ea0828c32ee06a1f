// SPDX-License-Identifier: MIT
#include "instrument/command_line.h"

#include <algorithm>
#include <iterator>
#include <string_view>

namespace anycapture {
namespace instrument {
namespace {

// Options whose value is the next argument, which is then no source.
bool takes_value(std::string_view option) {
  constexpr std::string_view kOptions[] = {
      "-o",          "-MF",       "-MT",      "-MQ",      "-I",
      "-iquote",     "-isystem",  "-include", "-imacros", "-idirafter",
      "-iprefix",    "-isysroot", "-D",       "-U",       "-x",
      "-Xclang",     "-arch",     "-target",  "--param",  "-Xpreprocessor",
      "-Xassembler", "-B",        "-specs"};
  return std::find(std::begin(kOptions), std::end(kOptions), option) != std::end(kOptions);
}

}  // namespace

bool is_source(const std::filesystem::path& path) {
  constexpr std::string_view kEndings[] = {".cpp", ".cc", ".cxx", ".c++", ".C", ".cp", ".CPP"};
  const std::string ending = path.extension().string();
  return std::find(std::begin(kEndings), std::end(kEndings), ending) != std::end(kEndings);
}

std::optional<CompileCommand> read_compile_command(const std::vector<std::string>& arguments) {
  CompileCommand command{};
  bool compiles = false;
  std::size_t sources = 0;
  for (std::size_t i = 1; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    const bool has_next = i + 1 < arguments.size();
    if (argument == "-c") compiles = true;
    if (argument == "-E" || argument == "-S" || argument == "-M" || argument == "-MM") return {};
    if (argument == "-o" && has_next) command.object = arguments[i + 1];
    if (argument == "-MF" && has_next) command.depfile = arguments[i + 1];
    if (argument == "-x" && has_next && arguments[i + 1] != "c++") return {};
    if (argument == "-I" && has_next) command.folders.all.emplace_back(arguments[i + 1]);
    if (argument == "-iquote" && has_next) command.folders.quote.emplace_back(arguments[i + 1]);
    if (argument.size() > 2 && argument.compare(0, 2, "-I") == 0)
      command.folders.all.emplace_back(argument.substr(2));
    if (takes_value(argument)) {
      ++i;
    } else if (argument[0] != '-' && is_source(argument)) {
      command.source = i;
      ++sources;
    }
  }
  if (!compiles || sources != 1 || command.object.empty()) return {};
  return command;
}

}  // namespace instrument
}  // namespace anycapture
