// SPDX-License-Identifier: MIT
// What programs of either kind say of their sites.
#pragma once

#include <anycapture/selector.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "capture/session.h"

namespace anycapture {
namespace capture {

class World;

using Sessions = std::vector<std::shared_ptr<Session>>;

/// Those of this thread that listen to the world.
Sessions listening_to(const World& world);

/// Text by which two lists of sessions are known to choose the same.
std::string selectors_text(const Sessions& sessions);

/// `attn` of forward, `encode.attn`. `forward.` is left out, but in front of names that mean
/// something else: `forward.output`.
std::string local_what(const std::string& function, const std::string& name);

/// Index of the module of this path or alias. Throws Error with the nearest paths.
std::size_t module_at(const World& world, const std::string& path);

/// A site that can be asked for.
struct KnownSite {
  SiteKind kind;
  std::string what;
  std::vector<std::string> spellings;  ///< of an op: `@softmax`, `@aten::softmax`
};

/// Throws `SelectorError` for the first selector that asks for what none of its modules has.
/// `sites_of(module)` gives what one has, `kind_of(module)` something that is equal for modules
/// that have the same; `why` ends the message.
struct SiteCheck {
  std::function<std::vector<KnownSite>(std::size_t module)> sites_of;
  std::function<const void*(std::size_t module)> kind_of;
  const char* why;
};
void check_sites(const World& world, const BoundSelectors& selectors, const SiteCheck& check);

}  // namespace capture
}  // namespace anycapture
