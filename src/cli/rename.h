// SPDX-License-Identifier: MIT
// `--map OLD=NEW`: the keys of two files brought to the same names.
#pragma once

#include <string>
#include <vector>

namespace anycapture {
namespace cli {

class Rename {
 public:
  /// `encoder.layer.(*).x=blocks.$1.x`: OLD is a glob of `*` and `?` over the whole key; NEW names
  /// what its parentheses matched. Throws Error when it is malformed.
  explicit Rename(const std::vector<std::string>& maps);

  /// By the first that matches; else the key as it is. Each `*` takes as much as it can, the first
  /// one first.
  std::string operator()(const std::string& key) const;

 private:
  struct Piece {
    enum Kind { kCharacter, kAny, kStar, kOpen, kClose } kind;
    std::string character = {};
    std::size_t group = 0;  // that a parenthesis opens or closes
  };
  struct Map {
    std::vector<Piece> old;
    std::size_t groups;
    std::string replacement;
  };

  static Map parse(const std::string& map);
  static std::vector<std::vector<bool>> fits_of(const std::vector<Piece>& old,
                                                const std::vector<std::string>& text);
  static bool match(const Map& map, const std::string& key, std::vector<std::string>& groups);

  std::vector<Map> maps_;
};

}  // namespace cli
}  // namespace anycapture
