// SPDX-License-Identifier: MIT
#include "cli/rename.h"

#include <anycapture/error.h>
#include <fmt/format.h>

#include "core/utf8.h"
#include "core/visible.h"

namespace anycapture {
namespace cli {
namespace {

[[noreturn]] void throw_malformed(const std::string& map, const std::string& problem) {
  throw Error(fmt::format("--map {}: {}; write it as 'encoder.layer.(*).x=blocks.$1.x'",
                          printable(map), problem));
}

std::vector<std::string> characters_of(const std::string& text) {
  std::vector<std::string> characters;
  const char* const end = text.data() + text.size();
  for (const char* at = text.data(); at < end;) {
    const char* const start = at;
    next_code_point(at, end);
    characters.emplace_back(start, at);
  }
  return characters;
}

// The group that `$` at `at` refers to, from 1; 0 if that is none.
std::size_t reference_at(const std::string& replacement, std::size_t at) {
  const char digit = at + 1 < replacement.size() ? replacement[at + 1] : ' ';
  return digit >= '1' && digit <= '9' ? static_cast<std::size_t>(digit - '0') : 0;
}

// What NEW refers to, `$2`, must be there.
void check_references(const std::string& map, const std::string& replacement, std::size_t groups) {
  for (std::size_t at = replacement.find('$'); at != std::string::npos;
       at = replacement.find('$', at + 1)) {
    const std::size_t group = reference_at(replacement, at);
    if (group >= 1 && group <= groups) continue;
    throw_malformed(map, fmt::format("{} is none of its {} pairs of parentheses",
                                     visible(replacement.substr(at, 2)), groups));
  }
}

std::string filled(const std::string& replacement, const std::vector<std::string>& groups) {
  std::string result;
  for (std::size_t at = 0; at < replacement.size(); ++at) {
    if (replacement[at] == '$') {
      result += groups[reference_at(replacement, at++) - 1];
    } else {
      result += replacement[at];
    }
  }
  return result;
}

}  // namespace

Rename::Map Rename::parse(const std::string& map) {
  const std::size_t equals = map.find('=');
  if (equals == std::string::npos || equals == 0) throw_malformed(map, "it has no OLD=NEW");
  Map result{{}, 0, map.substr(equals + 1)};
  if (result.replacement.find('*') != std::string::npos) {
    throw_malformed(map, "a * in NEW stands for nothing");
  }
  std::vector<std::size_t> open;
  for (const std::string& character : characters_of(map.substr(0, equals))) {
    if (character == "*") {
      result.old.push_back({Piece::kStar});
    } else if (character == "?") {
      result.old.push_back({Piece::kAny});
    } else if (character == "(") {
      open.push_back(result.groups++);
      result.old.push_back({Piece::kOpen, "", open.back()});
    } else if (character == ")") {
      if (open.empty()) throw_malformed(map, "its parentheses do not match");
      result.old.push_back({Piece::kClose, "", open.back()});
      open.pop_back();
    } else {
      result.old.push_back({Piece::kCharacter, character});
    }
  }
  if (!open.empty()) throw_malformed(map, "its parentheses do not match");
  check_references(map, result.replacement, result.groups);
  return result;
}

// fits[p][t]: the pieces from p on take all of the text from t on. As many steps as OLD is long
// times the key, whatever they hold.
std::vector<std::vector<bool>> Rename::fits_of(const std::vector<Piece>& old,
                                               const std::vector<std::string>& text) {
  std::vector<std::vector<bool>> fits(old.size() + 1, std::vector<bool>(text.size() + 1, false));
  fits[old.size()][text.size()] = true;
  for (std::size_t p = old.size(); p-- > 0;) {
    const Piece& piece = old[p];
    for (std::size_t t = text.size() + 1; t-- > 0;) {
      const bool more = t < text.size();
      if (piece.kind == Piece::kAny) {
        fits[p][t] = more && fits[p + 1][t + 1];
      } else if (piece.kind == Piece::kCharacter) {
        fits[p][t] = more && fits[p + 1][t + 1] && piece.character == text[t];
      } else {
        fits[p][t] = fits[p + 1][t] || (piece.kind == Piece::kStar && more && fits[p][t + 1]);
      }
    }
  }
  return fits;
}

bool Rename::match(const Map& map, const std::string& key, std::vector<std::string>& groups) {
  const std::vector<std::string> text = characters_of(key);
  const auto fits = fits_of(map.old, text);
  if (!fits[0][0]) return false;
  groups.assign(map.groups, "");
  std::vector<bool> inside(map.groups, false);
  std::size_t t = 0;
  const auto take = [&] {
    for (std::size_t group = 0; group < map.groups; ++group) {
      if (inside[group]) groups[group] += text[t];
    }
    ++t;
  };
  for (std::size_t p = 0; p < map.old.size(); ++p) {
    const Piece& piece = map.old[p];
    if (piece.kind == Piece::kOpen || piece.kind == Piece::kClose) {
      inside[piece.group] = piece.kind == Piece::kOpen;
    } else if (piece.kind == Piece::kStar) {
      while (t < text.size() && fits[p][t + 1]) take();
    } else {
      take();
    }
  }
  return true;
}

Rename::Rename(const std::vector<std::string>& maps) {
  for (const std::string& map : maps) maps_.push_back(parse(map));
}

std::string Rename::operator()(const std::string& key) const {
  std::vector<std::string> groups;
  for (const Map& map : maps_) {
    if (match(map, key, groups)) return filled(map.replacement, groups);
  }
  return key;
}

}  // namespace cli
}  // namespace anycapture
