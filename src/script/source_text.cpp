// SPDX-License-Identifier: MIT
#include "script/source_text.h"

#include <algorithm>
#include <cctype>

namespace anycapture {
namespace script {
namespace {

// `file.py(20): forward`, which is what a traced archive keeps in place of the source.
bool is_trace(const std::string& text) {
  const std::size_t open = text.find('(');
  const std::size_t close = text.find("): ", open);
  return open != std::string::npos && close != std::string::npos && close < text.find('\n') &&
         std::all_of(text.begin() + static_cast<std::ptrdiff_t>(open) + 1,
                     text.begin() + static_cast<std::ptrdiff_t>(close),
                     [](unsigned char c) { return std::isdigit(c) != 0; });
}

}  // namespace

bool SourceText::assigns(const std::string& name) const {
  return std::any_of(statements.begin(), statements.end(),
                     [&](const Statement& one) { return one.assigns(name); });
}

std::size_t SourceText::assignments_before(int statement, const std::string& name) const {
  return static_cast<std::size_t>(
      std::count_if(statements.begin(), statements.begin() + statement,
                    [&](const Statement& one) { return one.assigns(name); }));
}

int SourceText::otherwise(int header) const {
  for (int i = header + 1; i < static_cast<int>(statements.size()); ++i) {
    if (at(i).parent != at(header).parent) continue;
    return at(i).keyword == "else" || at(i).keyword == "elif" ? i : -1;
  }
  return -1;
}

bool SourceText::stands_in(int statement, int header) const {
  int parent = at(statement).parent;
  while (parent >= 0 && parent != header && at(parent).keyword == "for") parent = at(parent).parent;
  return header >= 0 ? parent == header : parent >= 0 && at(parent).keyword == "def";
}

SourcePlace SourceTexts::place_of(const torch::jit::Node& node) {
  const auto range = node.sourceRange().findSourceRangeThatGenerated();
  if (!range || range->source() == nullptr || !range->source()->filename()) return {};
  const auto& source = range->source();
  SourcePlace place;
  place.file = *source->filename();
  if (place.file.empty() || place.file[0] == '<') return {};
  const std::size_t line = source->lineno_for_offset(range->start());
  place.line = source->lineno_to_source_lineno(line);
  const SourceText& text = text_of(*source);
  place.traced = text.statements.empty();
  if (place.traced) return place;
  place.text = &text;
  place.statement = python::statement_at(text.statements, range->start());
  return place;
}

const SourceText& SourceTexts::text_of(torch::jit::Source& source) {
  const auto [found, added] = texts_.try_emplace(&source);
  SourceText& text = found->second;
  if (!added) return text;
  const std::string all = source.text_str().str();
  if (is_trace(all)) return text;
  text.file = *source.filename();
  text.first_line = source.lineno_to_source_lineno(0);
  text.statements = python::statements_of(all);
  return text;
}

}  // namespace script
}  // namespace anycapture
