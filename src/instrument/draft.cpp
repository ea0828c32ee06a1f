// SPDX-License-Identifier: MIT
#include "instrument/draft.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <utility>

namespace anycapture {
namespace instrument {
namespace {

std::string beginning(const Node& node) {
  std::string text(node.text().substr(0, node.text().find_first_of("\r\n")));
  if (text.size() > 60) text = text.substr(0, 57) + "...";
  return text;
}

// What stands between the parentheses of its call.
std::string arguments_of(const Assigned& one, int number) {
  if (one.owner.empty()) return fmt::format("\"{}\", {}, {}", one.name, number, one.expression);
  return fmt::format("\"{}\", {}, {}, \"{}\", {}", one.owner, number, one.owner_expression,
                     one.name, one.expression);
}

}  // namespace

void Draft::add_sites(std::size_t offset, const std::string& frame,
                      std::vector<Assigned> assigned) {
  for (Assigned& one : assigned) {
    sites_.push_back({offset, reserve(offset), frame, std::move(one)});
  }
}

void Draft::leave(const Node& node, std::string why) {
  lose_assigned_in(node);
  note_left_alone(node, std::move(why));
}

void Draft::note_left_alone(const Node& node, std::string why) {
  result_.left_alone.push_back({node.line(), function_.shown, beginning(node), std::move(why)});
}

void Draft::add_tagged(std::size_t line, std::string name, std::string kind) {
  result_.tagged.push_back({line, function_.shown, std::move(name), std::move(kind)});
}

std::size_t Draft::reserve(std::size_t offset) {
  insert(offset, "");
  return result_.insertions.size() - 1;
}

bool Draft::has_site_in(const std::string& frame) const {
  return std::any_of(sites_.begin(), sites_.end(),
                     [&](const Site& site) { return site.frame == frame; });
}

void Draft::open() {
  std::vector<std::string> arguments;
  std::string names;
  for (const std::string& name : function_.parameters) {
    const bool pack = !name.empty() && name.back() == '.';
    if (!arguments.empty()) names += ",";
    if (lost_.count(name) == 0) names += name;
    arguments.push_back(name.empty() ? "::anycapture::detail::Unnamed()" : name);
    if (!name.empty() && !pack && function_.has_class_parameter) {
      add_tagged(function_.definition.line(), name, "parameter");
    }
  }
  std::string text =
      fmt::format(" ::anycapture::detail::Locals {}({}\"{}\", {}u", kFrame,
                  function_.has_this ? "this, " : "", function_.name, function_.body.start());
  if (!arguments.empty()) text += fmt::format(", \"{}\", {}", names, fmt::join(arguments, ", "));
  result_.insertions.insert(result_.insertions.begin(), {function_.body.start() + 1, text + ");"});
  for (Site& site : sites_) ++site.order;
}

// Assignments count in the order of the source; those that perhaps are none come last.
Rewriting Draft::finish() {
  std::stable_sort(sites_.begin(), sites_.end(),
                   [](const Site& a, const Site& b) { return a.offset < b.offset; });
  std::map<std::string, int> next;
  for (const bool perhaps : {false, true}) {
    for (Site& site : sites_) {
      if (site.assigned.perhaps == perhaps) number(site, next[site.assigned.name]++);
    }
  }
  std::stable_sort(result_.tagged.begin(), result_.tagged.end(),
                   [](const Tagged& a, const Tagged& b) { return a.line < b.line; });
  return std::move(result_);
}

void Draft::number(Site& site, int number) {
  const Assigned& one = site.assigned;
  const bool lost = lost_.count(one.owner.empty() ? one.name : one.owner) != 0;
  if (lost && (one.perhaps || !one.owner.empty())) return;
  const char* verb = one.perhaps ? "touch" : lost ? "step" : "set";
  fill(site.order, fmt::format(" {}.{}{}({});", site.frame, verb, one.owner.empty() ? "" : "_field",
                               arguments_of(one, number)));
  add_tagged(one.line, fmt::format("{}[{}]", one.name, number),
             one.perhaps ? std::string(one.kind) + ", if changed" : one.kind);
}

}  // namespace instrument
}  // namespace anycapture
