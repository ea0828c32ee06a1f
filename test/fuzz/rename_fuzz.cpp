// SPDX-License-Identifier: MIT
#include "cli/rename.h"

#include "core/glob.h"
#include "fuzz/fuzz.h"

void fuzz::rename(std::string_view bytes) {
  using namespace anycapture;
  const auto [map, key] = halves(bytes);
  std::string renamed;
  try {
    renamed = cli::Rename({std::string(map)})(std::string(key));
  } catch (const Error& error) {
    check_message(error.what(), "--map ");
    return;
  }
  const std::string_view old = map.substr(0, map.find('='));
  const std::string_view wanted = map.substr(map.find('=') + 1);
  if (old.find_first_of("()[]{}") != std::string_view::npos) return;
  // Without parentheses it is a glob, and NEW is a name.
  const bool matches = Glob(old).matches(key);
  check(renamed == (matches ? wanted : key), "a key that OLD matches becomes NEW");
}
