// SPDX-License-Identifier: MIT
// The rewriting of one function while it is made: assignments get their numbers at the end.
#pragma once

#include <cstddef>
#include <set>
#include <string>
#include <vector>

#include "instrument/assignments.h"
#include "instrument/body.h"
#include "instrument/functions.h"

namespace anycapture {
namespace instrument {

/// The object that the function's tags call; that of its nth lambda has the number behind it.
constexpr const char* kFrame = "anycapture_";

class Draft {
 public:
  explicit Draft(const Function& function) : function_(function) {}

  void insert(std::size_t offset, std::string text) {
    result_.insertions.push_back({offset, std::move(text)});
  }
  /// Values that a statement has given are named behind it.
  void add_sites(std::size_t offset, const std::string& frame, std::vector<Assigned> assigned);
  /// What it may assign has no final value then that can be told.
  void leave(const Node& node, std::string why);
  /// Something in it is left alone; what it assigns otherwise is known.
  void note_left_alone(const Node& node, std::string why);
  void lose(const std::string& name) { lost_.insert(name); }
  void lose_assigned_in(const Node& node) { lost_.merge(names_assigned_in(node)); }
  void add_tagged(std::size_t line, std::string name, std::string kind);

  /// A place for the text that opens a lambda's frame; it stays empty where no site is in it.
  std::size_t reserve(std::size_t offset);
  void fill(std::size_t reserved, std::string text) {
    result_.insertions[reserved].text = std::move(text);
  }
  bool has_site_in(const std::string& frame) const;
  bool is_empty() const { return sites_.empty(); }

  /// The function's own frame, in front of all else.
  void open();
  /// With its numbers; nothing is added afterwards.
  Rewriting finish();

 private:
  // Where the text of a site will stand when it has a number.
  struct Site {
    std::size_t offset;
    std::size_t order;  // among the insertions
    std::string frame;
    Assigned assigned;
  };
  void number(Site& site, int number);

  const Function& function_;
  std::set<std::string> lost_;  // may be assigned where nothing tells
  std::vector<Site> sites_;
  Rewriting result_;
};

}  // namespace instrument
}  // namespace anycapture
