// SPDX-License-Identifier: MIT
#include "exported/metadata.h"

#include <cstdlib>
#include <optional>

namespace anycapture {
namespace exported {
namespace {

// At commas outside of brackets, as torch/_export/serde/serialize.py does.
std::vector<std::string> parts_of(std::string_view entry) {
  std::vector<std::string> parts(1);
  int depth = 0;
  for (const char c : entry) {
    if (c == '(' || c == '[') ++depth;
    if (c == ')' || c == ']') --depth;
    if (c == ',' && depth == 0) {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

std::string_view next_line(std::string_view& text) {
  const std::size_t end = text.find('\n');
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return line;
}

// `  File "net.py", line 9, in forward`
std::optional<PythonLine> header(std::string_view line) {
  const std::string_view file = "File \"", number = "\", line ", in = ", in ";
  const std::size_t first = line.find_first_not_of(' ');
  if (first == std::string_view::npos || line.compare(first, file.size(), file) != 0)
    return std::nullopt;
  line.remove_prefix(first + file.size());
  const std::size_t at = line.rfind(number);
  const std::size_t name = at == std::string_view::npos ? at : line.find(in, at);
  if (name == std::string_view::npos) return std::nullopt;
  PythonLine made;
  made.file = line.substr(0, at);
  made.function = line.substr(name + in.size());
  made.line = std::strtoul(std::string(line.substr(at + number.size())).c_str(), nullptr, 10);
  return made;
}

// Of what `strict=True` exports: the root is `_export_root` in graphs inside the graph.
std::string below_root(const std::string& path) {
  const std::string kRoot = "_export_root";
  if (path.compare(0, kRoot.size(), kRoot) != 0) return path;
  if (path.size() == kRoot.size()) return "";
  return path[kRoot.size()] == '.' ? path.substr(kRoot.size() + 1) : path;
}

// `strict=True` names a call by the id of its object.
std::string object_of(const std::string& name) {
  const std::string id = without_call_number(name);
  return id.find_first_not_of("0123456789") == std::string::npos ? id : "";
}

}  // namespace

std::string without_call_number(const std::string& path) {
  const std::size_t at = path.rfind('@');
  const bool number = at != std::string::npos && at + 1 < path.size() &&
                      path.find_first_not_of("0123456789", at + 1) == std::string::npos;
  return number ? path.substr(0, at) : path;
}

std::vector<CalledModule> called_modules(std::string_view stack) {
  std::vector<CalledModule> modules;
  while (!stack.empty()) {
    const std::size_t end = stack.find(';');
    const std::vector<std::string> parts = parts_of(stack.substr(0, end));
    stack.remove_prefix(end == std::string_view::npos ? stack.size() : end + 1);
    const bool empty = parts.size() != 3 || parts[0].compare(0, 7, "_empty_") == 0;
    if (empty) continue;
    const std::string path = below_root(without_call_number(parts[1]));
    modules.push_back({path + " " + parts[0], path, parts[2], object_of(parts[0])});
  }
  return modules;
}

std::vector<PythonLine> python_lines(std::string_view trace) {
  std::vector<PythonLine> lines;
  while (!trace.empty()) {
    const std::string_view line = next_line(trace);
    if (auto made = header(line)) {
      lines.push_back(std::move(*made));
    } else if (!lines.empty() && lines.back().text.empty()) {
      const std::size_t first = line.find_first_not_of(' ');
      if (first != std::string_view::npos) lines.back().text = line.substr(first);
    }
  }
  return lines;
}

}  // namespace exported
}  // namespace anycapture
