// SPDX-License-Identifier: MIT
#include "cli/torch/failing_module.h"

#include <anycapture/capturer.h>
#include <anycapture/program.h>

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <map>

#include "core/what_pattern.h"

namespace anycapture {
namespace cli {
namespace {

struct Called {
  std::size_t times = 0, returned = 0;
  std::uint64_t last = 0;
};

std::map<std::string, Called> calls_in(const Capturer& cap) {
  std::map<std::string, Called> modules;
  for (const auto& [key, calls] : cap) {
    const std::size_t colon = find_separator(key);
    Called& module = modules[key.substr(0, colon)];
    if (key.compare(colon + 1, 5, "input") == 0) {
      module.times = std::max(module.times, calls.size());
      module.last = std::max(module.last, calls.back().sequence);
    } else {
      module.returned = std::max(module.returned, calls.size());
    }
  }
  return modules;
}

std::string with_type(const std::string& path, const Program& program) {
  for (const ModuleName& module : program.modules()) {
    if (encode_path(module.path) != path) continue;
    return fmt::format("{} ({})", path.empty() ? "the root" : path, normalise_type(module.type));
  }
  return path;
}

}  // namespace

std::string failing_module(const Program& program, const std::function<void()>& run) {
  CaptureOptions options;
  options.on_silent = OnSilent::ignore;
  Capturer cap(program, {"*:input", "*:output"}, options);
  try {
    run();
    return "";
  } catch (const std::exception&) {  // the same as before
  }
  const auto modules = calls_in(cap);
  const auto innermost =
      std::max_element(modules.begin(), modules.end(), [](const auto& one, const auto& other) {
        const auto place = [](const Called& called) {
          return called.times > called.returned ? called.last + 1 : 0;
        };
        return place(one.second) < place(other.second);
      });
  const bool found =
      innermost != modules.end() && innermost->second.times > innermost->second.returned;
  return found ? with_type(innermost->first, program) : "";
}

}  // namespace cli
}  // namespace anycapture
