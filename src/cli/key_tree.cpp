// SPDX-License-Identifier: MIT
#include <algorithm>
#include <list>
#include <unordered_map>
#include <utility>

#include "cli/inspect.h"
#include "cli/table.h"
#include "core/size_text.h"
#include "core/visible.h"
#include "core/what_pattern.h"

namespace anycapture {
namespace cli {
namespace {

struct Node {
  std::string name;
  const CaptureFile::Entry* entry = nullptr;
  std::list<Node> children;
  std::unordered_map<std::string, Node*> by_name;

  Node& child(const std::string& text) {
    Node*& node = by_name[text];
    if (node == nullptr) {
      node = &children.emplace_back();
      node->name = text;
    }
    return *node;
  }
};

// `blocks.0.attn:attn` -> `blocks`, `0`, `attn`, `:attn`. No file makes it deeper than any model
// is.
std::vector<std::string> steps(const std::string& key) {
  constexpr std::size_t kDeepest = 100;
  const std::size_t colon = std::min(find_separator(key), key.size());
  std::vector<std::string> result;
  for (std::size_t start = 0; start < colon;) {
    const bool deepest = result.size() == kDeepest;
    const std::size_t end = deepest ? colon : std::min(key.find('.', start), colon);
    result.push_back(key.substr(start, end - start));
    start = end + 1;
  }
  if (colon < key.size()) result.push_back(key.substr(colon));
  return result;
}

// A branch with nothing but one branch is one: `blocks.0.attn`.
void join_chains(Node& node) {
  for (Node& child : node.children) {
    while (child.entry == nullptr && child.children.size() == 1) {
      Node only = std::move(child.children.front());
      only.name = child.name + (only.name[0] == ':' ? "" : ".") + only.name;
      child = std::move(only);
    }
    join_chains(child);
  }
}

class TreeText {
 public:
  explicit TreeText(const CaptureFile& capture) : capture_(capture) {}

  void add(const Node& node, const std::string& indent) {
    for (const Node& child : node.children) {
      const bool last = &child == &node.children.back();
      add_line(child, indent + (last ? "└─ " : "├─ "));
      add(child, indent + (last ? "   " : "│  "));
    }
  }
  std::string text() const { return table_.text(); }

 private:
  void add_line(const Node& node, const std::string& indent) {
    if (node.entry == nullptr) {
      table_.add({indent + visible(node.name), "", "", "", ""});
      return;
    }
    const std::size_t calls = node.entry->calls.size();
    table_.add({indent + visible(node.name), dtype_text(capture_, *node.entry),
                shape_text(*node.entry), calls == 1 ? "" : std::to_string(calls) + " calls",
                size_text(bytes_of(*node.entry))});
  }

  const CaptureFile& capture_;
  Table table_{{{"", Table::Align::kLeft},
                {"", Table::Align::kLeft},
                {"", Table::Align::kLeft},
                {"", Table::Align::kRight},
                {"", Table::Align::kRight}}};
};

}  // namespace

std::string key_tree(const CaptureFile& capture, const Entries& entries) {
  Entries in_order = entries;
  std::sort(in_order.begin(), in_order.end(),
            [](const auto* a, const auto* b) { return a->order < b->order; });
  Node root;
  for (const CaptureFile::Entry* entry : in_order) {
    Node* node = &root;
    for (const std::string& step : steps(entry->key)) node = &node->child(step);
    node->entry = entry;
  }
  join_chains(root);
  TreeText text(capture);
  text.add(root, "");
  return text.text();
}

}  // namespace cli
}  // namespace anycapture
