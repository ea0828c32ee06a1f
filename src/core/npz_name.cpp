// SPDX-License-Identifier: MIT
#include "core/npz_name.h"

#include <anycapture/error.h>

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "core/utf8.h"

namespace anycapture {
namespace npz {
namespace {

constexpr std::size_t kLongest = 65535 - 4;  // with .npy it has a length of two bytes

bool leads_out(std::string_view name) {
  if (name.substr(0, 1) == "/" || name.substr(0, 1) == "\\") return true;
  while (true) {
    const std::size_t end = name.find_first_of("/\\");
    if (name.substr(0, end) == "..") return true;
    if (end == std::string_view::npos) return false;
    name.remove_prefix(end + 1);
  }
}

bool is_control(char c) {
  return static_cast<unsigned char>(c) < 0x20 && c != '\t' && c != '\n' && c != '\r';
}

const char* problem_of(std::string_view name) {
  if (find_invalid_utf8(name) != std::string_view::npos) return "is no UTF-8";
  if (name.find('\0') != std::string_view::npos) return "holds a zero byte";
  if (name.size() > kLongest) return "is longer than 65531 bytes";
  if (!is_ascii(name) && std::any_of(name.begin(), name.end(), is_control)) {
    return "has a control character beside others than ASCII, which libzip cannot write";
  }
  if (leads_out(name)) return "leads out of the folder that the file is unpacked into";
  return nullptr;
}

}  // namespace

void check_name(const std::string& name, const char* word, const std::string& path) {
  const char* problem = problem_of(name);
  if (problem == nullptr) return;
  throw FileError(fmt::format("{}: the {} {} {}: rename it", path, word, printable(name), problem));
}

}  // namespace npz
}  // namespace anycapture
