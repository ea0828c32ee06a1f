// SPDX-License-Identifier: MIT
#include <anycapture/capturer.h>

#include <ATen/ops/empty.h>

#include "capture/store.h"
#include "capture/world.h"

namespace anycapture {
namespace detail {

std::vector<SiteInfo> sites(std::shared_ptr<capture::World> world, const std::function<void()>& run,
                            const Selectors* chosen) {
  std::vector<SiteInfo> found;
  std::map<std::string, std::size_t> index;
  CaptureOptions options;
  options.on_silent = OnSilent::ignore;
  options.keep_last = 1;
  // Notes what fires and keeps an empty tensor in its place, so that nothing of the model is held.
  options.transform = [&](const Site& site, const at::Tensor& value) {
    const auto [known, added] = index.emplace(site.key, found.size());
    if (added) {
      found.push_back({site, 0, value.sizes().vec(), value.scalar_type(), value.device()});
    }
    found[known->second].calls += 1;
    return at::empty({0});
  };
  Selectors selectors{"*", "fn:*"};
  for (std::size_t i = 0; i < world->modules().size(); ++i) {
    if (!world->hooking(i).input) continue;
    selectors.texts.push_back("*:input");  // an error where no module's input can be hooked
    break;
  }
  if (chosen != nullptr) selectors = *chosen;
  Capturer capturer = Capturer::of(std::move(world), selectors, std::move(options));
  run();
  return found;
}

}  // namespace detail
}  // namespace anycapture
