// SPDX-License-Identifier: MIT
#pragma once

#include "cli/arguments.h"
#include "pictures/patch_picture.h"

namespace anycapture {
namespace cli {

/// `--image`, `--crop`, `--grid` and `--prefix`.
void add_patch_options(Arguments& arguments, PatchOptions& patches);

}  // namespace cli
}  // namespace anycapture
