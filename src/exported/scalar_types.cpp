// SPDX-License-Identifier: MIT
#include "exported/scalar_types.h"

#include <anycapture/torch_version.h>

#include <nlohmann/json.hpp>
#include <string>

namespace anycapture {
namespace exported {

std::optional<at::ScalarType> scalar_type(std::int64_t number) {
  switch (number) {
    case 1:
      return at::kByte;
    case 2:
      return at::kChar;
    case 3:
      return at::kShort;
    case 4:
      return at::kInt;
    case 5:
      return at::kLong;
    case 6:
      return at::kHalf;
    case 7:
      return at::kFloat;
    case 8:
      return at::kDouble;
    case 9:
      return at::kComplexHalf;
    case 10:
      return at::kComplexFloat;
    case 11:
      return at::kComplexDouble;
    case 12:
      return at::kBool;
    case 13:
      return at::kBFloat16;
#if ANYCAPTURE_TORCH_AT_LEAST(2, 3)
    case 28:
      return at::ScalarType::UInt16;
    case 29:
      return at::ScalarType::Float8_e4m3fn;
    case 30:
      return at::ScalarType::Float8_e5m2;
    case 31:
      return at::ScalarType::Float8_e4m3fnuz;
    case 32:
      return at::ScalarType::Float8_e5m2fnuz;
    case 34:
      return at::ScalarType::UInt32;
    case 35:
      return at::ScalarType::UInt64;
#endif
#if ANYCAPTURE_TORCH_AT_LEAST(2, 7)
    case 33:
      return at::ScalarType::Float8_e8m0fnu;
#endif
    default:
      return std::nullopt;
  }
}

std::optional<at::Layout> layout(std::int64_t number) {
  switch (number) {
    case 1:
      return at::kSparse;
    case 2:
      return at::kSparseCsr;
    case 3:
      return at::kSparseCsc;
    case 4:
      return at::kSparseBsr;
    case 5:
      return at::kSparseBsc;
    case 6:
      return at::kMkldnn;
    case 7:
      return at::kStrided;
    default:
      return std::nullopt;
  }
}

std::optional<at::MemoryFormat> memory_format(std::int64_t number) {
  switch (number) {
    case 1:
      return at::MemoryFormat::Contiguous;
    case 2:
      return at::MemoryFormat::ChannelsLast;
    case 3:
      return at::MemoryFormat::ChannelsLast3d;
    case 4:
      return at::MemoryFormat::Preserve;
    default:
      return std::nullopt;
  }
}

at::Device device(const nlohmann::json& json) {
  const at::Device named(json.at("type").get<std::string>());
  const auto index = json.find("index");
  if (index == json.end() || index->is_null()) return named;
  return {named.type(), static_cast<at::DeviceIndex>(index->get<int>())};
}

}  // namespace exported
}  // namespace anycapture
