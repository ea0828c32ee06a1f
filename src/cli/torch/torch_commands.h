// SPDX-License-Identifier: MIT
// The commands that load a model; each gives the exit status.
#pragma once

#include "cli/model_options.h"

namespace anycapture {

class Program;

namespace cli {

int modules(const ModulesOptions& options);
int run(const RunOptions& options);

/// Throws FileError, with what is missing when the archive needs operators that are not there.
Program load_program(const ModelOptions& options);

}  // namespace cli
}  // namespace anycapture
