// SPDX-License-Identifier: MIT
// Headers that a source includes and that nobody named, whose locals are not heard.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "instrument/declarations.h"
#include "instrument/syntax.h"

namespace anycapture {
namespace instrument {

struct UnnamedHeader {
  std::filesystem::path path;
  std::vector<std::string> classes;  ///< whose methods would be tagged if it were named; each once
};

std::vector<std::string> classes_to_tag(const Tree& header, const Declarations& declarations);

/// What is added at the end of a copy, so that a report can say which header to name.
std::string note_of(const std::vector<UnnamedHeader>& headers);

}  // namespace instrument
}  // namespace anycapture
