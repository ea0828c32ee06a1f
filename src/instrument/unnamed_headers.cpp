// SPDX-License-Identifier: MIT
#include "instrument/unnamed_headers.h"

#include <fmt/format.h>

#include <algorithm>

#include "instrument/body.h"
#include "instrument/functions.h"
#include "instrument/string_literal.h"

namespace anycapture {
namespace instrument {

std::vector<std::string> classes_to_tag(const Tree& header, const Declarations& declarations) {
  std::vector<std::string> classes;
  // Other libraries' headers are many, and long.
  if (header.source().find("Tensor") == std::string::npos) return classes;
  for (const Function& function : functions_of(header, declarations)) {
    if (function.class_name.empty() || !function.left_alone.empty()) continue;
    if (std::count(classes.begin(), classes.end(), function.class_name) != 0) continue;
    if (!rewrite(function, declarations).tagged.empty()) classes.push_back(function.class_name);
  }
  return classes;
}

std::string note_of(const std::vector<UnnamedHeader>& headers) {
  if (headers.empty()) return "";
  std::string calls;
  for (const UnnamedHeader& header : headers) {
    const std::string path =
        string_literal(std::filesystem::absolute(header.path).lexically_normal().string());
    for (const std::string& name : header.classes) {
      calls += fmt::format("  ::anycapture::detail::note_unnamed_header({}, {}),\n",
                           string_literal(name), path);
    }
  }
  return fmt::format(
      "\n#include <anycapture/detail/unnamed_header.h>\n"
      "[[maybe_unused]] static const bool anycapture_unnamed_headers_[] = {{\n{}}};\n",
      calls);
}

}  // namespace instrument
}  // namespace anycapture
