// SPDX-License-Identifier: MIT
// `anycapture view`: a capture as a page to look at.
#include <anycapture/error.h>
#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <utility>

#include "cli/command.h"
#include "cli/patch_options.h"
#include "cli/tensors.h"
#include "cli/token_file.h"
#include "core/size_text.h"
#include "viewer/page.h"

namespace anycapture {
namespace cli {
namespace {

namespace fs = std::filesystem;

struct Options {
  std::string file;
  std::vector<std::string> keys;  // of a comparison, the second file first
  std::string out;
  bool compare = false;
  std::string tokens;
  std::optional<std::int64_t> batch;
  viewer::PageOptions page;
};

// The picture stays, whatever the globs choose.
viewer::Capture capture_of(const std::string& path, const std::vector<std::string>& globs) {
  Tensors all = read_tensors(path, {});
  viewer::Capture capture{fs::path(path).filename().string(), {}, capture_metadata(all)};
  if (globs.empty()) {
    capture.sources = std::move(all.sources);
    return capture;
  }
  capture.sources = read_tensors(path, globs).sources;
  const auto is_picture = [&](const safetensors::Source& source) {
    return capture.metadata.image && source.key == capture.metadata.image->key;
  };
  if (std::any_of(capture.sources.begin(), capture.sources.end(), is_picture)) return capture;
  for (safetensors::Source& source : all.sources) {
    if (is_picture(source)) capture.sources.push_back(std::move(source));
  }
  return capture;
}

std::string with_folder(const std::string& path) {
  const fs::path whole = fs::absolute(path).lexically_normal();
  return (whole.parent_path().filename() / whole.filename()).string();
}

std::vector<std::string> write_page(const Options& options, const viewer::PageOptions& page) {
  if (!options.compare) {
    return viewer::write_page(options.out, capture_of(options.file, options.keys), page);
  }
  if (options.keys.empty()) {
    throw Error("--compare takes two files: anycapture view --compare A B -o OUT.html");
  }
  const std::vector<std::string> globs(options.keys.begin() + 1, options.keys.end());
  viewer::Capture a = capture_of(options.file, globs), b = capture_of(options.keys[0], globs);
  if (a.name == b.name) a.name = with_folder(options.file), b.name = with_folder(options.keys[0]);
  return viewer::write_comparison(options.out, a, b, page);
}

int view(const Options& options) {
  viewer::PageOptions page = options.page;
  page.batch = options.batch;
  if (!options.tokens.empty()) page.tokens = read_tokens(options.tokens);
  for (const std::string& note : write_page(options, page)) {
    fmt::print(stderr, "anycapture: note: {}\n", note);
  }
  fmt::print(stderr, "{}: {}; open it in a browser\n", options.out,
             size_text(fs::file_size(options.out)));
  return kDone;
}

}  // namespace

Command view_command(CommandLine& program) {
  auto options = std::make_shared<Options>();
  Arguments arguments =
      program.add_command("view", "Attention maps and other tensors as a page for the browser");
  arguments.footer(
      "One HTML file, which needs no network: hover over a patch or a token to see where it looks, "
      "click to hold it. Attention maps are the keys called `attention`, and tensors whose rows "
      "sum "
      "to 1. With --compare the two files' A, B and A - B stand side by side.");
  arguments.option("FILE", options->file, "A .safetensors, .npz or .npy file").required();
  arguments.positionals("KEY", options->keys, "Only these keys; globs such as '*:attn'");
  arguments.option("-o,--out", options->out, "A .html file").required().shown_as("FILE");
  arguments.flag("--compare", options->compare, "With a second file behind the first");
  add_patch_options(arguments, options->page.patches);
  arguments.option("--tokens", options->tokens, "The tokens' texts, a .json file: a list")
      .shown_as("FILE");
  arguments.option("--batch", options->batch, "Which item of the batch; left out, 0").shown_as("N");
  arguments.list("--layers", options->page.layers, "N,N,...",
                 "Of the attention maps, only these, from 0");
  arguments.list("--heads", options->page.heads, "N,N,...", "Only these heads");
  arguments
      .option("--max-mb", options->page.max_mb,
              "Megabytes that the page may have; what is more is reduced")
      .between(1, 400)
      .shown_as("N")
      .shows_default();
  arguments.flag("--exact", options->page.exact,
                 "Half precision, 3 times the size; else 252 steps a row");
  return {arguments, [options] { return view(*options); }};
}

}  // namespace cli
}  // namespace anycapture
