// SPDX-License-Identifier: MIT
#include "capture/program_sites.h"

#include <anycapture/error.h>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "capture/listening.h"
#include "capture/world.h"

namespace anycapture {
namespace capture {
namespace {

// Of an op, what it took and each of its calls in a forward are not listed.
bool matches(const Selector& selector, const KnownSite& site) {
  if (site.kind != SiteKind::kOp) return selector.matches_what(site.what, site.kind);
  return std::any_of(site.spellings.begin(), site.spellings.end(), [&](const std::string& op) {
    return selector.may_match_op(op, SiteKind::kOp) ||
           selector.may_match_op(op, SiteKind::kOpInput);
  });
}

[[noreturn]] void throw_without(const Selector& selector, const std::string& example,
                                std::size_t kinds, std::vector<std::string> whats,
                                const char* why) {
  std::sort(whats.begin(), whats.end());
  whats.erase(std::unique(whats.begin(), whats.end()), whats.end());
  const std::vector<std::string> close = nearest(selector.what(), whats, 3);
  const bool attention = selector.asks_only_for(SiteKind::kAttention);
  const bool softmax = std::any_of(whats.begin(), whats.end(), [](const std::string& what) {
    return what == "@softmax" || what == "@_softmax";
  });
  const std::string who = example.empty() ? "the root" : example;
  throw SelectorError(fmt::format(
      "selector \"{}\": {} {} in the archive{}; {}", selector.text(),
      kinds == 1 ? fmt::format("the module that it matches, such as {}, has no", who)
                 : fmt::format("of the modules of {} types that it matches, such as {}, none "
                               "has",
                               kinds, who),
      printable(selector.what()),
      close.empty() || attention ? "" : fmt::format("; nearest: {}", fmt::join(close, ", ")),
      attention
          ? fmt::format("attention is a softmax over the last axis whose result is multiplied "
                        "with values, or a fused op{}",
                        softmax ? "; ask for @softmax for what any softmax gave" : "")
          : why));
}

}  // namespace

Sessions listening_to(const World& world) {
  Sessions sessions;
  ThreadSessions::here().each([&](Session& session) {
    if (&session.world() == &world) sessions.push_back(session.shared_from_this());
  });
  return sessions;
}

std::string selectors_text(const Sessions& sessions) {
  std::string text;
  for (const auto& session : sessions) {
    text += '\0';
    for (const Selector& one : session->selectors().selectors()) text += '\n' + one.text();
  }
  return text;
}

std::string local_what(const std::string& function, const std::string& name) {
  const bool taken = name == "output" || name == "input" || name == "attention" || name == "return";
  return function == "forward" && !taken ? name : function + "." + name;
}

std::size_t module_at(const World& world, const std::string& path) {
  std::vector<std::string> paths;
  for (std::size_t i = 0; i < world.modules().size(); ++i) {
    const ModuleName& name = world.modules()[i].name;
    const auto& aliases = name.aliases;
    const bool alias = std::find(aliases.begin(), aliases.end(), path) != aliases.end();
    if (name.path == path || alias) return i;
    paths.push_back(name.path);
  }
  const std::vector<std::string> close = nearest(path, paths, 3);
  throw Error(
      fmt::format("the program has no module {}{}", printable(path),
                  close.empty() ? "" : fmt::format("; nearest: {}", fmt::join(close, ", "))));
}

void check_sites(const World& world, const BoundSelectors& selectors, const SiteCheck& check) {
  const std::vector<Selector>& all = selectors.selectors();
  for (std::size_t s = 0; s < all.size(); ++s) {
    if (all[s].negative() || !all[s].has_what()) continue;
    std::set<const void*> kinds;
    std::vector<std::string> whats;
    bool found = selectors.modules_of(s).empty();
    for (const std::size_t module : selectors.modules_of(s)) {
      if (found || !kinds.insert(check.kind_of(module)).second) continue;
      for (const KnownSite& site : check.sites_of(module)) {
        found = found || matches(all[s], site);
        whats.push_back(site.what);
      }
    }
    if (found) continue;
    const std::string& example = world.modules()[selectors.modules_of(s).front()].name.path;
    throw_without(all[s], example, kinds.size(), std::move(whats), check.why);
  }
}

}  // namespace capture
}  // namespace anycapture
