// SPDX-License-Identifier: MIT
#include "cli/rename.h"

#include "core/glob.h"
#include "core/utf8.h"
#include "fuzz/fuzz.h"

namespace {

bool is_utf8(std::string_view text) {
  const char* const end = text.data() + text.size();
  for (const char* at = text.data(); at < end;) {
    const char* const start = at;
    if (anycapture::next_code_point(at, end) >= 0x80 && at - start == 1) return false;
  }
  return true;
}

}  // namespace

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
  // Without parentheses it is a glob, and NEW is a name. A glob of half a character may match the
  // half of one.
  if (old.find_first_of("()[]{}") != std::string_view::npos || !is_utf8(old)) return;
  const bool matches = Glob(old).matches(key);
  check(renamed == (matches ? wanted : key), "a key that OLD matches becomes NEW");
}
