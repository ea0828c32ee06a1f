// SPDX-License-Identifier: MIT
// anycapture::interpose: the library that hears LibTorch's built-in modules wherever they are
// called, also by LibTorch itself, in a program whose source knows nothing of it.
//
//   find_package(anycapture REQUIRED COMPONENTS interpose)
//   target_link_libraries(app PRIVATE anycapture::anycapture anycapture::interpose)
//
// or, without a rebuild,
//
//   LD_PRELOAD=libanycapture_interpose.so ANYCAPTURE="Linear:output" ANYCAPTURE_OUT=x.safetensors
//   app
#pragma once

#include <anycapture/api.h>

#include <string>
#include <vector>

namespace anycapture {

/// The types of modules that are heard by interposition, such as `torch::nn::LinearImpl`, sorted;
/// empty where the library is not loaded, or off.
ANYCAPTURE_API std::vector<std::string> interposed_types();

/// Whether built-in modules are heard by interposition.
inline bool interposed() {
  return !interposed_types().empty();
}

/// Why they are not, though the library is loaded: a line without an end. Empty otherwise.
ANYCAPTURE_API std::string why_not_interposed();

}  // namespace anycapture
