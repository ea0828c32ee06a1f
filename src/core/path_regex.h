// SPDX-License-Identifier: MIT
// A regular expression over module paths. Standard C++'s takes the compiler seconds: it stands in
// one source.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace anycapture {

class PathRegex {
 public:
  /// ECMAScript's kind. Throws std::runtime_error with what is wrong in it.
  explicit PathRegex(const std::string& text);

  /// The whole path. Throws std::runtime_error when the expression is too complex for it.
  bool matches(std::string_view path) const;

 private:
  struct Compiled;
  std::shared_ptr<const Compiled> compiled_;
};

}  // namespace anycapture
