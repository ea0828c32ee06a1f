// SPDX-License-Identifier: MIT
#pragma once

#include "cli/plot.h"

namespace CLI {
class App;
}

namespace anycapture {
namespace cli {

/// The command's arguments, which go into `options` when it is parsed.
void add_plot_options(CLI::App& app, PlotOptions& options);

}  // namespace cli
}  // namespace anycapture
