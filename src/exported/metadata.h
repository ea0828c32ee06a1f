// SPDX-License-Identifier: MIT
// What the file says of where a node comes from.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace anycapture {
namespace exported {

struct CalledModule {
  std::string call;    ///< `blocks.0@1 L__self__blocks.0@1`: no two calls have the same
  std::string path;    ///< `blocks.0`
  std::string type;    ///< `timm.models.vision_transformer.Block`
  std::string object;  ///< which of Python's objects it was, where the file says that
};

/// `path` of `path@1`, the second call of a module.
std::string without_call_number(const std::string& path);

/// Of `nn_module_stack`, `call,path,type;...`: from the root inwards; empty where it names none.
std::vector<CalledModule> called_modules(std::string_view module_stack);

/// A line of Python that was running.
struct PythonLine {
  std::string file, function, text;
  std::size_t line = 0;  ///< from 1
};

/// Of `stack_trace`, a traceback: from the outermost.
std::vector<PythonLine> python_lines(std::string_view stack_trace);

}  // namespace exported
}  // namespace anycapture
