// SPDX-License-Identifier: MIT
// anycapture instrument: what the locals of an untouched source would be called, and the copy that
// names them.
#include <anycapture/error.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/command.h"
#ifdef ANYCAPTURE_HAS_INSTRUMENT
#include "instrument/compile.h"
#include "instrument/copies.h"
#include "instrument/includes.h"
#include "instrument/instrument.h"
#endif

namespace anycapture {
namespace cli {
namespace {

struct Options {
  std::string file, copy, class_name;
  std::vector<std::string> folders;
  bool print = false;
};

#ifdef ANYCAPTURE_HAS_INSTRUMENT

using instrument::FileRewriting;
using instrument::LeftAlone;
using instrument::Tagged;

bool is_of(const std::string& function, const std::string& class_name) {
  return class_name.empty() || function == class_name ||
         function.compare(0, class_name.size() + 2, class_name + "::") == 0;
}

std::string listing(const FileRewriting& file, const std::string& class_name) {
  std::string text = fmt::format("{}\n", file.path.string());
  std::string function;
  std::size_t width = 4, named = 0;
  for (const Tagged& one : file.rewriting.tagged) width = std::max(width, one.name.size());
  for (const Tagged& one : file.rewriting.tagged) {
    if (!is_of(one.function, class_name)) continue;
    if (one.function != function) text += fmt::format("{}\n", one.function);
    function = one.function;
    text += fmt::format("{:>6}  {:<{}}  {}\n", one.line, one.name, width, one.kind);
    ++named;
  }
  std::string left;
  for (const LeftAlone& one : file.rewriting.left_alone) {
    if (!is_of(one.function, class_name)) continue;
    left += fmt::format("{:>6}  {}: {}{}{}\n", one.line, one.function, one.text,
                        one.text.empty() ? "" : ": ", one.why);
  }
  if (!left.empty()) text += "left alone\n" + left;
  return text + fmt::format("{} places, each named where it holds a tensor\n", named);
}

int run(const Options& options) {
  const std::filesystem::path path = options.file;
  instrument::Files files({{}, {options.folders.begin(), options.folders.end()}});
  const FileRewriting file = rewriting_of(files, path, path);
  if (!options.copy.empty()) {
    std::ofstream out(options.copy, std::ios::binary);
    out << rewritten(files.parse(path).tree, file.rewriting.insertions, path.string(),
                     !file.rewriting.insertions.empty());
    out.close();
    if (!out) throw FileError(fmt::format("{} cannot be written", options.copy));
  }
  if (options.print || options.copy.empty()) write_out(listing(file, options.class_name));
  return kDone;
}

#else

[[noreturn]] int run(const Options&) {
  throw Error(
      "this anycapture was built without the parser: run cmake/tree_sitter.sh, which brings it, "
      "and build again");
}

#endif

}  // namespace

std::optional<int> compile_instrumented(const std::vector<std::string>& arguments) {
  const auto is = [&](std::size_t i, const char* word) {
    return i < arguments.size() && arguments[i] == word;
  };
  if (!is(0, "instrument") || !is(1, "--compile")) return {};
  std::vector<std::filesystem::path> headers;
  std::size_t at = 2;
  for (; is(at, "--header") && at + 1 < arguments.size(); at += 2)
    headers.emplace_back(arguments[at + 1]);
  if (!is(at, "--") || at + 1 == arguments.size())
    throw Error("write anycapture instrument --compile [--header FILE]... -- g++ ... -c FILE");
#ifdef ANYCAPTURE_HAS_INSTRUMENT
  const auto command = arguments.begin() + static_cast<std::ptrdiff_t>(at) + 1;
  return instrument::compile({command, arguments.end()}, headers);
#else
  run({});
#endif
}

Command instrument_command(CommandLine& program) {
  Arguments arguments = program.add_command(
      "instrument",
      "The local variables of an untouched C++ source: their names, and the copy that "
      "tells them");
  const auto options = std::make_shared<Options>();
  arguments.option("FILE", options->file, "a C++ source").required();
  arguments.flag("--print", options->print, "list what would be named, and what is left alone");
  arguments.option("--class", options->class_name, "of this class or function only");
  arguments.repeated("-I", options->folders, "FOLDER",
                     "a folder of headers that declare its classes");
  arguments.option("-o", options->copy, "write the instrumented copy");
  arguments.footer(
      "As a compiler launcher, which anycapture_instrument() of CMake makes of it:\n"
      "  anycapture instrument --compile [--header FILE]... -- g++ ... -c FILE");
  return {arguments, [options] { return run(*options); }};
}

}  // namespace cli
}  // namespace anycapture
