// SPDX-License-Identifier: MIT
#include "cli/token_file.h"

#include <anycapture/error.h>
#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "core/json_problem.h"

namespace anycapture {
namespace cli {
namespace {

using Json = nlohmann::json;

Json parsed(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  if (!file) throw FileError(fmt::format("{}: cannot be read: {}", path, std::strerror(errno)));
  try {
    return Json::parse(text);
  } catch (const Json::exception& error) {
    throw FileError(fmt::format("{}: is no JSON: {}", path, json_problem(error.what())));
  }
}

}  // namespace

std::vector<std::string> read_tokens(const std::string& path) {
  Json json = parsed(path);
  if (json.is_object() && json.contains("tokens")) json = Json(json["tokens"]);
  std::vector<std::string> tokens;
  if (json.is_array()) {
    for (const Json& token : json) {
      if (token.is_string()) tokens.push_back(token.get<std::string>());
    }
  }
  if (tokens.empty() || tokens.size() != json.size()) {
    throw FileError(
        fmt::format("{}: holds no tokens: give a list of texts, [\"[CLS]\", \"a\", ...], or an "
                    "object with such "
                    "a list as \"tokens\"",
                    path));
  }
  return tokens;
}

}  // namespace cli
}  // namespace anycapture
