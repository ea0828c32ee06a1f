// SPDX-License-Identifier: MIT
#include "exported/python_frames.h"

#include <algorithm>

namespace anycapture {
namespace exported {
namespace {

bool is_made_up(const PythonLine& line) {
  return line.file.compare(0, 14, "<eval_with_key") == 0;
}
// What runs the model for `strict=True`.
bool is_of_dynamo(const PythonLine& line) {
  return line.file.find("torch/_dynamo/") != std::string::npos;
}
bool is_of_torch(const CalledModule& module) {
  return module.type.compare(0, 6, "torch.") == 0;
}

// `torch.split` is a function of Python.
bool is_function_of_torch(const PythonLine& line) {
  for (const char* file : {"torch/functional.py", "torch/_tensor.py", "torch/nn/functional.py"}) {
    if (line.file.find(file) != std::string::npos) return true;
  }
  return false;
}

// Whether each call of a module has its frame.
bool fit(const std::vector<PythonLine>& lines, const std::vector<CalledModule>& modules) {
  std::size_t count = 0;
  for (const PythonLine& line : lines) {
    if (line.function != "forward") continue;
    if (count == modules.size()) return false;
    const bool torch = line.file.find("torch/nn/") != std::string::npos;
    if (is_of_torch(modules[count]) && !torch) return false;
    ++count;
  }
  return count == modules.size() && count > 0;
}

}  // namespace

std::vector<PythonFrame> python_frames(const Node& node) {
  std::vector<PythonLine> lines = python_lines(node.stack_trace);
  std::vector<CalledModule> modules = called_modules(node.module_stack);
  if (std::any_of(lines.begin(), lines.end(), is_made_up)) return {};
  const std::size_t all = lines.size();
  lines.erase(std::remove_if(lines.begin(), lines.end(), is_of_dynamo), lines.end());
  // Which leaves the lines of torch.nn out.
  if (lines.size() < all)
    modules.erase(std::remove_if(modules.begin(), modules.end(), is_of_torch), modules.end());
  const bool fits = fit(lines, modules);
  if (!fits && (modules.empty() || !modules.front().path.empty())) return {};
  std::vector<PythonFrame> frames;
  std::string instance;
  CalledModule inside;
  std::size_t module = 0;
  for (const PythonLine& line : lines) {
    if (line.function == "forward") {
      if (!fits && module == 1) {
        frames.back().inner = modules.size() > 1 ? modules[1].call : "";
        break;
      }
      inside = modules[module++];
      if (inside.path.empty()) inside.call.clear();
      instance = inside.call;
    } else {
      instance += "/" + line.function;
    }
    if (module == 0) continue;
    if (!frames.empty()) frames.back().inner = instance;
    frames.push_back({instance, inside, line, ""});
    instance += ":" + std::to_string(line.line);
  }
  return frames;
}

bool runs_op(const std::vector<PythonFrame>& frames, std::size_t frame) {
  return std::all_of(frames.begin() + static_cast<std::ptrdiff_t>(frame) + 1, frames.end(),
                     [](const PythonFrame& one) { return is_function_of_torch(one.line); });
}

std::string name_of_op(const Node& node) {
  const std::string& target = node.target;
  const std::size_t end = target.rfind('.');
  const std::size_t begin = end == 0 || end == std::string::npos ? end : target.rfind('.', end - 1);
  return begin == std::string::npos ? target : target.substr(begin + 1, end - begin - 1);
}

bool gives_results_of(const python::Statement& statement, const Node& node) {
  if (!statement.ends_in_call || statement.is_display || statement.callee.empty()) return false;
  const std::string op = name_of_op(node);
  const bool split = statement.callee == "chunk" && op.compare(0, 5, "split") == 0;  // decomposed
  return split || op.find(statement.callee) != std::string::npos;
}

}  // namespace exported
}  // namespace anycapture
