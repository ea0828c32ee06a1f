// SPDX-License-Identifier: MIT
#include <anycapture/report.h>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <ostream>
#include <set>

#include "capture/session.h"
#include "core/size_text.h"

namespace anycapture {
namespace {

constexpr std::size_t kSilentShown = 8;
constexpr std::size_t kNamesShown = 40;

std::uint64_t bytes_of(const capture::StoredSite& site) {
  std::uint64_t bytes = site.written;
  for (const capture::StoredCall& call : site.calls) bytes += call.bytes();
  return bytes;
}

// A root that is not hooked may run hundreds of ops.
std::string listed(const std::vector<std::string>& names) {
  const std::size_t shown = std::min(names.size(), kNamesShown);
  std::string text = fmt::format("{}", fmt::join(names.begin(), names.begin() + shown, ", "));
  if (shown < names.size()) text += fmt::format(" and {} more", names.size() - shown);
  return text;
}

std::string shown(const std::string& path) {
  return path.empty() ? "(root)" : path;
}

}  // namespace

namespace capture {

std::string Session::silent_reason(std::size_t module) const {
  const auto state = states_.find(module);
  if (state != states_.end() && !state->second.unchosen.empty()) {
    return "what fired there: " + listed(state->second.unchosen);
  }
  const bool ops = !selectors_.may_choose(module, SiteKind::kTag) && asks_for_ops();
  if (ops && world_->modules()[module].id == unhooked_root_)
    return "nothing ran outside the hooked modules";
  const auto advice = advice_.find(module);
  if (asks_for_attention_ && !selectors_.may_choose(module, SiteKind::kTag)) {
    return "no attention was computed in it: no softmax over the last axis whose result is "
           "multiplied with values, and no fused op" +
           (advice == advice_.end() ? "" : "; " + advice->second);
  }
  if (advice != advice_.end())
    return (ops ? "no op of it was heard; " : "no tag of it fired; ") + advice->second;
  return world_->why_silent();
}

void Session::add_notes(SelectorReport& row, const StoredSite& site) const {
  const auto add = [&row](const std::string& note) {
    if (!note.empty() && std::count(row.notes.begin(), row.notes.end(), note) == 0)
      row.notes.push_back(note);
  };
  if (site.order < world_->modules().size()) add(world_->note(site.order, site.site.what));
  for (const StoredCall& call : site.calls) {
    if (call.lazy != nullptr) add(call.lazy->note());
  }
}

Report Session::report() const {
  Report report;
  report.left_by_exception = left_by_exception_;
  report.last_site = last_ != nullptr ? last_->site.key : last_site_;
  const std::vector<Selector>& all = selectors_.selectors();
  std::vector<SelectorReport> rows(all.size());
  for (const StoredSite* site : store_->fired()) {
    SelectorReport& row = rows[site->selector];
    row.keys += 1;
    row.calls += site->calls.size();
    row.bytes += bytes_of(*site);
    report.keys += 1;
    report.bytes += bytes_of(*site);
    add_notes(row, *site);
  }
  for (std::size_t s = 0; s < all.size(); ++s) {
    if (all[s].negative()) continue;
    rows[s].selector = all[s].text();
    rows[s].modules = selectors_.modules_of(s).size();
    // `*:attention` is of those modules that compute some.
    const bool said = all[s].asks_only_for(SiteKind::kAttention) && rows[s].keys > 0;
    for (std::size_t module : selectors_.modules_of(s)) {
      if (said || module_fired_[module] || selectors_.selectors_of(module).empty()) continue;
      rows[s].silent.push_back({world_->modules()[module].name.path, silent_reason(module)});
    }
    report.selectors.push_back(std::move(rows[s]));
  }
  return report;
}

std::string Session::silence() const {
  std::string text;
  for (std::size_t s = 0; s < selector_fired_.size(); ++s) {
    if (selectors_.selectors()[s].negative() || selector_fired_[s]) continue;
    const std::vector<std::size_t>& modules = selectors_.modules_of(s);
    // What another selector chose first is not silent.
    if (std::any_of(modules.begin(), modules.end(),
                    [&](std::size_t module) { return module_fired_[module]; })) {
      continue;
    }
    text += (text.empty() ? "" : "; ") + silence(s);
  }
  return text;
}

std::string Session::silence(std::size_t selector) const {
  const std::string& name = selectors_.selectors()[selector].text();
  const std::vector<std::size_t>& modules = selectors_.modules_of(selector);
  if (modules.empty()) {
    std::vector<std::string> types;
    for (const WorldModule& module : world_->modules())
      types.push_back(normalise_type(module.name.type));
    const std::vector<std::string> close = nearest(name, types, 1);
    return fmt::format("selector \"{}\" matched none of the {} modules and functions that ran{}",
                       name, types.size(), close.empty() ? "" : "; nearest type: " + close.front());
  }
  std::string why;
  if (left_by_exception_) why = "a forward was left by an exception; ";
  if (!heard_) {
    why +=
        "nothing of this model fired: run its forward on this thread while the session is open; "
        "if that was done, ";
  }
  std::set<std::string> reasons;
  for (std::size_t module : modules) reasons.insert(silent_reason(module));
  return fmt::format(
      "selector \"{}\" matched {} module{}, such as {}, but nothing it chose fired: {}{}", name,
      modules.size(), modules.size() == 1 ? "" : "s",
      shown(world_->modules()[modules.front()].name.path), why, fmt::join(reasons, "; others: "));
}

}  // namespace capture

std::string Report::text() const {
  std::size_t width = 8;
  for (const SelectorReport& row : selectors) width = std::max(width, row.selector.size());
  std::string text = fmt::format("{:<{}}  {:>7}  {:>6}  {:>6}  {:>10}\n", "selector", width,
                                 "modules", "keys", "calls", "bytes");
  for (const SelectorReport& row : selectors) {
    text += fmt::format("{:<{}}  {:>7}  {:>6}  {:>6}  {:>10}\n", row.selector, width, row.modules,
                        row.keys, row.calls, size_text(row.bytes));
    for (std::size_t i = 0; i < row.silent.size() && i < kSilentShown; ++i) {
      text += fmt::format("  silent: {}: {}\n", shown(row.silent[i].path), row.silent[i].reason);
    }
    if (row.silent.size() > kSilentShown) {
      text += fmt::format("  silent: {} more modules\n", row.silent.size() - kSilentShown);
    }
    for (std::size_t i = 0; i < row.notes.size() && i < kSilentShown; ++i) {
      text += fmt::format("  note: {}\n", row.notes[i]);
    }
    if (row.notes.size() > kSilentShown) {
      text += fmt::format("  note: the same of {} more\n", row.notes.size() - kSilentShown);
    }
  }
  if (left_by_exception) {
    text += fmt::format("a forward was left by an exception; the last site that fired: {}\n",
                        last_site.empty() ? "none" : last_site);
  } else if (!last_site.empty()) {
    text += fmt::format("{} keys, {}; the last site that fired: {}\n", keys, size_text(bytes),
                        last_site);
  }
  return text;
}

std::ostream& operator<<(std::ostream& out, const Report& report) {
  return out << report.text();
}

}  // namespace anycapture
