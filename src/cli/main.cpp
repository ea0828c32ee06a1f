// SPDX-License-Identifier: MIT
// The program `anycapture`: chooses the command, and turns what is thrown into messages and exit
// statuses.
#include <anycapture/error.h>
#include <anycapture/selector.h>
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/command.h"
#include "cli/completion.h"
#include "cli/model_options.h"
#include "cli/signals.h"
#include "cli/torch_program.h"

namespace anycapture {
namespace cli {
namespace {

constexpr const char* kAbout =
    "Captures tensors of models, and looks into files of them (safetensors).\n"
    "\n"
    "  anycapture maps.safetensors                          what is in it\n"
    "  anycapture inspect maps.safetensors '*:attn' --tree  some of it, as a tree\n"
    "  anycapture stats maps.safetensors                    what its values are like\n"
    "  anycapture diff port.safetensors ref.safetensors     where they part\n"
    "  anycapture convert maps.safetensors maps.npz         for NumPy\n"
    "  anycapture modules vit.pt                            what a model from Python is made of\n"
    "  anycapture run vit.pt --input cat.png -c Attention:attn -o maps.safetensors\n"
    "  anycapture plot maps.safetensors '*.attn:attn' --token 0 -o cls.png   where CLS looks\n"
    "  anycapture view maps.safetensors -o maps.html        attention, as a page for the browser\n"
    "  anycapture rollout maps.safetensors -o rollout.png   where CLS looks through all layers\n"
    "  source <(anycapture completion bash)                 completes keys, options; or zsh, fish\n"
    "  anycapture instrument --print model.cpp              which locals would have a name\n"
    "\n"
    "Exit status: 0 done, 1 differs or not finite, 2 usage, 3 file, 4 model.";

int fail(int status, std::string_view message) {
  fmt::print(stderr, "anycapture: {}\n", message);
  return status;
}

// `anycapture FILE` inspects it. A word that is neither a command nor a file was one of the two:
// gives what is wrong, else nothing.
std::string complete(std::vector<std::string>& arguments,
                     const std::vector<std::string>& commands) {
  if (arguments.empty() || arguments[0].empty() || arguments[0][0] == '-') return "";
  const std::string& first = arguments[0];
  if (std::find(commands.begin(), commands.end(), first) != commands.end()) return "";
  std::error_code ignored;
  if (!std::filesystem::exists(first, ignored)) {
    const std::vector<std::string> close = nearest(first, commands, 1);
    return fmt::format("{} is no command and no file{}", printable(first),
                       close.empty() ? "" : ": did you mean " + close[0] + "?");
  }
  arguments.insert(arguments.begin(), "inspect");
  return "";
}

// Their options are known here, for help, completion and mistakes; the other program runs them.
Command modules_command(CommandLine& program) {
  static ModulesOptions options;
  return {add_modules_command(program, options), nullptr};
}

Command run_command(CommandLine& program) {
  static RunOptions options;
  return {add_run_command(program, options), nullptr};
}

int run(std::vector<std::string> arguments) {
  if (const std::optional<int> status = compile_instrumented(arguments)) return *status;
  CommandLine program(kAbout, "anycapture");
  program.version("anycapture " ANYCAPTURE_VERSION);
  const std::vector<Command> commands{
      inspect_command(program),    stats_command(program),     diff_command(program),
      convert_command(program),    view_command(program),      plot_command(program),
      rollout_command(program),    modules_command(program),   run_command(program),
      instrument_command(program), completion_command(program)};
  if (!arguments.empty() && arguments[0] == kComplete) {
    write_out(completions(program.info(), {arguments.begin() + 1, arguments.end()}));
    return kDone;
  }
  const std::vector<std::string> given = arguments;
  std::vector<std::string> names;
  for (const Command& command : commands) names.push_back(command.arguments.name());
  const std::string problem = complete(arguments, names);
  if (!problem.empty()) return program.refuse(problem);
  if (const std::optional<int> status = program.parse(std::move(arguments))) return *status;
  for (const Command& command : commands) {
    if (!command.arguments.parsed()) continue;
    return command.run ? command.run() : become_torch_program(given);
  }
  return kUsage;
}

}  // namespace

}  // namespace cli
}  // namespace anycapture

int main(int count, char** arguments) {
  using namespace anycapture;
  cli::handle_signals();
  try {
    return cli::run({arguments + std::min(count, 1), arguments + count});
  } catch (const FileError& error) {
    return cli::fail(cli::kFile, error.what());
  } catch (const std::bad_alloc&) {
    return cli::fail(cli::kFile, "there is not enough memory for this; choose fewer keys");
  } catch (const std::exception& error) {
    return cli::fail(cli::kUsage, error.what());
  }
}
