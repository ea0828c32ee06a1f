// SPDX-License-Identifier: MIT
#include <anycapture/error.h>
#include <anycapture/pictures.h>

#include <fmt/format.h>

#include "pictures/figure_file.h"
#include "pictures/same_shape.h"

namespace anycapture {
namespace {

std::vector<float> mean_of(const std::vector<MapView>& heads) {
  const std::size_t count =
      static_cast<std::size_t>(heads[0].rows) * static_cast<std::size_t>(heads[0].cols);
  std::vector<float> mean(count);
  for (std::size_t i = 0; i < count; ++i) {
    double sum = 0.0;
    for (const MapView& head : heads) sum += head.data[i];
    mean[i] = static_cast<float>(sum / static_cast<double>(heads.size()));
  }
  return mean;
}

}  // namespace

void draw_heads(const std::string& path, const std::vector<MapView>& heads,
                const FigureOptions& options) {
  file_kind(path);
  check_same_shape(heads, "head");
  const std::vector<float> mean = mean_of(heads);
  std::vector<MapView> maps = heads;
  maps.push_back({mean.data(), heads[0].rows, heads[0].cols});
  FigureOptions named = options;
  if (named.names.empty()) {
    for (std::size_t i = 0; i < heads.size(); ++i) named.names.push_back(fmt::format("Head {}", i));
  }
  named.names.push_back("Mean of heads");
  draw_maps(path, maps, named);
}

}  // namespace anycapture
