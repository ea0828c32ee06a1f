// SPDX-License-Identifier: MIT
// How large a page becomes, and what of it is left out.
#include <fmt/format.h>

#include "core/tensor_shape.h"
#include "viewer/page_parts.h"

namespace anycapture {
namespace viewer {
namespace {

// A - B of two that are alike takes little.
double copies(bool compared) {
  return compared ? 2.5 : 1;
}

double values_of(const Group& group) {
  return static_cast<double>(group.queries) * static_cast<double>(group.keys) *
         static_cast<double>(group.mean ? 1 : group.heads.size());
}

template <class Part>
double bytes_of(const Part& part, double values, bool compared) {
  if (part.blocks.empty()) return values * bytes_per_value(part.form) * copies(compared);
  double bytes = 0;
  for (const std::string& block : part.blocks) bytes += static_cast<double>(block.size());
  return bytes;
}

double bytes_of_tensor(const OtherTensor& tensor) {
  if (!tensor.has_values) return 0;
  return bytes_of(tensor, static_cast<double>(element_count(tensor.a->shape)), tensor.b != nullptr);
}

double bytes_of_maps(const PageParts& parts) {
  double bytes = 0;
  for (const Group& group : parts.groups) {
    for (const Layer& layer : group.layers) {
      bytes += bytes_of(layer, values_of(group), layer.maps.b.has_value());
    }
  }
  return bytes;
}

// Integers mean nothing when they are rounded; what is small costs little.
Form form_of(const OtherTensor& tensor, const Reduction& reduction, bool exact, bool small_whole) {
  constexpr std::uint64_t kSmall = 1 << 16;
  if (is_integer(tensor.a->dtype)) return Form::whole;
  if (small_whole && element_count(tensor.a->shape) <= kSmall) return Form::whole;
  return exact && !reduction.steps_only ? Form::half : Form::steps;
}

bool can_be_shown(const OtherTensor& tensor) {
  return !tensor.a->shape.empty() && element_count(tensor.a->shape) > 0;
}

void choose_forms(PageParts& parts, const PageOptions& options, const Reduction& reduction,
                  double room) {
  for (const bool small_whole : {true, false}) {
    double bytes = 0;
    for (OtherTensor& tensor : parts.others) {
      tensor.form = form_of(tensor, reduction, options.exact, small_whole);
      tensor.has_values = can_be_shown(tensor) && !reduction.no_others;
      bytes += bytes_of_tensor(tensor);
    }
    if (bytes <= room) return;
  }
}

// The values of as many as there is room for, those executed first before others.
void choose_others(PageParts& parts, const PageOptions& options, const Reduction& reduction) {
  double room = options.max_mb * 1e6 - bytes_of_maps(parts);
  std::size_t left_out = 0;
  choose_forms(parts, options, reduction, room);
  for (OtherTensor& tensor : parts.others) {
    if (bytes_of_tensor(tensor) > room) tensor.has_values = false;
    room -= bytes_of_tensor(tensor);
    if (can_be_shown(tensor) && !tensor.has_values) ++left_out;
  }
  if (left_out == 0) return;
  parts.notes.push_back(fmt::format(
      "of {} tensor{} that {} no attention map the page has statistics alone, to stay within {} "
      "MB: --max-mb allows more",
      left_out, left_out == 1 ? "" : "s", left_out == 1 ? "is" : "are", options.max_mb));
}

void leave_layers_out(Group& group, std::size_t stride) {
  std::vector<Layer> kept;
  for (std::size_t i = 0; i < group.layers.size(); i += stride) {
    kept.push_back(std::move(group.layers[i]));
  }
  group.layers = std::move(kept);
}

}  // namespace

double page_bytes(const PageParts& parts) {
  constexpr double kPageItself = 1e5;
  double bytes = kPageItself + bytes_of_maps(parts);
  for (const OtherTensor& tensor : parts.others) bytes += bytes_of_tensor(tensor);
  return bytes;
}

void reduce(PageParts& parts, const PageOptions& options, const Reduction& reduction) {
  const double asked = bytes_of_maps(parts) / 1e6;
  std::vector<std::string> less;
  if (options.exact && reduction.steps_only)
    less.push_back("values to 1/252 of their row, not f16");
  if (reduction.mean) less.push_back("means over heads");
  if (reduction.stride > 1)
    less.push_back(fmt::format("one layer in {}, and rollout over those alone", reduction.stride));
  for (Group& group : parts.groups) {
    group.mean = reduction.mean && group.heads.size() > 1;
    leave_layers_out(group, reduction.stride);
    for (Layer& layer : group.layers) {
      if (reduction.steps_only) layer.form = Form::steps;
    }
  }
  choose_others(parts, options, reduction);
  if (less.empty()) return;
  parts.notes.insert(
      parts.notes.begin(),
      fmt::format("all maps would make a page of about {:.0f} MB, over {} MB: it has {}; --layers "
                  "and --heads choose some, --max-mb {:.0f} takes all",
                  asked, options.max_mb, fmt::join(less, ", "), asked * 1.4 + 1));
}

}  // namespace viewer
}  // namespace anycapture
