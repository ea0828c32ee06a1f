// SPDX-License-Identifier: MIT
// `anycapture run`: runs a model and saves what was captured.
#include <anycapture/capturer.h>
#include <anycapture/error.h>
#include <anycapture/program.h>

#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <c10/util/Exception.h>
#include <fmt/format.h>
#include <torch/csrc/jit/api/module.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "cli/command.h"
#include "cli/progress.h"
#include "cli/torch/failing_module.h"
#include "cli/torch/inputs.h"
#include "cli/torch/torch_commands.h"
#include "core/visible.h"

namespace anycapture {
namespace cli {
namespace {

namespace fs = std::filesystem;

// A list of modules has none, and a traced Identity neither takes nor returns a tensor.
bool has_site(const Program& program, const std::string& path, const std::string& what) {
  const std::vector<ProgramSite> sites = program.sites(path);
  return std::any_of(sites.begin(), sites.end(),
                     [&](const ProgramSite& one) { return one.what == what; });
}

// Outputs of the root's children; of a list of modules, which is not called itself, its own.
std::vector<std::string> default_selectors(const Program& program) {
  std::vector<std::string> selectors;
  std::set<std::string> open{""};  // whose children are meant
  for (const ModuleName& module : program.modules()) {
    const std::size_t dot = module.path.rfind('.');
    const std::string parent = dot == std::string::npos ? "" : module.path.substr(0, dot);
    if (module.path.empty() || open.count(parent) == 0) continue;
    if (has_site(program, module.path, "output")) {
      selectors.push_back("path:" + module.path + ":output");
    } else {
      open.insert(module.path);
    }
  }
  return selectors;
}

// What went into the model, and what came out where nothing else is asked for.
std::vector<std::string> selectors_of(const RunOptions& options, const Program& program) {
  std::vector<std::string> selectors = options.selectors;
  const std::string prefix = options.method == "forward" ? "" : options.method + ".";
  if (selectors.empty()) {
    selectors = default_selectors(program);
    if (has_site(program, "", prefix + "output")) selectors.push_back(":" + prefix + "output");
  }
  if (has_site(program, "", prefix + "input")) selectors.push_back(":" + prefix + "input");
  return selectors;
}

[[noreturn]] void throw_with_place(std::string message, const Program& program,
                                   const std::function<void()>& forward) {
  while (!message.empty() && message.back() == '\n') message.pop_back();
  const std::string module = failing_module(program, forward);
  throw Error(module.empty() ? message : fmt::format("{}\nin the module {}", message, module));
}

std::string run_once(const Program& program, const ModelInputs& inputs, const RunOptions& options,
                     const std::string& out) {
  CaptureOptions capture;
  capture.on_silent = OnSilent::ignore;  // the report says it
  const Program::Method method = program.method(options.method);
  const auto forward = [&] { method(inputs.by_position, inputs.by_name); };
  Capturer cap(program, selectors_of(options, program), capture);
  try {
    forward();
  } catch (const Error&) {
    throw;
  } catch (const c10::Error& error) {
    cap.pause();
    throw_with_place(error.what_without_backtrace(), program, forward);
  } catch (const std::runtime_error& error) {  // a TorchScript exception
    cap.pause();
    throw_with_place(error.what(), program, forward);
  }
  cap.close();
  SaveOptions save;
  save.model = fs::path(options.model).stem().string();
  cap.save(out, save);
  return cap.report().text();
}

std::vector<fs::path> files_in(const std::string& folder) {
  std::vector<fs::path> files;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    if (entry.is_regular_file()) files.push_back(entry.path());
  }
  if (error) throw FileError(fmt::format("{}: cannot be read: {}", folder, error.message()));
  if (files.empty()) throw FileError(fmt::format("{}: there are no files in it", folder));
  std::sort(files.begin(), files.end());
  return files;
}

// A capture for each file; those that are there are left alone, so that it goes on where it
// stopped.
void run_batch(const Program& program, const RunOptions& options) {
  const std::vector<fs::path> files = files_in(options.batch_dir);
  std::error_code error;
  fs::create_directories(options.out, error);
  if (error) throw FileError(fmt::format("{}: cannot be made: {}", options.out, error.message()));
  std::size_t there = 0;
  {
    Progress progress("run", files.size());
    for (const fs::path& file : files) {
      const fs::path out = fs::path(options.out) / (file.filename().string() + ".safetensors");
      progress.advance(0, file.filename().string());
      if (fs::exists(out)) {
        ++there;
      } else {
        run_once(program, model_inputs_with(file.string(), options, program.method(options.method)),
                 options, out.string());
      }
      progress.advance(1, file.filename().string());
    }
  }
  write_out(fmt::format("{} file{} run, {} there before: {}\n", files.size() - there,
                        files.size() - there == 1 ? "" : "s", there, visible(options.out)));
}

Program in_training(const Program& program) {
  torch::jit::Module module = program.module();
  module.train();
  return Program(module);
}

}  // namespace

int run(const RunOptions& options) {
  if (options.threads > 0) at::set_num_threads(options.threads);
  // Never destroyed: what a failing model has forked may still run.
  static const Program& program =
      *new Program(options.train ? in_training(load_program(options)) : load_program(options));
  std::optional<at::NoGradGuard> no_grad;
  if (!options.grad) no_grad.emplace();
  if (!options.batch_dir.empty()) {
    run_batch(program, options);
    return kDone;
  }
  const ModelInputs inputs = model_inputs(options, program.method(options.method));
  write_out(run_once(program, inputs, options, options.out));
  return kDone;
}

}  // namespace cli
}  // namespace anycapture
