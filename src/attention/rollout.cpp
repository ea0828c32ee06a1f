// SPDX-License-Identifier: MIT
#include <anycapture/attention.h>
#include <anycapture/error.h>
#include <anycapture/rollout.h>

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "capture/listening.h"

namespace anycapture {
namespace attention {
namespace {

void check_shapes(const std::vector<at::Tensor>& maps) {
  if (maps.empty()) throw Error("rollout: there are no maps");
  for (const at::Tensor& map : maps) {
    const bool square = map.dim() >= 3 && map.dim() <= 4 && map.size(-1) == map.size(-2);
    if (!square) {
      throw Error(
          fmt::format("rollout: maps are (heads, tokens, tokens) or (batch, heads, tokens, "
                      "tokens), one is [{}]",
                      fmt::join(map.sizes(), ", ")));
    }
    const bool alike = map.dim() == maps[0].dim() && map.size(-1) == maps[0].size(-1) &&
                       (map.dim() == 3 || map.size(0) == maps[0].size(0));
    if (!alike) {
      throw Error(fmt::format("rollout: the maps differ: one is [{}], another [{}]",
                              fmt::join(maps[0].sizes(), ", "), fmt::join(map.sizes(), ", ")));
    }
  }
}

at::Tensor rollout_of_item(const std::vector<at::Tensor>& maps, std::int64_t tokens,
                           const RolloutOptions& options) {
  std::vector<LayerMaps> layers;
  for (const at::Tensor& map : maps) {
    layers.push_back({map.data_ptr<float>(), static_cast<std::size_t>(map.size(0))});
  }
  const std::vector<float> product =
      anycapture::rollout(layers, static_cast<std::size_t>(tokens), options);
  at::Tensor result = at::empty({tokens, tokens}, at::kFloat);
  std::copy(product.begin(), product.end(), result.data_ptr<float>());
  return result;
}

}  // namespace

at::Tensor rollout(const std::vector<at::Tensor>& maps, const RolloutOptions& options) {
  const capture::Deaf deaf;
  const at::NoGradGuard no_grad;
  check_shapes(maps);
  const std::int64_t tokens = maps[0].size(-1);
  const std::int64_t batch = maps[0].dim() == 4 ? maps[0].size(0) : 1;
  std::vector<at::Tensor> results;
  for (std::int64_t item = 0; item < batch; ++item) {
    std::vector<at::Tensor> of_item;
    for (const at::Tensor& map : maps) {
      const at::Tensor one = map.dim() == 4 ? map.select(0, item) : map;
      of_item.push_back(one.to(at::kCPU, at::kFloat).contiguous());
    }
    results.push_back(rollout_of_item(of_item, tokens, options));
  }
  return maps[0].dim() == 4 ? at::stack(results) : results[0];
}

at::Tensor rollout(const std::vector<at::Tensor>& maps, const std::vector<at::Tensor>& gradients,
                   const RolloutOptions& options) {
  if (maps.size() != gradients.size()) {
    throw Error(
        fmt::format("rollout: there are {} maps and {} gradients", maps.size(), gradients.size()));
  }
  const capture::Deaf deaf;
  const at::NoGradGuard no_grad;
  std::vector<at::Tensor> weighted;
  for (std::size_t i = 0; i < maps.size(); ++i) {
    if (maps[i].sizes() != gradients[i].sizes() || maps[i].dim() < 3) {
      throw Error(fmt::format("rollout: map {} is [{}], its gradient [{}]", i,
                              fmt::join(maps[i].sizes(), ", "),
                              fmt::join(gradients[i].sizes(), ", ")));
    }
    weighted.push_back((maps[i] * gradients[i]).clamp_min(0).mean(-3, /*keepdim=*/true));
  }
  return rollout(weighted, options);
}

}  // namespace attention
}  // namespace anycapture
