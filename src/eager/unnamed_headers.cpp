// SPDX-License-Identifier: MIT
#include "eager/unnamed_headers.h"

#include <anycapture/detail/unnamed_header.h>

#include <torch/nn/module.h>

#include <c10/util/Type.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <map>
#include <mutex>
#include <set>
#include <typeinfo>

namespace anycapture {
namespace {

struct UnnamedHeaders {
  std::mutex mutex;
  std::map<std::string, std::set<std::string>> of_type;
};

UnnamedHeaders& unnamed_headers() {
  static auto* headers = new UnnamedHeaders();  // told while libraries are loaded
  return *headers;
}

// `BlockImpl` of `vision::BlockImpl<int>`: the tool knows no more of it. Empty for LibTorch's own.
std::string last_name(const std::type_info& type) {
  const std::string whole = c10::demangle(type.name());
  if (whole.compare(0, 11, "torch::nn::") == 0) return "";
  const std::string name = whole.substr(0, whole.find('<'));
  const std::size_t scope = name.rfind("::");
  return scope == std::string::npos ? name : name.substr(scope + 2);
}

}  // namespace

namespace detail {

bool note_unnamed_header(const char* type, const char* header) {
  const std::lock_guard<std::mutex> lock(unnamed_headers().mutex);
  unnamed_headers().of_type[type].insert(header);
  return true;
}

}  // namespace detail

namespace eager {

std::string why_header_is_silent(const torch::nn::Module& module) {
  const std::lock_guard<std::mutex> lock(unnamed_headers().mutex);
  const auto found = unnamed_headers().of_type.find(last_name(typeid(module)));
  if (found == unnamed_headers().of_type.end()) return "";
  const std::string headers = fmt::format("{}", fmt::join(found->second, " "));
  return fmt::format(
      "methods of {} are defined in a header, which is compiled as it is: name it, "
      "anycapture_instrument(... HEADERS {})",
      found->first, headers);
}

}  // namespace eager
}  // namespace anycapture
