// SPDX-License-Identifier: MIT
// What the library anycapture::interpose, where it is loaded, has told of itself.
#pragma once

#include <anycapture/api.h>

#include <set>
#include <string>

namespace torch {
namespace nn {
class Module;
}
}  // namespace torch

namespace anycapture {
namespace eager {

/// Called by the library when it is loaded. `start`, which calls set_interposed(), is called when
/// LibTorch and this library have been started: at once, where they have.
ANYCAPTURE_API void start_interposer(void (*start)());

/// `types`: of the modules that are heard by interposition, as typeid names them. `problem`: why
/// none is.
ANYCAPTURE_API void set_interposed(std::set<std::string> types, std::string problem);

bool is_interposed(const torch::nn::Module& module);

/// Whether a module is of the type that typeid names so, or one that a holder made of it.
ANYCAPTURE_API bool is_of_type(const torch::nn::Module& module, const char* type);

}  // namespace eager
}  // namespace anycapture
