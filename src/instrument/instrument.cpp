// SPDX-License-Identifier: MIT
#include "instrument/instrument.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <utility>

#include "instrument/functions.h"
#include "instrument/string_literal.h"

namespace anycapture {
namespace instrument {
namespace {

// Behind the last #include that is at the top and in front of all else.
Insertion header(const Tree& tree, std::string_view path) {
  std::size_t at = 0, line = 1;
  for (const Node& one : tree.root().children()) {
    if (one.kind().substr(0, 8) != "preproc_") break;
    if (!one.is("preproc_include")) continue;
    at = one.end();
    line = one.line() + 1;
  }
  const std::string& source = tree.source();
  if (at > 0 && source[at - 1] != '\n') {
    at = std::min(source.find('\n', at), source.size() - 1) + 1;
  }
  return {at, fmt::format("#include <anycapture/detail/instrumented.h>\n#line {} {}\n", line,
                          string_literal(path))};
}

}  // namespace

Rewriting instrument(const Tree& tree, const Declarations& declarations) {
  Rewriting all;
  for (const Function& function : functions_of(tree, declarations)) {
    if (!function.left_alone.empty()) {
      all.left_alone.push_back({function.definition.line(), function.shown, "", function.left_alone,
                                function.is_expected});
      continue;
    }
    Rewriting one = rewrite(function, declarations);
    const auto move_to = [](auto& from, auto& to) {
      to.insert(to.end(), std::make_move_iterator(from.begin()),
                std::make_move_iterator(from.end()));
    };
    move_to(one.insertions, all.insertions);
    move_to(one.tagged, all.tagged);
    move_to(one.left_alone, all.left_alone);
  }
  std::stable_sort(all.insertions.begin(), all.insertions.end(),
                   [](const Insertion& a, const Insertion& b) { return a.offset < b.offset; });
  return all;
}

std::string rewritten(const Tree& tree, std::vector<Insertion> insertions, std::string_view path,
                      bool needs_header) {
  const std::string& source = tree.source();
  if (needs_header) {
    const auto by_offset = [](const Insertion& a, const Insertion& b) {
      return a.offset < b.offset;
    };
    const Insertion include = header(tree, path);
    insertions.insert(std::upper_bound(insertions.begin(), insertions.end(), include, by_offset),
                      include);
  }
  std::string text = fmt::format("#line 1 {}\n", string_literal(path));
  std::size_t at = 0;
  for (const Insertion& one : insertions) {
    text.append(source, at, one.offset - at);
    text += one.text;
    at = one.offset + one.removed;
  }
  return text.append(source, at);
}

}  // namespace instrument
}  // namespace anycapture
