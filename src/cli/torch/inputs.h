// SPDX-License-Identifier: MIT
// The arguments of a model, from files, pictures and text.
#pragma once

#include <anycapture/program.h>

#include <string>

#include "cli/model_options.h"

namespace anycapture {
namespace cli {

struct ModelInputs {
  Program::Inputs by_position;
  Program::Keywords by_name;
};

/// What the options say, on their device. Throws InputError, and FileError when a file cannot be
/// read.
ModelInputs model_inputs(const RunOptions& options, const Program::Method& method);
/// The same with one file in place of the first argument.
ModelInputs model_inputs_with(const std::string& file, const RunOptions& options,
                              const Program::Method& method);

}  // namespace cli
}  // namespace anycapture
