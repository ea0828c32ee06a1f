// SPDX-License-Identifier: MIT
// What to say of a selector that matches no module.
#include <anycapture/error.h>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstring>
#include <iterator>
#include <set>
#include <string_view>

#include "core/selector_parts.h"

namespace anycapture {
namespace {

constexpr std::size_t kNearest = 3;
constexpr std::size_t kTypesShown = 12;

std::string_view last_component(std::string_view path) {
  const std::size_t dot = path.rfind('.');
  return dot == std::string_view::npos ? path : path.substr(dot + 1);
}

// Types in the order of the model, each once.
std::vector<std::string> types_of(const std::vector<ModuleName>& modules, bool full) {
  std::vector<std::string> types;
  std::set<std::string_view> seen;
  std::set<std::string> known;
  for (const ModuleName& module : modules) {
    if (!seen.insert(module.type).second) continue;
    const TypeNames names = names_of_type(module.type);
    const std::string& name = full ? names.full.front() : names.normalised;
    if (known.insert(name).second) types.push_back(name);
  }
  return types;
}

// For `*.atn` the last part of a path is what can be mistyped; else the whole path.
std::vector<std::string> nearest_paths(const Selector& selector,
                                       const std::vector<ModuleName>& modules) {
  const std::string& wanted = selector.module();
  const std::string_view last = last_component(wanted);
  std::vector<std::string> candidates;
  if (!has_wildcard(wanted) || has_wildcard(last)) {
    for (const ModuleName& module : modules) candidates.push_back(module.path);
    return nearest(wanted, candidates, kNearest);
  }
  for (const ModuleName& module : modules) candidates.emplace_back(last_component(module.path));
  const std::string front = wanted.substr(0, wanted.size() - last.size());
  std::vector<std::string> paths;
  for (const std::string& name : nearest(last, candidates, kNearest)) {
    // The same word again: it is the part in front of it that does not fit.
    paths.push_back((name == last ? "*." : front) + name);
  }
  return paths;
}

std::string quoted(const std::vector<std::string>& words) {
  return fmt::format("\"{}\"", fmt::join(words, "\", \""));
}

std::string searched(const Selector& selector) {
  switch (selector.form()) {
    case ModuleForm::kType:
      return fmt::format("a type that matches \"{}\"", selector.module());
    case ModuleForm::kWord:
      return fmt::format("the type or the path \"{}\"", selector.module());
    case ModuleForm::kRegex:
      return fmt::format("a path that matches /{}/ as a whole", selector.module());
    default:
      return fmt::format("a path{} that matches \"{}\"", selector.parts().type ? " or a type" : "",
                         selector.module());
  }
}

// `typ:Attention`, and `Attention:attn:0`.
std::string colon_hint(const Selector& selector) {
  const std::string& module = selector.module();
  if (selector.form() == ModuleForm::kRegex || !selector.has_what()) return "";
  const std::size_t colon = find_separator(module);
  std::vector<std::string> meant;
  if (selector.form() == ModuleForm::kWord) {
    meant = nearest(module.substr(0, colon), {"type", "path", "re", "fn"}, 1);
  }
  if (!meant.empty()) {
    const std::string rest = colon == std::string::npos ? "" : module.substr(colon + 1) + ":";
    return fmt::format("; the prefix is written \"{}:{}{}\"", meant.front(), rest, selector.what());
  }
  return colon == std::string::npos ? "" : "; one \":\" too many: a selector is \"module:what\"";
}

// `Attention;Mlp` and `Attention, Mlp`: each of several selectors is a text of its own.
std::string list_hint(const Selector& selector) {
  if (selector.form() == ModuleForm::kRegex) return "";
  std::vector<std::string> texts(1);
  int depth = 0;
  for (const char c : selector.text()) {
    if (std::strchr("{[<(", c) != nullptr) ++depth;
    if (std::strchr("}]>)", c) != nullptr) --depth;
    if (depth == 0 && (c == ';' || c == ',')) {
      texts.emplace_back();
    } else if (c != ' ' || !texts.back().empty()) {
      texts.back() += c;
    }
  }
  texts.erase(std::remove(texts.begin(), texts.end(), ""), texts.end());
  if (texts.size() < 2) return "";
  return fmt::format("; several selectors are a list: {{{}}}", quoted(texts));
}

// `torch.nn.Linear`, as Python spells it.
std::string cpp_hint(const Selector& selector, const std::vector<ModuleName>& modules) {
  const std::string_view last = last_component(selector.module());
  if (!selector.parts().type || last.size() == selector.module().size()) return "";
  for (const ModuleName& module : modules) {
    const TypeNames names = names_of_type(module.type);
    if (names.normalised != last) continue;
    const std::string& full = names.full.front();
    if (full == last) return fmt::format("; in C++ it is \"{}\"", full);
    return fmt::format("; in C++ it is \"{}\", or \"{}\"", full, last);
  }
  return "";
}

bool is_index(std::string_view text) {
  return text == "*" ||
         (!text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos);
}

// `blocks[0].attn[*]` as `blocks.0.attn.*`.
std::string dotted(std::string_view path) {
  std::string text;
  for (std::size_t at = 0; at < path.size(); ++at) {
    const std::size_t close = path[at] == '[' ? path.find(']', at) : std::string_view::npos;
    const bool closed = close != std::string_view::npos;
    if (closed && is_index(path.substr(at + 1, close - at - 1))) {
      text += '.';
      text += path.substr(at + 1, close - at - 1);
      at = close;
    } else {
      text += path[at];
    }
  }
  return text;
}

// `blocks[0].attn` is meant as `blocks.0.attn`; empty if no path is written so.
std::string with_dots(const Selector& selector, const std::vector<ModuleName>& modules) {
  if (selector.form() != ModuleForm::kGlob && selector.form() != ModuleForm::kPath) return "";
  const std::string path = dotted(selector.module());
  if (path == selector.module()) return "";
  const Glob glob = Glob::over_paths(path, {path, 0});
  const bool known = std::any_of(modules.begin(), modules.end(), [&](const ModuleName& module) {
    return glob.matches(module.path);
  });
  if (!known) return "";
  return selector.has_what() ? path + ":" + selector.what() : path;
}

// What it may have been meant to be.
std::string near_hint(const Selector& selector, const std::vector<ModuleName>& modules,
                      const std::vector<std::string>& types) {
  const std::string dotted = with_dots(selector, modules);
  if (!dotted.empty()) return fmt::format("; the path is written \"{}\"", dotted);
  std::string text;
  if (selector.parts().type) {
    const std::vector<std::string> close = nearest(selector.module(), types, kNearest);
    if (!close.empty()) text += fmt::format("; nearest types: {}", quoted(close));
  }
  if (selector.parts().path) {
    const std::vector<std::string> close = nearest_paths(selector, modules);
    if (!close.empty()) text += fmt::format("; nearest paths: {}", quoted(close));
  }
  return text + cpp_hint(selector, modules) + colon_hint(selector) + list_hint(selector);
}

std::string list_of(const std::vector<std::string>& types) {
  std::vector<std::string> named;  // lists of modules may have no type
  std::copy_if(types.begin(), types.end(), std::back_inserter(named),
               [](const std::string& type) { return !type.empty(); });
  std::vector<std::string> shown = named;
  shown.resize(std::min(named.size(), kTypesShown));
  std::string text = fmt::format("; the types there are: {}", fmt::join(shown, ", "));
  if (shown.size() < named.size()) text += fmt::format(" and {} more", named.size() - shown.size());
  return text;
}

}  // namespace

void throw_unmatched(const Selector& selector, const std::vector<ModuleName>& modules) {
  const bool spelled_out =
      selector.module().find("::") != std::string::npos ||
      (selector.parts().type_has_namespace && selector.form() == ModuleForm::kType);
  const std::vector<std::string> types = types_of(modules, spelled_out);
  const std::string hint = near_hint(selector, modules, types);
  std::string text = fmt::format("selector \"{}\": ", selector.text());
  if (modules.size() == 1) {
    text += fmt::format(
        "the model's only module, of type {}, does not have {}{}; a child is seen "
        "once register_module() names it",
        types.front(), searched(selector), hint);
  } else {
    text += fmt::format("none of the model's {} modules has {}{}{}", modules.size(),
                        searched(selector), hint, list_of(types));
  }
  throw SelectorError(text + "; anycapture::modules(model) lists all paths and types");
}

}  // namespace anycapture
