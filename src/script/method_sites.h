// SPDX-License-Identifier: MIT
// What can be asked for at a module, which wants no run to be known.
#pragma once

#include <torch/csrc/jit/api/function_impl.h>

#include <anycapture/selector.h>

#include <cstddef>
#include <string>
#include <vector>

namespace anycapture {
namespace script {

struct MethodSite {
  SiteKind kind;
  std::string what;
  std::size_t line = 0;  ///< of the source, from 1; 0 if not known
  std::string file;
  std::string type;                         ///< `Tensor`, `Tuple[Tensor, Tensor]`
  std::vector<std::string> spellings = {};  ///< of an op: `@softmax`, `@aten::softmax`
  std::string note = {};                    ///< what is to be known of its value
};

/// All that can be asked for of a module whose class has this method.
std::vector<MethodSite> sites_of(const torch::jit::Function& method);

}  // namespace script
}  // namespace anycapture
