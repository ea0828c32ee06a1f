// SPDX-License-Identifier: MIT
#include <anycapture/selector.h>

#include "core/glob.h"
#include "core/what_pattern.h"
#include "fuzz/fuzz.h"

namespace {

using namespace anycapture;

// Calls `f`, which may find its text malformed.
template <class F>
void parsed(F f) {
  try {
    f();
  } catch (const SelectorError& error) {
    fuzz::check(*error.what() != '\0', "an error says something");
  }
}

// A glob of nothing but text, `*` and `?` again, by the simplest rules. `?` of ASCII.
bool matches_simply(std::string_view glob, std::string_view text) {
  if (glob.empty()) return text.empty();
  if (glob[0] == '*') {
    return matches_simply(glob.substr(1), text) ||
           (!text.empty() && matches_simply(glob, text.substr(1)));
  }
  return !text.empty() && (glob[0] == '?' || glob[0] == text[0]) &&
         matches_simply(glob.substr(1), text.substr(1));
}

bool is_ascii(std::string_view text) {
  for (const char byte : text) {
    if (static_cast<unsigned char>(byte) >= 0x80) return false;
  }
  return true;
}

void check_glob(std::string_view glob, std::string_view text) {
  const bool matched = Glob(glob).matches(text);
  const bool simple = glob.find_first_of("[]{}") == std::string_view::npos && glob.size() < 12 &&
                      text.size() < 24 && is_ascii(text);
  if (simple) fuzz::check(matched == matches_simply(glob, text), "a glob matches by its rules");
  KeyGlob(glob).matches(text);
}

void check_selectors(std::string_view text, std::string_view path) {
  const SelectorList list(SelectorList::split(text));
  for (const Selector& selector : list.selectors()) {
    fuzz::check(Selector::parse(selector.text()).module() == selector.module(),
                "a selector's text gives the same selector");
    // What a regex takes depends on the regex: whoever writes it can make it slow.
    if (selector.form() == ModuleForm::kRegex) return;
    selector.matches_what(path, SiteKind::kTag);
    selector.matches_what(path, SiteKind::kOutput);
  }
  const std::vector<ModuleName> modules{{"", "Model", {}},
                                        {"blocks.0.attn", "torch::nn::LinearImpl", {"alias"}},
                                        {std::string(path), "Attention", {}}};
  const BoundSelectors bound(list, modules, Unmatched::allow);
  for (std::size_t module = 0; module < modules.size(); ++module) {
    const int chosen = bound.chooses(module, "attn", SiteKind::kTag);
    fuzz::check(chosen < static_cast<int>(list.selectors().size()), "a selector of the list chose");
    fuzz::check(chosen < 0 || bound.may_choose(module, SiteKind::kTag), "what chooses may choose");
  }
  bound.chooses_function(path, "attn");
  parsed([&] { BoundSelectors(list, modules); });
}

}  // namespace

void fuzz::selector(std::string_view bytes) {
  const auto [text, path] = halves(bytes);
  parsed([&, text = text, path = path] { check_glob(text, path); });
  parsed([&, text = text, path = path] { check_selectors(text, path); });
  check(decode_path(encode_path(path)) == path, "a path is what its key says");
}
