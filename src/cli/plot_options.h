// SPDX-License-Identifier: MIT
#pragma once

#include "cli/arguments.h"
#include "cli/plot.h"

namespace anycapture {
namespace cli {

/// The command's arguments, which go into `options` when it is parsed.
void add_plot_options(Arguments& arguments, PlotOptions& options);

}  // namespace cli
}  // namespace anycapture
