// SPDX-License-Identifier: MIT
// `anycapture run`: runs a model and saves what was captured.
#include <anycapture/capturer.h>
#include <anycapture/error.h>
#include <anycapture/program.h>

#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <c10/util/Exception.h>
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <iterator>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "cli/command.h"
#include "cli/progress.h"
#include "cli/torch/capture_size.h"
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

// Attention if there is any. Else the outputs of the root's children; of a list of modules, which
// is not called itself, its own.
std::vector<std::string> default_selectors(const Program& program) {
  const std::vector<ModuleName> modules = program.modules();
  const auto attends = [&](const ModuleName& module) {
    return has_site(program, module.path, "attention");
  };
  if (std::any_of(modules.begin(), modules.end(), attends)) return {"*:attention"};
  std::vector<std::string> selectors;
  std::set<std::string> open{""};  // whose children are meant
  for (const ModuleName& module : modules) {
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

struct Job {
  const Program& program;
  const ModelInputs& inputs;
  const RunOptions& options;
  const std::vector<std::string>& selectors;
};

CaptureOptions quiet() {
  CaptureOptions options;
  options.on_silent = OnSilent::ignore;  // the report says it
  return options;
}

SaveOptions saving(const RunOptions& options) {
  SaveOptions save;
  save.model = fs::path(options.model).stem().string();
  return save;
}

// `cap` is what listens.
void forward(const Job& job, Capturer& cap) {
  const Program::Method method = job.program.method(job.options.method);
  const auto call = [&] { method(job.inputs.by_position, job.inputs.by_name); };
  try {
    call();
  } catch (const Error&) {
    throw;
  } catch (const c10::Error& error) {
    cap.pause();
    throw_with_place(error.what_without_backtrace(), job.program, call);
  } catch (const std::runtime_error& error) {  // a TorchScript exception
    cap.pause();
    throw_with_place(error.what(), job.program, call);
  }
}

// Each gives the report.
std::string saved(const Job& job, Capturer& cap, const std::string& out) {
  cap.close();
  cap.save(out, saving(job.options));
  return cap.report().text();
}

std::string written(const Job& job, const std::string& out) {
  CaptureOptions options = quiet();
  options.write_to = out;
  Capturer cap(job.program, job.selectors, options);
  forward(job, cap);
  cap.close(saving(job.options));
  return cap.report().text();
}

// What is small is kept as it fires, at the first forward; what is large is written at the second,
// once it is known to fit.
std::string run_once(const Job& job, const std::string& out) {
  const Program& trial =
      *new Program(job.program.copy_of_state());  // forks of a failing one may go on
  const Job first{trial, job.inputs, job.options, job.selectors};
  Capturer cap(trial, job.selectors, quiet());
  {
    const CaptureSize size(trial, job.selectors, &cap);
    forward(first, cap);
    if (!size.large()) return saved(first, cap, out);
    size.announce(out, 1);
  }
  return written(job, out);
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

// Whether each of them is large; says so first.
bool are_large(const Job& job, std::size_t files) {
  const Program& trial = *new Program(job.program.copy_of_state());
  Capturer cap(trial, job.selectors, quiet());
  cap.pause();
  const CaptureSize size(trial, job.selectors, nullptr);
  forward({trial, job.inputs, job.options, job.selectors}, cap);
  size.announce(job.options.out, files);
  return size.large();
}

std::string captured(const Job& job, const std::string& out, bool large) {
  if (large) return written(job, out);
  Capturer cap(job.program, job.selectors, quiet());
  forward(job, cap);
  return saved(job, cap, out);
}

// A capture for each file; those that are there are left alone, so that it goes on where it
// stopped.
void run_batch(const Program& program, const RunOptions& options) {
  const std::vector<std::string> selectors = selectors_of(options, program);
  const std::vector<fs::path> files = files_in(options.batch_dir);
  std::error_code error;
  fs::create_directories(options.out, error);
  if (error) throw FileError(fmt::format("{}: cannot be made: {}", options.out, error.message()));
  const auto out_of = [&](const fs::path& file) {
    return fs::path(options.out) / (file.filename().string() + ".safetensors");
  };
  std::vector<fs::path> left;
  std::copy_if(files.begin(), files.end(), std::back_inserter(left),
               [&](const fs::path& file) { return !fs::exists(out_of(file)); });
  std::optional<bool> large;
  {
    Progress progress("run", left.size(), Progress::Of::files);
    for (const fs::path& file : left) {
      progress.advance(0, file.filename().string());
      const ModelInputs inputs =
          model_inputs_with(file.string(), options, program.method(options.method));
      const Job job{program, inputs, options, selectors};
      if (!large) large = are_large(job, left.size());
      captured(job, out_of(file).string(), *large);
      progress.advance(1, file.filename().string());
    }
  }
  write_out(fmt::format("{} file{} run, {} there before: {}\n", left.size(),
                        left.size() == 1 ? "" : "s", files.size() - left.size(),
                        visible(options.out)));
}

}  // namespace

int run(const RunOptions& options) {
  if (options.threads > 0) at::set_num_threads(options.threads);
  // Never destroyed: what a failing model has forked may still run.
  static const Program& program =
      *new Program(options.train ? load_program(options).in_training() : load_program(options));
  std::optional<at::NoGradGuard> no_grad;
  if (!options.grad) no_grad.emplace();
  if (!options.batch_dir.empty()) {
    run_batch(program, options);
    return kDone;
  }
  const ModelInputs inputs = model_inputs(options, program.method(options.method));
  const std::vector<std::string> selectors = selectors_of(options, program);
  write_out(run_once({program, inputs, options, selectors}, options.out));
  return kDone;
}

}  // namespace cli
}  // namespace anycapture
