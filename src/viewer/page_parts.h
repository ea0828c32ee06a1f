// SPDX-License-Identifier: MIT
// What a page is made of, before it is text.
#pragma once

#include <anycapture/image.h>
#include <anycapture/pictures.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/statistics.h"
#include "viewer/attention_maps.h"
#include "viewer/pack.h"
#include "viewer/page.h"

namespace anycapture {
namespace viewer {

/// A tensor of either capture; `b` of a comparison alone.
struct Pair {
  AttentionMaps a;
  std::optional<AttentionMaps> b;
};

/// The maps of one tensor.
struct Layer {
  Pair maps;
  std::size_t place = 0;  ///< among all attention maps of the capture
  Form form = Form::steps;
  std::vector<std::string> blocks;  ///< packed: A; of a comparison A, B, A - B
  std::uint64_t nans = 0;
  std::uint64_t infinities = 0;
  std::uint64_t other_sums = 0;  ///< rows, all finite, whose sum is not about 1
  bool causal = false;           ///< all keys behind their query are 0
};

/// Layers whose maps have one shape.
struct Group {
  std::int64_t queries = 0;
  std::int64_t keys = 0;
  std::vector<int> heads;         ///< of the tensor's, those on the page
  bool mean = false;              ///< the page has their mean alone
  std::optional<PatchGrid> grid;  ///< how the keys lie on the picture; else the queries
  bool grid_is_known = false;     ///< not guessed
  std::vector<Layer> layers;
};

/// Scores are masked with the lowest number of their dtype, or about that: `masked` so many values,
/// which the page has as -Inf and the rest of `of` leaves out but for its count.
struct ShownStatistics {
  Statistics of;
  std::uint64_t masked = 0;
};

/// Any other tensor, as rows of its last axis.
struct OtherTensor {
  const safetensors::Source* a = nullptr;
  const safetensors::Source* b = nullptr;
  ShownStatistics of_a;
  std::optional<ShownStatistics> of_b;
  bool has_values = false;
  Form form = Form::steps;
  std::vector<std::string> blocks;

  bool masked() const { return of_a.masked > 0 || (of_b && of_b->masked > 0); }
};

struct PageParts {
  std::vector<std::string> names;  ///< of the capture, or of both
  std::string model;
  std::int64_t batch = 1;  ///< items of it that the maps have
  std::int64_t item = 0;   ///< that which is shown
  std::vector<std::string> tokens;
  std::optional<Image> image;
  std::set<const safetensors::Source*> maps;  ///< of the first capture, on the page or not
  std::vector<Group> groups;
  std::vector<OtherTensor> others;
  std::vector<std::string> notes;
};

/// What must be left out for a page to stay small; each step further is one more.
struct Reduction {
  bool steps_only = false;
  bool no_others = false;
  bool mean = false;
  std::size_t stride = 1;  ///< of the layers
};

/// Groups with everything but blocks. Adds to the notes.
void find_maps(PageParts& parts, const Capture& a, const Capture* b, const PageOptions& options);
/// Of no fractions: integers and truth values.
bool is_integer(safetensors::Dtype dtype);
/// What is in no map; after find_maps().
void find_others(PageParts& parts, const Capture& a, const Capture* b);
/// Gives each group its grid, and the parts their picture and tokens. Throws Error where what the
/// user says fits no group.
void lay_out(PageParts& parts, const Capture& capture, const PageOptions& options);

void reduce(PageParts& parts, const PageOptions& options, const Reduction& reduction);
/// A guess before packing; what packing gave after it.
double page_bytes(const PageParts& parts);
void pack_tensor(OtherTensor& tensor);
void pack_parts(PageParts& parts, const PageOptions& options);

/// Without the blocks.
std::string page_json(const PageParts& parts);

}  // namespace viewer
}  // namespace anycapture
