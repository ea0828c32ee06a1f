// SPDX-License-Identifier: MIT
// The syntax tree of one C++ source, as tree-sitter gives it.
#pragma once

#include <tree_sitter/api.h>

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace anycapture {
namespace instrument {

/// A place in a tree. Good while the tree lives; a node that is not there is empty.
class Node {
 public:
  Node() : node_{} {}
  Node(TSNode node, const std::string& source) : node_(node), source_(&source) {}

  explicit operator bool() const { return !ts_node_is_null(node_); }
  std::string_view kind()
      const;  ///< `assignment_expression`; the token itself where it has no name
  bool is(std::string_view kind) const { return this->kind() == kind; }
  std::string_view text() const;
  std::size_t start() const { return ts_node_start_byte(node_); }
  std::size_t end() const { return ts_node_end_byte(node_); }
  std::size_t line() const { return ts_node_start_point(node_).row + 1; }
  bool is_missing() const { return ts_node_is_missing(node_); }
  bool is_named() const { return ts_node_is_named(node_); }
  /// Whether the parser did not understand all of it.
  bool is_broken() const;

  Node child(std::string_view field) const;  ///< the first of that field
  std::vector<Node> children(std::string_view field) const;
  std::vector<Node> children() const;  ///< those with a name, without comments
  std::vector<Node> tokens() const;    ///< all, with those that have no name
  Node first_child() const;            ///< of children()
  Node parent() const { return {ts_node_parent(node_), *source_}; }
  /// Whether a node of this kind is among it and what it holds.
  bool holds(std::string_view kind) const;
  bool operator==(const Node& other) const { return ts_node_eq(node_, other.node_); }

 private:
  TSNode node_;
  const std::string* source_ = nullptr;
};

/// Owns a source's text and its tree.
class Tree {
 public:
  /// Text in any encoding that holds ASCII. Throws `Error` when it is too long.
  explicit Tree(std::string source);

  Node root() const { return {ts_tree_root_node(tree_.get()), *source_}; }
  const std::string& source() const { return *source_; }

 private:
  struct Delete {
    void operator()(TSTree* tree) const { ts_tree_delete(tree); }
  };
  std::unique_ptr<const std::string> source_;  // its address stays when the tree is moved
  std::unique_ptr<TSTree, Delete> tree_;
};

}  // namespace instrument
}  // namespace anycapture
