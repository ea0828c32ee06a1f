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

}  // namespace exported
}  // namespace anycapture
