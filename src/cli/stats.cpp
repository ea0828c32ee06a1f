// SPDX-License-Identifier: MIT
// `anycapture stats`: what the values of each tensor are like.
#include "cli/stats.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <memory>

#include "cli/command.h"
#include "cli/keys.h"
#include "cli/progress.h"
#include "core/statistics.h"
#include "core/tensor_shape.h"
#include "core/visible.h"

namespace anycapture {
namespace cli {
namespace {

using safetensors::TensorInfo;

struct Options {
  std::string file;
  std::vector<std::string> keys;
  bool no_quantiles = false;
  bool check_finite = false;
  bool json = false;
  bool csv = false;
};

int check_finite(const CaptureFile& capture, const std::vector<const TensorInfo*>& tensors,
                 Progress& progress) {
  for (const TensorInfo* tensor : tensors) {
    progress.advance(0, tensor->key);
    const std::byte* data = capture.file().data(*tensor);
    const Statistics s =
        statistics(tensor->dtype, data, element_count(tensor->shape), WithSpread::no);
    progress.advance(tensor->bytes, tensor->key);
    if (s.finite() == s.count) continue;
    const auto first = first_not_finite(tensor->dtype, data, s.count);
    write_out(fmt::format("{}: {} NaN and {} Inf of {} values, the first at [{}]\n",
                          visible(tensor->key), s.nans, s.infinities, s.count,
                          fmt::join(index_of(first, tensor->shape), ", ")));
    return kDiffers;
  }
  write_out(fmt::format("{} tensor{}, all values finite\n", tensors.size(),
                        tensors.size() == 1 ? "" : "s"));
  return kDone;
}

int stats(const Options& options) {
  const CaptureFile capture = open_capture(options.file);
  const auto tensors =
      tensors_by_execution(capture, choose_keys(capture, options.file, options.keys));
  std::uint64_t bytes = 0;
  for (const TensorInfo* tensor : tensors) bytes += tensor->bytes;
  const WithSpread with_spread = options.no_quantiles ? WithSpread::no : WithSpread::yes;
  std::vector<StatsRow> rows;
  {
    Progress progress("stats", bytes);
    if (options.check_finite) return check_finite(capture, tensors, progress);
    for (const TensorInfo* tensor : tensors) {
      progress.advance(0, tensor->key);
      rows.push_back(stats_row(*tensor, capture.file().data(*tensor), with_spread));
      progress.advance(tensor->bytes, tensor->key);
    }
  }
  write_out(options.json ? stats_json(rows) : options.csv ? stats_csv(rows) : stats_table(rows));
  return kDone;
}

}  // namespace

Command stats_command(CommandLine& program) {
  auto options = std::make_shared<Options>();
  Arguments arguments = program.add_command("stats", "What the values are like: range, mean, NaN");
  arguments.footer(
      "min to p99 are of the finite values. p1, median and p99 are exact for up to 4,096 values, "
      "else at most 0.4 % off.");
  arguments.option("FILE", options->file, "A .safetensors file").required();
  arguments.positionals("KEY", options->keys, "Only these keys; globs such as '*:attn'");
  arguments.flag("--no-quantiles", options->no_quantiles,
                 "Leave out p1, median, p99, histogram and entropy: faster");
  const Argument check = arguments.flag("--check-finite", options->check_finite,
                                        "Name the first tensor with a NaN or Inf, and exit 1");
  const Argument json =
      arguments.flag("--json", options->json, "All of it as JSON").excludes(check);
  arguments.flag("--csv", options->csv, "All of it as CSV, for spreadsheets")
      .excludes(json)
      .excludes(check);
  return {arguments, [options] { return stats(*options); }};
}

}  // namespace cli
}  // namespace anycapture
