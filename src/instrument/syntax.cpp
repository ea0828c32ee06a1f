// SPDX-License-Identifier: MIT
#include "instrument/syntax.h"

#include <anycapture/error.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>
#include <utility>

extern "C" const TSLanguage* tree_sitter_cpp();

namespace anycapture {
namespace instrument {
namespace {

// Comments and strings may be in any encoding, which offsets must survive.
std::string with_ascii_only(std::string text) {
  for (char& c : text) {
    if (static_cast<unsigned char>(c) >= 0x80) c = 'u';
  }
  return text;
}

// `= {}` as a default argument is a literal whose type is left out, to the grammar.
bool is_default_argument(const Node& missing) {
  return missing.is("type_identifier") && missing.parent().is("compound_literal_expression");
}

}  // namespace

std::string_view Node::kind() const {
  return *this ? std::string_view(ts_node_type(node_)) : std::string_view();
}

std::string_view Node::text() const {
  if (!*this) return {};
  return std::string_view(*source_).substr(start(), end() - start());
}

bool Node::is_broken() const {
  if (!*this || !ts_node_has_error(node_)) return false;
  if (is("ERROR")) return true;
  if (is_missing()) return !is_default_argument(*this);
  const std::vector<Node> all = tokens();
  return std::any_of(all.begin(), all.end(), [](const Node& one) { return one.is_broken(); });
}

Node Node::child(std::string_view field) const {
  if (!*this) return {};
  return {ts_node_child_by_field_name(node_, field.data(), static_cast<uint32_t>(field.size())),
          *source_};
}

std::vector<Node> Node::children(std::string_view field) const {
  std::vector<Node> result;
  if (!*this) return result;
  TSTreeCursor cursor = ts_tree_cursor_new(node_);
  for (bool more = ts_tree_cursor_goto_first_child(&cursor); more;
       more = ts_tree_cursor_goto_next_sibling(&cursor)) {
    const char* name = ts_tree_cursor_current_field_name(&cursor);
    if (name != nullptr && field == name) {
      result.emplace_back(ts_tree_cursor_current_node(&cursor), *source_);
    }
  }
  ts_tree_cursor_delete(&cursor);
  return result;
}

std::vector<Node> Node::tokens() const {
  std::vector<Node> result;
  if (!*this) return result;
  TSTreeCursor cursor = ts_tree_cursor_new(node_);
  for (bool more = ts_tree_cursor_goto_first_child(&cursor); more;
       more = ts_tree_cursor_goto_next_sibling(&cursor)) {
    result.emplace_back(ts_tree_cursor_current_node(&cursor), *source_);
  }
  ts_tree_cursor_delete(&cursor);
  return result;
}

std::vector<Node> Node::children() const {
  std::vector<Node> result = tokens();
  const auto left_out = [](const Node& one) { return !one.is_named() || one.is("comment"); };
  result.erase(std::remove_if(result.begin(), result.end(), left_out), result.end());
  return result;
}

Node Node::first_child() const {
  for (const Node& one : tokens()) {
    if (one.is_named() && !one.is("comment")) return one;
  }
  return {};
}

bool Node::holds(std::string_view kind) const {
  if (is(kind)) return true;
  const std::vector<Node> all = tokens();
  return std::any_of(all.begin(), all.end(), [&](const Node& one) { return one.holds(kind); });
}

Tree::Tree(std::string source) : source_(std::make_unique<const std::string>(std::move(source))) {
  if (source_->size() > std::numeric_limits<uint32_t>::max()) {
    throw Error("a source of more than 4 GiB cannot be parsed: leave it out");
  }
  const std::string parsed = with_ascii_only(*source_);
  const std::unique_ptr<TSParser, void (*)(TSParser*)> parser(ts_parser_new(), ts_parser_delete);
  if (!ts_parser_set_language(parser.get(), tree_sitter_cpp())) {
    throw Error("the C++ grammar does not fit the tree-sitter it was built with: build it again");
  }
  tree_.reset(ts_parser_parse_string(parser.get(), nullptr, parsed.data(),
                                     static_cast<uint32_t>(parsed.size())));
}

}  // namespace instrument
}  // namespace anycapture
