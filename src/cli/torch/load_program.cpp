// SPDX-License-Identifier: MIT
#include <anycapture/error.h>
#include <anycapture/program.h>

#include <c10/core/Device.h>
#include <c10/util/Exception.h>
#include <dlfcn.h>
#include <fmt/format.h>

#include "cli/torch/torch_commands.h"

namespace anycapture {
namespace cli {
namespace {

at::Device device_of(const std::string& text) {
  try {
    return at::Device(text);
  } catch (const c10::Error&) {
    throw Error(fmt::format("--device: {} is no device: give cpu, cuda, cuda:0 ...", text));
  }
}

}  // namespace

Program load_program(const ModelOptions& options) {
  if (!options.op_library.empty() &&
      ::dlopen(options.op_library.c_str(), RTLD_NOW | RTLD_GLOBAL) == nullptr) {
    throw FileError(fmt::format("{}: cannot be loaded: {}", options.op_library, ::dlerror()));
  }
  try {
    return Program::load(options.model, device_of(options.device));
  } catch (const FileError& error) {
    const std::string text = error.what();
    const bool lacks = text.find("Unknown builtin op") != std::string::npos ||  // TorchScript's
                       text.find("of its operators") != std::string::npos;
    if (!lacks) throw;
    throw FileError(text + "\nload the library that has it with --op-library FILE");
  }
}

}  // namespace cli
}  // namespace anycapture
