// SPDX-License-Identifier: MIT
#include <anycapture/error.h>
#include <anycapture/selector.h>

#include <fmt/format.h>

#include <algorithm>

namespace anycapture {
namespace {

// Offset of the `;` that ends the selector which starts at `start`, or of the end.
std::size_t selector_end(std::string_view text, std::size_t start) {
  std::size_t at = std::min(text.find_first_not_of(" \t\r\n!", start), text.size());
  if (text.substr(at, 4) == "re:/") {
    at += 4;
    while (at < text.size() && text[at] != '/') at += text[at] == '\\' ? 2 : 1;
  }
  return std::min(text.find(';', at), text.size());
}

}  // namespace

SelectorList::SelectorList(const std::vector<std::string>& texts) {
  selectors_.reserve(texts.size());
  for (const std::string& text : texts) selectors_.push_back(Selector::parse(text));
  if (selectors_.empty() || !selectors_.front().negative()) return;
  throw SelectorError(fmt::format(
      "selector \"{0}\" comes first, so there is nothing it could take away: put what to "
      "capture in front of it, such as \"*\" and then \"{0}\"",
      selectors_.front().text()));
}

std::vector<std::string> SelectorList::split(std::string_view text) {
  std::vector<std::string> texts;
  for (std::size_t start = 0; start <= text.size();) {
    const std::size_t end = selector_end(text, start);
    const std::string_view piece = text.substr(start, end - start);
    const std::size_t first = piece.find_first_not_of(" \t\r\n");
    if (first != std::string_view::npos) {
      const std::size_t last = piece.find_last_not_of(" \t\r\n");
      texts.emplace_back(piece.substr(first, last - first + 1));
    }
    start = end + 1;
  }
  return texts;
}

}  // namespace anycapture
