// SPDX-License-Identifier: MIT
// `anycapture inspect`: keys, shapes, dtypes, sizes, metadata; values with --show.
#include "cli/inspect.h"

#include <anycapture/error.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <memory>

#include "cli/command.h"
#include "cli/keys.h"
#include "cli/table.h"
#include "core/element.h"
#include "core/key.h"
#include "core/print_values.h"
#include "core/size_text.h"
#include "core/visible.h"

namespace anycapture {
namespace cli {
namespace {

struct Options {
  std::string file;
  std::vector<std::string> keys;
  std::vector<std::string> show;
  bool tree = false;
  bool json = false;
};

std::string plural(std::size_t count, const char* noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

// As many as NumPy and PyTorch have. Each row of values takes a line for each of them.
constexpr std::size_t kMostAxes = 64;

std::string values_of(const CaptureFile& capture, const std::string& path,
                      const safetensors::TensorInfo& info) {
  if (info.shape.size() > kMostAxes) {
    throw FileError(
        fmt::format("{}: tensor {} has {} dimensions, values are shown of {} or fewer: "
                    "see it without --show",
                    path, printable(info.key), info.shape.size(), kMostAxes));
  }
  return print_values(info.dtype, info.shape, capture.file().data(info));
}

// Read one after the other, so that `key#2` shows that call alone.
std::string shown_values(const CaptureFile& capture, const std::string& path,
                         const std::vector<std::string>& globs) {
  std::string text;
  const auto append = [&](const safetensors::TensorInfo& info) {
    text += fmt::format("{}{}  {} [{}]\n{}\n", text.empty() ? "" : "\n", visible(info.key),
                        torch_name(info.dtype), fmt::join(info.shape, ", "),
                        values_of(capture, path, info));
  };
  for (const std::string& glob : globs) {
    const safetensors::TensorInfo* one = capture.file().find(glob);
    if (one != nullptr && split_call(glob).call > 0) {
      append(*one);
      continue;
    }
    for (const CaptureFile::Entry* entry : choose_keys(capture, path, {glob})) {
      for (const auto& [call, info] : entry->calls) append(*info);
    }
  }
  return text;
}

std::string first_line(const CaptureFile& capture, const std::string& path,
                       const Entries& entries) {
  std::size_t tensors = 0;
  std::uint64_t bytes = 0;
  for (const CaptureFile::Entry* entry : entries) {
    tensors += entry->calls.size();
    bytes += bytes_of(*entry);
  }
  const std::size_t all = capture.entries().size();
  std::string line = visible(path) + ": ";
  line += entries.size() == all ? plural(all, "key")
                                : fmt::format("{} of {} keys", entries.size(), all);
  if (tensors != entries.size()) line += fmt::format(" with {}", plural(tensors, "call"));
  line += ", " + size_text(bytes);
  const CaptureMetadata& metadata = capture.metadata();
  if (!metadata.model.empty()) line += ", captured from " + visible(metadata.model);
  if (!metadata.libtorch.empty()) line += ", LibTorch " + visible(metadata.libtorch);
  return line + "\n";
}

constexpr std::size_t kLongest = 100;  // bytes of a text of the metadata

std::string shortened(const std::string& text) {
  if (text.size() <= kLongest) return visible(text);
  return fmt::format("{}... {}, whole with --json", visible(text.substr(0, kLongest / 2)),
                     size_text(text.size()));
}

std::string tokens_text(const std::vector<std::string>& tokens) {
  std::string texts;
  for (const std::string& token : tokens) {
    if (texts.size() > kLongest) return fmt::format("{}:{} ...", tokens.size(), texts);
    texts += " " + printable(token);
  }
  return fmt::format("{}:{}", tokens.size(), texts);
}

// What the metadata says of the whole: the viewers' fields, and other writers' entries.
std::string metadata_table(const CaptureFile& capture) {
  const CaptureMetadata& ours = capture.metadata();
  Table table({{""}, {""}});
  if (ours.grid) {
    table.add({"grid", fmt::format("{} x {} patches", (*ours.grid)[0], (*ours.grid)[1])});
  }
  if (ours.prefix) table.add({"prefix", plural(static_cast<std::size_t>(*ours.prefix), "token")});
  if (!ours.tokens.empty()) table.add({"tokens", tokens_text(ours.tokens)});
  if (ours.image) {
    table.add({"image",
               fmt::format("{}, mean [{}], std [{}]", visible(ours.image->key),
                           fmt::join(ours.image->mean, ", "), fmt::join(ours.image->std, ", "))});
  }
  for (const auto& [name, text] : capture.file().metadata()) {
    if (name != "anycapture") table.add({shortened(name), shortened(text)});
  }
  return table.text();
}

int inspect(const Options& options) {
  const CaptureFile capture = open_capture(options.file);
  if (!options.show.empty()) {
    write_out(shown_values(capture, options.file, options.show));
    return kDone;
  }
  const Entries entries = choose_keys(capture, options.file, options.keys);
  if (options.json) {
    write_out(key_json(capture, options.file, entries));
    return kDone;
  }
  std::string text = first_line(capture, options.file, entries);
  const std::string keys = options.tree ? key_tree(capture, entries) : key_table(capture, entries);
  if (!keys.empty()) text += "\n" + keys;
  const std::string metadata = metadata_table(capture);
  if (!metadata.empty()) text += "\n" + metadata;
  write_out(text);
  return kDone;
}

}  // namespace

Command inspect_command(CommandLine& program) {
  auto options = std::make_shared<Options>();
  Arguments arguments =
      program.add_command("inspect", "What is in a file: keys, shapes, dtypes, sizes");
  arguments.option("FILE", options->file, "A .safetensors file").required();
  arguments.positionals("KEY", options->keys, "Only these keys; globs such as '*:attn'");
  arguments.repeated("--show", options->show, "KEY",
                     "Print the values of these keys, as NumPy would");
  const Argument tree = arguments.flag("--tree", options->tree, "Modules as a tree");
  arguments.flag("--json", options->json, "All of it as JSON").excludes(tree);
  return {arguments, [options] { return inspect(*options); }};
}

}  // namespace cli
}  // namespace anycapture
