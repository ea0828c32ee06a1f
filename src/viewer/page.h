// SPDX-License-Identifier: MIT
// One HTML file in which attention maps, and any other tensors, can be looked at: nothing is
// fetched, it opens from disk.
#pragma once

#include <anycapture/api.h>
#include <anycapture/metadata.h>
#include <anycapture/safetensors.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "pictures/patch_picture.h"

namespace anycapture {
namespace viewer {

/// Tensors by execution, and what is known of them: a capture file, or captures in memory.
struct Capture {
  std::string name;  ///< the page's title: the file's name
  std::vector<safetensors::Source> sources;
  CaptureMetadata metadata;
};

struct PageOptions {
  PatchOptions patches;               ///< the picture and its grid, before what the metadata says
  std::vector<std::string> tokens;    ///< in place of the metadata's
  std::optional<std::int64_t> batch;  ///< which item; left out, the first
  std::vector<int> layers;            ///< of the attention maps, these alone; empty: all
  std::vector<int> heads;             ///< the same
  double max_mb = 40;                 ///< 10^6 bytes that the page may have
  bool exact = false;                 ///< half precision in place of 252 steps a row
};

/// Replaces the file whole, or leaves the old one. Gives what there is to know about the page, a
/// sentence each, which it says too: what was left out or reduced to stay within max_mb. Throws
/// Error when nothing can be shown, the options do not fit, or path does not end as a page does;
/// FileError when it cannot be written.
ANYCAPTURE_API std::vector<std::string> write_page(const std::string& path, const Capture& capture,
                                                   const PageOptions& options = {});
/// The same of two captures: A, B and A - B of each key that both hold in one shape.
ANYCAPTURE_API std::vector<std::string> write_comparison(const std::string& path, const Capture& a,
                                                         const Capture& b,
                                                         const PageOptions& options = {});

}  // namespace viewer
}  // namespace anycapture

/// write_page() under a name that a library which is loaded at run time can be asked for.
extern "C" ANYCAPTURE_API void anycapture_write_page(const std::string& path,
                                                     const anycapture::viewer::Capture& capture,
                                                     const anycapture::viewer::PageOptions& options,
                                                     std::vector<std::string>& notes);
