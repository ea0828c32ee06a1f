// SPDX-License-Identifier: MIT
#include "cli/rename.h"

#include <anycapture/error.h>
#include <fmt/format.h>

namespace anycapture {
namespace cli {
namespace {

constexpr std::size_t kLongest = 1000;  // std::regex recurses; no key that was captured is longer

[[noreturn]] void throw_malformed(const std::string& map, const std::string& problem) {
  throw Error(fmt::format("--map {}: {}; write it as 'encoder.layer.(*).x=blocks.$1.x'",
                          printable(map), problem));
}

std::string regex_of(const std::string& glob) {
  std::string result;
  for (char c : glob) {
    if (c == '*') {
      result += ".*";
    } else if (c == '?') {
      result += '.';
    } else if (std::string_view(R"(\^$.|+[]{})").find(c) != std::string_view::npos) {
      result += {'\\', c};
    } else {
      result += c;
    }
  }
  return result;
}

// What NEW refers to, `$2`, must be there.
void check_references(const std::string& map, const std::string& replacement, std::size_t groups) {
  for (std::size_t at = replacement.find('$'); at != std::string::npos;
       at = replacement.find('$', at + 1)) {
    const char digit = at + 1 < replacement.size() ? replacement[at + 1] : ' ';
    if (digit >= '1' && digit <= '9' && static_cast<std::size_t>(digit - '0') <= groups) continue;
    throw_malformed(map, fmt::format("${} is none of its {} pairs of parentheses", digit, groups));
  }
}

}  // namespace

Rename::Rename(const std::vector<std::string>& maps) {
  for (const std::string& map : maps) {
    const std::size_t equals = map.find('=');
    if (equals == std::string::npos || equals == 0) throw_malformed(map, "it has no OLD=NEW");
    const std::string replacement = map.substr(equals + 1);
    if (replacement.find('*') != std::string::npos) {
      throw_malformed(map, "a * in NEW stands for nothing");
    }
    try {
      maps_.push_back({std::regex(regex_of(map.substr(0, equals))), replacement});
    } catch (const std::regex_error&) {
      throw_malformed(map, "its parentheses do not match");
    }
    check_references(map, replacement, maps_.back().old.mark_count());
  }
}

std::string Rename::operator()(const std::string& key) const {
  if (key.size() > kLongest) return key;
  std::smatch match;
  for (const Map& map : maps_) {
    if (std::regex_match(key, match, map.old)) return match.format(map.replacement);
  }
  return key;
}

}  // namespace cli
}  // namespace anycapture
