// SPDX-License-Identifier: MIT
// A place that was captured, and one firing of it.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace anycapture {

/// A place that can be captured: a module path and what is captured there.
struct Site {
  std::string path;  ///< `blocks.3.attn`; empty for the root
  std::string type;  ///< the module's type without namespace and `Impl`: `Attention`
  std::string what;  ///< a tag's name, `output`, `output.0`, `input.1`, ...
  std::string key;   ///< `path:what`, as in the cache and in files
};

/// One firing of a site.
struct Call {
  at::Tensor value;        ///< as the session's options keep it
  std::size_t index;       ///< 0 for the first call of its key since the last clear()
  std::uint64_t thread;    ///< small number of the thread, from 0 in order of first use
  std::uint64_t sequence;  ///< position among all firings of the session, over all keys
  std::string path;        ///< the module path that it went by, where a program knows several
};

/// What `sites()` found out about a site by running the model once.
struct SiteInfo {
  Site site;
  std::size_t calls;                ///< how often it fired
  std::vector<std::int64_t> shape;  ///< of the first call
  at::ScalarType dtype;             ///< of the first call
  at::Device device;                ///< of the first call
};

}  // namespace anycapture
