// SPDX-License-Identifier: MIT
#include "core/type_name.h"

#include <anycapture/selector.h>

namespace anycapture {
namespace {

bool starts_with(std::string_view text, std::string_view start) {
  return text.compare(0, start.size(), start) == 0;
}

int nesting(char c) {
  if (c == '<' || c == '(' || c == '{') return 1;
  return c == '>' || c == ')' || c == '}' ? -1 : 0;
}

// Offset of the last component: behind the last `::` or `.` outside brackets.
std::size_t last_component(std::string_view type) {
  int depth = 0;
  std::size_t start = 0;
  for (std::size_t i = 0; i < type.size(); ++i) {
    depth += nesting(type[i]);
    if (depth != 0) continue;
    if (type[i] == '.' || (type[i] == ':' && i > 0 && type[i - 1] == ':')) start = i + 1;
  }
  return start;
}

// `anycapture::detail::Hooked<X, ...>` -> `X`
std::string_view unwrap(std::string_view type) {
  for (std::string_view wrapper : {"anycapture::detail::Hooked<", "anycapture::detail::Face<"}) {
    if (!starts_with(type, wrapper) || type.back() != '>') continue;
    type.remove_prefix(wrapper.size());
    int depth = 0;
    std::size_t end = 0;
    for (; end < type.size(); ++end) {
      if (depth == 0 && (type[end] == ',' || type[end] == '>')) break;
      depth += nesting(type[end]);
    }
    type = type.substr(0, end);
    while (!type.empty() && type.back() == ' ') type.remove_suffix(1);
    return unwrap(type);
  }
  return type;
}

// `__torch__.timm.___torch_mangle_3.Attention` -> `timm.Attention`
std::string without_script_parts(std::string_view type) {
  constexpr std::string_view kRoot = "__torch__.";
  constexpr std::string_view kMangle = "___torch_mangle_";
  if (starts_with(type, kRoot)) type.remove_prefix(kRoot.size());
  std::string result(type);
  for (std::size_t at = result.find(kMangle); at != std::string::npos;
       at = result.find(kMangle, at)) {
    std::size_t end = at + kMangle.size();
    while (end < result.size() && result[end] >= '0' && result[end] <= '9') ++end;
    if (end < result.size() && result[end] == '.') ++end;
    result.erase(at, end - at);
  }
  return result;
}

// `LinearImpl` -> `Linear`, `BlockImpl<float>` -> `Block<float>`
std::string without_impl(std::string_view name) {
  constexpr std::string_view kImpl = "Impl";
  const std::size_t end = name.substr(last_component(name)).find('<');
  const std::size_t stop = end == std::string_view::npos ? name.size() : last_component(name) + end;
  const std::size_t base = stop - last_component(name);
  if (base <= kImpl.size() || name.substr(stop - kImpl.size(), kImpl.size()) != kImpl) {
    return std::string(name);
  }
  return std::string(name.substr(0, stop - kImpl.size())) + std::string(name.substr(stop));
}

}  // namespace

TypeNames names_of_type(std::string_view type) {
  const std::string_view own = unwrap(type);
  const std::string clean = without_script_parts(own);
  const std::string last = clean.substr(last_component(clean));
  TypeNames names;
  names.normalised = without_impl(last);
  names.plain = {names.normalised, last};
  const std::size_t arguments = names.normalised.find('<');
  if (arguments != std::string::npos && arguments > 0) {
    names.plain.push_back(names.normalised.substr(0, arguments));
  }
  names.full = {without_impl(clean), clean, std::string(own), std::string(type)};
  return names;
}

std::string normalise_type(std::string_view type) {
  return names_of_type(type).normalised;
}

bool spells_namespace(std::string_view pattern) {
  return last_component(pattern) > 0;
}

}  // namespace anycapture
