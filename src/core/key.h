// SPDX-License-Identifier: MIT
// Keys as files hold them: `path:what`, later calls under `path:what#1`, `#2` ...
#pragma once

#include <anycapture/api.h>

#include <cstddef>
#include <string>
#include <string_view>

namespace anycapture {

struct KeyCall {
  std::string key;
  std::size_t call = 0;
};

/// `key#2` is call 2 of `key`; a module's own `#` is percent-encoded, so the last one parts a call.
/// `key#0`, `key#02` and the like are keys of other writers, whole, so that no two names are one
/// call.
ANYCAPTURE_API KeyCall split_call(const std::string& name);

/// Numbers by value, so that blocks.10 follows blocks.9: the order of the model, as far as a file
/// tells.
ANYCAPTURE_API bool natural_less(std::string_view a, std::string_view b);

}  // namespace anycapture
