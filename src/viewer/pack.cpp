// SPDX-License-Identifier: MIT
#include "viewer/pack.h"

#include <anycapture/error.h>
#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "core/cast.h"

namespace anycapture {
namespace viewer {
namespace {

constexpr int kSteps = 252;
constexpr float kLargestHalf = 65504;

struct Ends {
  float low = 0;
  float high = 0;
};

// Of the finite values; from 0 where that costs little, since lows of 0 take no room.
Ends ends_of(const float* row, std::size_t columns) {
  Ends ends;
  bool any = false;
  for (std::size_t i = 0; i < columns; ++i) {
    if (!std::isfinite(row[i])) continue;
    ends.low = any ? std::min(ends.low, row[i]) : row[i];
    ends.high = any ? std::max(ends.high, row[i]) : row[i];
    any = true;
  }
  if (ends.low > 0 && ends.low < ends.high / 8) ends.low = 0;
  return ends;
}

std::uint8_t step_of(float value, Ends ends, double factor) {
  if (std::isnan(value)) return kSteps + 1;
  if (std::isinf(value)) return value > 0 ? kSteps + 2 : kSteps + 3;
  const double step = (static_cast<double>(value) - static_cast<double>(ends.low)) * factor;
  return static_cast<std::uint8_t>(std::clamp(step + 0.5, 0.0, static_cast<double>(kSteps)));
}

void append(std::string& bytes, const std::vector<float>& values) {
  bytes.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float));
}

std::string in_steps(const float* values, std::size_t rows, std::size_t columns) {
  std::vector<float> highs(rows), lows(rows);
  std::string codes(rows * columns, '\0');
  for (std::size_t row = 0; row < rows; ++row) {
    const float* from = values + row * columns;
    const Ends ends = ends_of(from, columns);
    const double range = static_cast<double>(ends.high) - static_cast<double>(ends.low);
    const double factor = range > 0 ? kSteps / range : 0;
    highs[row] = ends.high, lows[row] = ends.low;
    for (std::size_t i = 0; i < columns; ++i) {
      codes[row * columns + i] = static_cast<char>(step_of(from[i], ends, factor));
    }
  }
  std::string bytes;
  append(bytes, highs);
  append(bytes, lows);
  return bytes + codes;
}

std::string in_halves(const float* values, std::size_t count) {
  const Cast cast =
      cast_floats(safetensors::Dtype::kF32, reinterpret_cast<const std::byte*>(values), count,
                  safetensors::Dtype::kF16);
  return {static_cast<const char*>(cast.bytes.data), cast.bytes.size};
}

std::string bytes_of(const float* values, std::size_t rows, std::size_t columns, Form form) {
  const std::size_t count = rows * columns;
  switch (form) {
    case Form::steps:
      return in_steps(values, rows, columns);
    case Form::half:
      return in_halves(values, count);
    case Form::whole:
      break;
  }
  return {reinterpret_cast<const char*>(values), count * sizeof(float)};
}

std::string deflated(const std::string& bytes) {
  uLongf size = compressBound(bytes.size());
  std::string result(size, '\0');
  const int status = compress2(reinterpret_cast<Bytef*>(result.data()), &size,
                               reinterpret_cast<const Bytef*>(bytes.data()), bytes.size(), 6);
  if (status != Z_OK) throw Error(fmt::format("zlib cannot deflate: status {}", status));
  result.resize(size);
  return result;
}

}  // namespace

const char* name_of(Form form) {
  return form == Form::steps ? "steps" : form == Form::half ? "half" : "whole";
}

double bytes_per_value(Form form) {
  return form == Form::steps ? 0.75 : form == Form::half ? 2.4 : 5;
}

Form half_or_whole(const float* values, std::size_t count) {
  const bool overflows = std::any_of(values, values + count, [](float value) {
    return std::isfinite(value) && std::abs(value) > kLargestHalf;
  });
  return overflows ? Form::whole : Form::half;
}

std::string pack(const float* values, std::size_t rows, std::size_t columns, Form form) {
  const std::string bytes = deflated(bytes_of(values, rows, columns, form));
  return base64(bytes.data(), bytes.size());
}

std::string base64(const void* data, std::size_t size) {
  constexpr const char* kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const auto* bytes = static_cast<const std::uint8_t*>(data);
  std::string text;
  text.reserve((size + 2) / 3 * 4);
  for (std::size_t i = 0; i < size; i += 3) {
    const auto at = [&](std::size_t j) { return j < size ? std::uint32_t{bytes[j]} : 0; };
    const std::uint32_t bits = at(i) << 16 | at(i + 1) << 8 | at(i + 2);
    text += kDigits[bits >> 18];
    text += kDigits[bits >> 12 & 63];
    text += i + 1 < size ? kDigits[bits >> 6 & 63] : '=';
    text += i + 2 < size ? kDigits[bits & 63] : '=';
  }
  return text;
}

}  // namespace viewer
}  // namespace anycapture
