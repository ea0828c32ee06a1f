// SPDX-License-Identifier: MIT
// What is inserted into a source, as tests read it.
#pragma once

#include <string>

#include "instrument/instrument.h"

namespace rewriting {

using anycapture::instrument::Declarations;
using anycapture::instrument::LeftAlone;
using anycapture::instrument::Rewriting;
using anycapture::instrument::Tagged;
using anycapture::instrument::Tree;

inline Rewriting of(const std::string& source) {
  const Tree tree(source);
  Declarations declarations;
  declarations.add(tree);
  return anycapture::instrument::instrument(tree, declarations);
}

/// The source with the insertions alone, `anycapture_` short as `$`.
inline std::string text(const std::string& source) {
  std::string result;
  std::size_t at = 0;
  for (const auto& one : of(source).insertions) {
    result.append(source, at, one.offset - at).append(one.text);
    at = one.offset;
  }
  result.append(source, at);
  for (const std::string name : {"::anycapture::detail::", "anycapture_"}) {
    for (std::size_t i = result.find(name); i != std::string::npos; i = result.find(name)) {
      result.replace(i, name.size(), name == "anycapture_" ? "$" : "");
    }
  }
  return result;
}

/// The body of a free function that returns a Tensor and has the parameters `Tensor x, Tensor y`,
/// behind what opens it.
inline std::string body(const std::string& statements) {
  const std::string result = text("Tensor f(Tensor x, Tensor y) {" + statements + "}");
  if (result.find("Locals $(") == std::string::npos) return "as it was";
  const std::size_t open = result.find(");") + 2;
  return result.substr(open, result.size() - open - 1);
}

}  // namespace rewriting
