// SPDX-License-Identifier: MIT
// Pictures, grids and tokens: what belongs to which maps.
#include <anycapture/error.h>
#include <fmt/format.h>

#include <algorithm>

#include "viewer/page_parts.h"

namespace anycapture {
namespace viewer {
namespace {

bool is_as_the_file_says(const PatchGrid& grid, const CaptureMetadata& metadata) {
  if (metadata.grid && *metadata.grid != std::array<int, 2>{grid.rows, grid.cols}) return false;
  return !metadata.prefix || *metadata.prefix == grid.prefix;
}

// The grid of what lies on the picture: keys, or queries where the keys do not fit, or fit by a
// guess alone.
std::optional<PatchGrid> grid_of(const Group& group, const PatchOptions& options,
                                 const CaptureMetadata& metadata, std::string& problem) {
  const bool given = options.grid || options.prefix;
  std::optional<PatchGrid> guess;
  for (const std::int64_t count : {group.keys, group.queries}) {
    try {
      const PatchGrid grid = patch_grid(static_cast<int>(count), options, metadata,
                                        group.layers.front().maps.a.source->key);
      if (given || is_as_the_file_says(grid, metadata)) return grid;
      if (!guess) guess = grid;
    } catch (const Error& error) {
      if (problem.empty()) problem = error.what();
    }
  }
  return guess;
}

void find_grids(PageParts& parts, const CaptureMetadata& metadata, const PageOptions& options) {
  const bool given = options.patches.grid || options.patches.prefix;
  const bool told = given || metadata.grid || metadata.prefix;
  std::string problem;
  bool any = false;
  for (Group& group : parts.groups) {
    std::string here;
    group.grid = grid_of(group, options.patches, metadata, here);
    group.grid_is_known =
        group.grid && (given || (told && is_as_the_file_says(*group.grid, metadata)));
    any |= group.grid.has_value();
    if (problem.empty()) problem = here;
    if (group.grid && told && !given && !group.grid_is_known && metadata.grid) {
      parts.notes.push_back(fmt::format(
          "{} tokens are not the {} x {} patches that the file tells of: {} x {} behind {} is a "
          "guess; --grid {}x{} --prefix {} says so for certain",
          group.grid->prefix + group.grid->rows * group.grid->cols, (*metadata.grid)[0],
          (*metadata.grid)[1], group.grid->rows, group.grid->cols, group.grid->prefix,
          group.grid->rows, group.grid->cols, group.grid->prefix));
    }
  }
  if (any || parts.groups.empty()) return;
  if (given) throw Error(problem);
  if (told || parts.image) parts.notes.push_back(problem);
}

void find_image(PageParts& parts, const Capture& capture, const PageOptions& options) {
  constexpr int kMostPixels = 1024;
  try {
    parts.image = picture_itself(options.patches, capture.sources, capture.metadata,
                                 options.batch.value_or(0));
  } catch (const FileError&) {
    throw;
  } catch (const Error& error) {
    parts.notes.push_back(error.what());
  }
  if (!parts.image) return;
  const int longest = std::max(parts.image->width, parts.image->height);
  if (longest <= kMostPixels) return;
  const auto scaled = [&](int side) {
    return std::max(1, static_cast<int>(std::int64_t{side} * kMostPixels / longest));
  };
  parts.image = resize(*parts.image, scaled(parts.image->width), scaled(parts.image->height));
}

// Of all tokens, or, from the file, of those in front of the patches alone.
bool fits(std::size_t tokens, const Group& group, bool of_file) {
  const auto count = static_cast<std::int64_t>(tokens);
  if (group.queries == count || group.keys == count) return true;
  return of_file && group.grid && count <= group.grid->prefix;
}

void find_tokens(PageParts& parts, const CaptureMetadata& metadata, const PageOptions& options) {
  const bool of_file = options.tokens.empty();
  parts.tokens = of_file ? metadata.tokens : options.tokens;
  if (parts.tokens.empty() || parts.groups.empty()) return;
  const std::size_t count = parts.tokens.size();
  if (std::any_of(parts.groups.begin(), parts.groups.end(),
                  [&](const Group& group) { return fits(count, group, of_file); })) {
    return;
  }
  const Group& group = parts.groups.front();
  const std::string numbers = fmt::format("{} tokens, but the maps have {} queries and {} keys",
                                          count, group.queries, group.keys);
  if (!of_file) {
    throw Error(fmt::format("--tokens gives {}: give as many as one of them", numbers));
  }
  parts.notes.push_back(
      fmt::format("the file tells of {}: none has its text; --tokens FILE gives others", numbers));
}

}  // namespace

void lay_out(PageParts& parts, const Capture& capture, const PageOptions& options) {
  find_image(parts, capture, options);
  find_grids(parts, capture.metadata, options);
  find_tokens(parts, capture.metadata, options);
  if (!parts.image || options.patches.image.empty()) return;
  for (const Group& group : parts.groups) {
    const std::string warning = group.grid ? stretch_warning(*parts.image, *group.grid) : "";
    if (warning.empty()) continue;
    parts.notes.push_back(warning);
    return;
  }
}

}  // namespace viewer
}  // namespace anycapture
