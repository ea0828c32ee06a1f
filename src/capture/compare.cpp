// SPDX-License-Identifier: MIT
#include <anycapture/compare.h>
#include <anycapture/error.h>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdint>
#include <ostream>

#include "capture/listening.h"
#include "core/tensor_shape.h"

namespace anycapture {
namespace {

constexpr std::size_t kListed = 20;

at::Tensor comparable(const at::Tensor& value, bool complex) {
  at::Tensor dense = value.detach();
  if (dense.is_quantized()) dense = dense.dequantize();
  if (dense.layout() != at::kStrided) dense = dense.to_dense();
  return dense.cpu().to(complex ? at::kComplexDouble : at::kDouble);
}

// Fills `difference` and returns true when the tensors differ.
bool differ(const at::Tensor& captured, const at::Tensor& expected, const CompareOptions& options,
            Difference& difference) {
  if (captured.sizes() != expected.sizes()) {
    difference.what = fmt::format("shape {}, in the reference {}", captured.sizes().vec(),
                                  expected.sizes().vec());
    return true;
  }
  at::NoGradGuard no_grad;
  const bool complex = captured.is_complex() || expected.is_complex();
  const at::Tensor a = comparable(captured, complex), b = comparable(expected, complex);
  const at::Tensor close = at::isclose(a, b, options.rtol, options.atol, /*equal_nan=*/true);
  if (close.all().item<bool>()) return false;
  const at::Tensor distance =
      (a - b).abs().nan_to_num(INFINITY, INFINITY, INFINITY).masked_fill(close, 0);
  difference.max_abs = distance.max().item<double>();
  difference.max_rel =
      (distance / b.abs().clamp_min(1e-300)).nan_to_num(INFINITY).max().item<double>();
  const std::int64_t first = close.logical_not().flatten().nonzero()[0].item<std::int64_t>();
  difference.index = index_of(static_cast<std::uint64_t>(first), a.sizes().vec());
  const std::int64_t count = close.numel() - close.sum().item<std::int64_t>();
  auto element = [&](const at::Tensor& t) {
    const at::Tensor value = t.flatten()[first];
    return value.is_complex() ? fmt::format("{:.8g}{:+.8g}i", at::real(value).item<double>(),
                                            at::imag(value).item<double>())
                              : fmt::format("{:.8g}", value.item<double>());
  };
  difference.what = fmt::format(
      "{} of {} values differ, max abs {:.3g}, max rel {:.3g}, first at {}: {} against {}", count,
      close.numel(), difference.max_abs, difference.max_rel, difference.index, element(a),
      element(b));
  return true;
}

void check(const CompareOptions& options) {
  if (options.rtol >= 0 && options.atol >= 0) return;
  throw Error(fmt::format("rtol is {}, atol is {}: both must be numbers from 0", options.rtol,
                          options.atol));
}

}  // namespace

Comparison compare(const CaptureReader& captures, const CaptureReader& reference,
                   const CompareOptions& options) {
  const capture::Deaf deaf;
  check(options);
  Comparison result;
  std::vector<Difference> missing;
  for (const auto& [key, other] : options.map) {
    if (captures.contains(key)) continue;
    missing.push_back({key, 0, fmt::format("mapped to \"{}\", never captured", other), 0, 0, {}});
  }
  for (const auto& [key, calls] : captures) {
    const auto mapped = options.map.find(key);
    const std::string& other = mapped == options.map.end() ? key : mapped->second;
    if (!reference.contains(other)) {
      missing.push_back({key, 0, fmt::format("the reference has no \"{}\"", other), 0, 0, {}});
      continue;
    }
    ++result.compared;
    const std::vector<Call> expected = reference.calls(other);
    if (calls.size() != expected.size()) {
      result.differences.push_back(
          {key,
           std::min(calls.size(), expected.size()),
           fmt::format("{} calls, in the reference {}", calls.size(), expected.size()),
           0,
           0,
           {}});
    }
    for (std::size_t i = 0; i < std::min(calls.size(), expected.size()); ++i) {
      Difference difference{key, i, "", 0, 0, {}};
      if (!differ(calls[i].value, expected[i].value, options, difference)) continue;
      result.differences.push_back(std::move(difference));
    }
  }
  result.differences.insert(result.differences.end(), missing.begin(), missing.end());
  return result;
}

Comparison compare(const CaptureReader& captures, const std::string& reference_file,
                   const CompareOptions& options) {
  return compare(captures, Captures::load(reference_file), options);
}

std::string Comparison::text() const {
  if (compared == 0 && differences.empty()) return "nothing was captured, so nothing was compared";
  if (differences.empty()) {
    return compared == 1 ? "1 key agrees" : fmt::format("{} keys agree", compared);
  }
  auto line = [](const Difference& difference) {
    const std::string call = difference.call == 0 ? "" : fmt::format(" (call {})", difference.call);
    return fmt::format("{}{}: {}", difference.key, call, difference.what);
  };
  std::string text = "first difference at " + line(differences.front());
  for (std::size_t i = 1; i < differences.size() && i <= kListed; ++i) {
    text += "\n  then " + line(differences[i]);
  }
  if (differences.size() > kListed + 1) {
    text += fmt::format("\n  and {} more", differences.size() - kListed - 1);
  }
  return text;
}

std::ostream& operator<<(std::ostream& out, const Comparison& comparison) {
  return out << comparison.text();
}

}  // namespace anycapture
