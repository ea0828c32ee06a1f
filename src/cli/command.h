// SPDX-License-Identifier: MIT
// What the commands share. Each stands in a file of its name.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/arguments.h"

namespace anycapture {
namespace cli {

/// Exit statuses.
constexpr int kDone = 0;
constexpr int kDiffers = 1;  ///< or not finite
constexpr int kUsage = 2;
constexpr int kFile = 3;
constexpr int kModel = 4;

struct Command {
  Arguments arguments;
  std::function<int()> run;  ///< gives the exit status; none: another program runs it
};

Command inspect_command(CommandLine& program);
Command stats_command(CommandLine& program);
Command diff_command(CommandLine& program);
Command convert_command(CommandLine& program);
Command view_command(CommandLine& program);
Command plot_command(CommandLine& program);
Command rollout_command(CommandLine& program);
Command completion_command(CommandLine& program);
Command instrument_command(CommandLine& program);

/// `anycapture instrument --compile ... -- COMPILER ...`: gives its exit status; empty for any
/// other command line. What stands behind the `--` is not ours to parse.
std::optional<int> compile_instrumented(const std::vector<std::string>& arguments);

/// To stdout. Throws FileError when it cannot be written.
void write_out(std::string_view text);

}  // namespace cli
}  // namespace anycapture
