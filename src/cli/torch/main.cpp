// SPDX-License-Identifier: MIT
// The program `anycapture-torch`, which `anycapture run` and `modules` become.
#include <anycapture/error.h>

#include <c10/util/Exception.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <new>
#include <string>

#include "cli/command.h"
#include "cli/signals.h"
#include "cli/torch/torch_commands.h"

namespace anycapture {
namespace cli {
namespace {

int fail(int status, const std::string& message) {
  fmt::print(stderr, "anycapture: {}\n", message);
  return status;
}

int run_command(int count, char** arguments) {
  CommandLine program("Runs models for anycapture.", "anycapture");
  ModulesOptions modules_options;
  RunOptions run_options;
  const Arguments modules_arguments = add_modules_command(program, modules_options);
  add_run_command(program, run_options);
  if (const auto status = program.parse({arguments + std::min(count, 1), arguments + count})) {
    return *status;
  }
  return modules_arguments.parsed() ? modules(modules_options) : run(run_options);
}

int status_of(int count, char** arguments) {
  try {
    return run_command(count, arguments);
  } catch (const FileError& error) {
    return fail(kFile, error.what());
  } catch (const SelectorError& error) {
    return fail(kUsage, error.what());
  } catch (const Error& error) {
    return fail(kModel, error.what());
  } catch (const c10::Error& error) {
    return fail(kModel, error.what_without_backtrace());
  } catch (const std::bad_alloc&) {
    return fail(kModel, "there is not enough memory for this: capture less, with -c");
  } catch (const std::exception& error) {
    return fail(kModel, error.what());
  }
}

}  // namespace
}  // namespace cli
}  // namespace anycapture

// What a model has forked, and did not wait for when it failed, still runs in LibTorch's threads:
// what these use is not destroyed.
int main(int count, char** arguments) {
  anycapture::cli::handle_signals();
  const int status = anycapture::cli::status_of(count, arguments);
  std::fflush(nullptr);
  std::_Exit(status);
}
