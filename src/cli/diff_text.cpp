// SPDX-License-Identifier: MIT
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "cli/diff.h"
#include "cli/table.h"
#include "core/element.h"
#include "core/print_values.h"
#include "core/tensor_shape.h"
#include "core/visible.h"

namespace anycapture {
namespace cli {
namespace {

using safetensors::TensorInfo;

// With the digits that tell it from its neighbours: two values that differ never read the same.
std::string value_text(const CaptureFile& capture, const TensorInfo& tensor, std::uint64_t index) {
  const std::byte* data = capture.file().data(tensor);
  const std::uint64_t bits = safetensors::bits(tensor.dtype);
  if (bits % 8 != 0) return fmt::format("{}", to_double(tensor.dtype, data, index));
  return print_values(tensor.dtype, {}, data + index * (bits / 8));
}

// What is told of a pair whose values do not agree.
std::string place(const Compared& one, const CaptureFile& a, const CaptureFile& b) {
  const TensorInfo* left = one.pair.a;
  const TensorInfo* right = one.pair.b;
  if (one.outcome == Outcome::kDtype) {
    return fmt::format("{} against {}: only one is complex", torch_name(left->dtype),
                       torch_name(right->dtype));
  }
  if (one.outcome == Outcome::kShape) {
    return fmt::format("{} [{}] against {} [{}]", torch_name(left->dtype),
                       fmt::join(left->shape, ", "), torch_name(right->dtype),
                       fmt::join(right->shape, ", "));
  }
  if (one.outcome != Outcome::kDiffers) return "";
  const std::uint64_t first = one.difference.first;
  return fmt::format("[{}]: {} against {}", fmt::join(index_of(first, left->shape), ", "),
                     value_text(a, *left, first), value_text(b, *right, first));
}

}  // namespace

std::string diff_table(const std::vector<Compared>& all, const CaptureFile& a,
                       const CaptureFile& b) {
  constexpr auto kRight = Table::Align::kRight;
  Table table({{""},
               {"key"},
               {"dtypes"},
               {"max abs", kRight},
               {"max rel", kRight},
               {"mean abs", kRight},
               {"cosine", kRight},
               {"differing", kRight},
               {"first differing"}});
  for (const Compared& one : all) {
    const TensorDifference& d = one.difference;
    const bool valued = agrees(one.outcome) || one.outcome == Outcome::kDiffers;
    const auto number = [&](double value) { return valued ? fmt::format("{:.3g}", value) : ""; };
    const bool dtypes = valued && one.pair.a->dtype != one.pair.b->dtype;
    table.add(
        {name(one.outcome), visible(one.pair.name),
         dtypes ? fmt::format("{} {}", torch_name(one.pair.a->dtype), torch_name(one.pair.b->dtype))
                : "",
         number(d.max_abs), number(d.max_rel), number(d.mean_abs),
         valued ? fmt::format("{:.6f}", d.cosine) : "",
         d.far > 0 ? fmt::format("{} of {}", d.far, element_count(one.pair.a->shape)) : "",
         place(one, a, b)});
  }
  return all.empty() ? "" : table.text();
}

std::string diff_json(const std::vector<Compared>& all) {
  using Json = nlohmann::ordered_json;
  // JSON has no infinity.
  const auto number = [](double value) { return std::isfinite(value) ? Json(value) : Json("inf"); };
  Json rows = Json::array();
  for (const Compared& one : all) {
    Json row{
        {"name", one.pair.name}, {"outcome", name(one.outcome)}, {"agrees", agrees(one.outcome)}};
    if (one.pair.a != nullptr)
      row["a"] = {{"key", one.pair.a->key},
                  {"shape", one.pair.a->shape},
                  {"dtype", torch_name(one.pair.a->dtype)}};
    if (one.pair.b != nullptr)
      row["b"] = {{"key", one.pair.b->key},
                  {"shape", one.pair.b->shape},
                  {"dtype", torch_name(one.pair.b->dtype)}};
    if (agrees(one.outcome) || one.outcome == Outcome::kDiffers) {
      row["max_abs"] = number(one.difference.max_abs);
      row["max_rel"] = number(one.difference.max_rel);
      row["mean_abs"] = number(one.difference.mean_abs);
      row["cosine"] = one.difference.cosine;
      row["differing"] = one.difference.far;
    }
    if (one.outcome == Outcome::kDiffers) {
      row["first"] = index_of(one.difference.first, one.pair.a->shape);
    }
    rows.push_back(std::move(row));
  }
  return rows.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace cli
}  // namespace anycapture
