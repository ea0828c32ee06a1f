// SPDX-License-Identifier: MIT
// `anycapture convert`: captures in the formats of others, and back.
#include <anycapture/error.h>
#include <fmt/format.h>

#include <filesystem>
#include <map>
#include <memory>
#include <optional>

#include "cli/command.h"
#include "cli/npy_folder.h"
#include "cli/progress.h"
#include "cli/stats.h"
#include "cli/tensors.h"
#include "core/atomic_file.h"
#include "core/cast.h"
#include "core/npy.h"
#include "core/npz_writer.h"
#include "core/safetensors_header.h"
#include "core/size_text.h"
#include "core/tensor_shape.h"
#include "core/visible.h"

namespace anycapture {
namespace cli {
namespace {

namespace fs = std::filesystem;
using safetensors::Dtype;
using safetensors::Source;

struct Options {
  std::string in;
  std::string out;
  std::vector<std::string> keys;
  std::optional<Dtype> dtype;
  bool compress = false;
};

enum class Form { kSafetensors, kNpz, kNpy, kFolder, kCsv };

Form form_of(const std::string& path) {
  const std::string ending = fs::path(path).extension().string();
  if (ending == ".safetensors") return Form::kSafetensors;
  if (ending == ".npz") return Form::kNpz;
  if (ending == ".npy") return Form::kNpy;
  if (ending == ".csv") return Form::kCsv;
  std::error_code ignored;
  const bool folder = !path.empty() && (path.back() == '/' || fs::is_directory(path, ignored));
  if (folder || ending.empty()) return Form::kFolder;
  throw Error(
      fmt::format("{}: {} is no ending that can be written: give .safetensors, .npz, .npy, "
                  ".csv for statistics, or a folder for one .npy each",
                  path, printable(ending)));
}

// Told at the end: what a conversion did to values.
using Overflows = std::map<std::string, std::uint64_t>;

Source converted(const Source& from, Dtype to, std::shared_ptr<Overflows> overflows) {
  if (from.dtype == to || !is_float(from.dtype)) return from;
  Source result = from;
  result.dtype = to;
  result.bytes = [from, to, overflows = std::move(overflows)] {
    const safetensors::Bytes bytes = from.bytes();
    Cast cast = cast_floats(from.dtype, static_cast<const std::byte*>(bytes.data),
                            element_count(from.shape), to);
    if (cast.overflowed > 0) (*overflows)[from.key] = cast.overflowed;
    return cast.bytes;
  };
  return result;
}

Source followed(Source source, Progress& progress) {
  auto bytes = std::move(source.bytes);
  source.bytes = [bytes = std::move(bytes), &progress, key = source.key] {
    safetensors::Bytes result = bytes();
    progress.advance(result.size, key);
    return result;
  };
  return source;
}

// Statistics of the values: one tensor in memory at a time.
std::string csv_of(const std::vector<Source>& sources) {
  std::vector<StatsRow> rows;
  for (const Source& source : sources) {
    const safetensors::Bytes bytes = source.bytes();
    rows.push_back(stats_row({source.key, source.dtype, source.shape, 0, bytes.size},
                             static_cast<const std::byte*>(bytes.data), WithSpread::yes));
  }
  return stats_csv(rows);
}

void write(const Options& options, Form form, const std::vector<Source>& sources,
           const safetensors::Metadata& metadata) {
  switch (form) {
    case Form::kSafetensors:
      return safetensors::write(options.out, sources, metadata);
    case Form::kNpz:
      return npz::write(options.out, sources,
                        options.compress ? npz::Packing::kDeflated : npz::Packing::kStored);
    case Form::kNpy:
      if (sources.size() == 1) return npy::write(options.out, sources.front());
      throw Error(
          fmt::format("{}: a .npy file holds one tensor, these are {}: choose one with "
                      "--keys, or write .npz",
                      options.out, sources.size()));
    case Form::kFolder:
      return write_npy_folder(options.out, sources);
    case Form::kCsv:
      return write_whole_file(options.out, csv_of(sources));
  }
}

int convert(const Options& options) {
  const Form form = form_of(options.out);
  if (options.compress && form != Form::kNpz) {
    throw Error(fmt::format("{}: only .npz can be compressed", options.out));
  }
  if (options.dtype && form == Form::kCsv) {
    throw Error(fmt::format(
        "{}: a .csv holds statistics of the values as they are: leave --dtype out", options.out));
  }
  Tensors tensors = read_tensors(options.in, options.keys);
  const auto overflows = std::make_shared<Overflows>();
  std::uint64_t bytes = 0;
  for (Source& source : tensors.sources) {
    bytes += safetensors::size_of(source.dtype, source.shape).bytes;
    if (options.dtype) source = converted(source, *options.dtype, overflows);
  }
  {
    Progress progress("convert", bytes);
    for (Source& source : tensors.sources) source = followed(std::move(source), progress);
    write(options, form, tensors.sources, tensors.metadata);
  }
  for (const auto& [key, count] : *overflows) {
    fmt::print(stderr,
               "anycapture: warning: {} value{} of {} {} too large for the new dtype and became "
               "infinite\n",
               count, count == 1 ? "" : "s", printable(key), count == 1 ? "is" : "are");
  }
  return kDone;
}

}  // namespace

Command convert_command(CommandLine& program) {
  static const std::vector<std::pair<std::string, Dtype>> kDtypes{
      {"f16", Dtype::kF16}, {"bf16", Dtype::kBF16}, {"f32", Dtype::kF32}, {"f64", Dtype::kF64}};
  auto options = std::make_shared<Options>();
  Arguments arguments = program.add_command(
      "convert", "To NumPy's formats and back, to another dtype, or to a .csv of statistics");
  arguments.footer(
      "OUT is what its ending says. A .npz and .npy hold the tensors alone; a .safetensors keeps "
      "the metadata too; a .csv holds what `anycapture stats` computes, one tensor a line. The "
      "file "
      "is replaced whole, or left as it was.");
  arguments.option("IN", options->in, "A .safetensors, .npz or .npy file").required();
  arguments
      .option("OUT", options->out,
              "A .safetensors, .npz, .npy or .csv file, or a folder of .npy files")
      .required();
  arguments.repeated("--keys", options->keys, "GLOB", "Only these keys; globs such as '*:attn'");
  arguments.choice("--dtype", options->dtype, kDtypes, "What floats become");
  arguments.flag("--compress", options->compress, "Deflate a .npz: smaller, much slower");
  return {arguments, [options] { return convert(*options); }};
}

}  // namespace cli
}  // namespace anycapture
