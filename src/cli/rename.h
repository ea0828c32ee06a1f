// SPDX-License-Identifier: MIT
// `--map OLD=NEW`: the keys of two files brought to the same names.
#pragma once

#include <regex>
#include <string>
#include <vector>

namespace anycapture {
namespace cli {

class Rename {
 public:
  /// `encoder.layer.(*).x=blocks.$1.x`: OLD is a glob of `*` and `?` over the whole key; NEW names
  /// what its parentheses matched. Throws Error when it is malformed.
  explicit Rename(const std::vector<std::string>& maps);

  /// By the first that matches; else the key as it is.
  std::string operator()(const std::string& key) const;

 private:
  struct Map {
    std::regex old;
    std::string replacement;
  };
  std::vector<Map> maps_;
};

}  // namespace cli
}  // namespace anycapture
