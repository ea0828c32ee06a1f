// SPDX-License-Identifier: MIT
#include "capture/session.h"

#include <anycapture/error.h>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "capture/keep.h"
#include "capture/listening.h"

namespace anycapture {
namespace capture {
namespace {

constexpr std::size_t kUnknown = static_cast<std::size_t>(-1);

bool is_gone(const WorldModule& module) {
  return module.owned && module.life.expired();
}

// design: a tag may not be called by a taken name, nor hold what parts a key.
void check_tag_name(const char* name) {
  const std::string_view text(name);
  const bool taken = text == "output" || text == "input" || text == "attention" || text == "return";
  if (!text.empty() && !taken && text.find_first_of(":#[]") == std::string_view::npos) return;
  throw Error(
      fmt::format("a tag cannot be called \"{}\": {}; give it another name with "
                  "anycapture::tag(this, \"name\", x)",
                  text,
                  text.empty() ? "a name is needed"
                  : taken      ? "that name is taken for what hooks capture"
                               : "`:`, `#`, `[` and `]` have a meaning in keys"));
}

}  // namespace

Session::Session(std::shared_ptr<World> world, const Selectors& selectors, CaptureOptions options,
                 Unmatched unmatched)
    : world_(std::move(world)),
      options_(std::move(options)),
      list_(selectors.texts),
      unmatched_(unmatched),
      converts_(needs_conversion(options_)),
      selector_fired_(selectors.texts.size()) {
  bind();
}

// Again when the world has grown: what is there keeps its index.
void Session::bind() {
  const std::deque<WorldModule>& modules = world_->modules();
  selectors_ = BoundSelectors(list_, detail::modules(*world_), unmatched_);
  for (std::size_t i = modules_.size(); i < modules.size(); ++i) {
    modules_.emplace(modules[i].id, i);
    for (const std::string& alias : modules[i].name.aliases) {
      store_->aliases.emplace(encode_path(alias), encode_path(modules[i].name.path));
    }
  }
  module_fired_.resize(modules.size());
  if (unmatched_ == Unmatched::raise) check_hookable();
  hook_chosen();
}

std::size_t Session::index_of(const void* module, bool is_frame) {
  auto found = modules_.find(module);
  if (found == modules_.end() && on_unknown_ && module != nullptr) {
    on_unknown_(module, is_frame);
    bind();
    found = modules_.find(module);
  }
  return found == modules_.end() ? kUnknown : found->second;
}

void Session::check_hookable() const {
  const std::vector<Selector>& all = selectors_.selectors();
  for (std::size_t s = 0; s < all.size(); ++s) {
    const bool output = all[s].asks_only_for(SiteKind::kOutput);
    const bool input = all[s].asks_only_for(SiteKind::kInput);
    if (all[s].negative() || (!output && !input)) continue;
    std::string advice;
    const bool some = std::any_of(selectors_.modules_of(s).begin(), selectors_.modules_of(s).end(),
                                  [&](std::size_t module) {
                                    const Hooking hooking = world_->hooking(module);
                                    if (advice.empty()) advice = hooking.advice;
                                    return output ? hooking.output : hooking.input;
                                  });
    if (!some) {
      throw SelectorError(
          fmt::format("selector \"{}\": no {} of the modules that it matches can be "
                      "hooked: {}",
                      all[s].text(), output ? "output" : "input", advice));
    }
  }
}

void Session::hook_chosen() {
  for (; hooked_ < world_->modules().size(); ++hooked_) {
    const std::size_t i = hooked_;
    if (selectors_.selectors_of(i).empty()) continue;
    const bool wanted =
        selectors_.may_choose(i, SiteKind::kOutput) || selectors_.may_choose(i, SiteKind::kInput);
    const Hooking hooking = wanted ? world_->hook(i) : world_->hooking(i);
    if (!hooking.advice.empty()) advice_.emplace(i, hooking.advice);
  }
}

void Session::fire_tag(const TagKey& key, const at::Tensor& value) {
  TagSlot*& found = tags_[key];
  if (found == nullptr) {
    slots_.emplace_back();
    found = &slots_.back();
    resolve(key, *found);
  } else if (std::strcmp(found->name.c_str(), key.name) != 0 ||
             (key.function != nullptr && found->function != key.function)) {
    resolve(key, *found);  // another text at the same address
  }
  if (found->site == nullptr) return;
  if (found->module != nullptr && is_gone(*found->module)) return;
  record(*found->site, value, false);
}

void Session::resolve(const TagKey& key, TagSlot& slot) {
  check_tag_name(key.name);
  slot.name = key.name;
  slot.function = key.function == nullptr ? "" : key.function;
  slot.module = nullptr;
  slot.site = nullptr;
  const std::size_t module = index_of(key.module, false);
  if (module == kUnknown) {
    if (key.function == nullptr) return;  // a module of another model
    const int selector = selectors_.chooses_function(slot.function, slot.name);
    if (selector < 0) return;
    const std::string path = "fn:" + slot.function;
    slot.site = &store_->site({path, "", slot.name, path + ":" + slot.name},
                              world_->modules().size(), selector);
    return;
  }
  const WorldModule& owner = world_->modules()[module];
  const std::string what = key.function == nullptr ? slot.name : slot.function + "." + slot.name;
  slot.module = &owner;
  slot.site = chosen_site(owner, module, SiteKind::kTag, what);
  if (slot.site == nullptr) states_[module].unchosen.push_back(what);
}

StoredSite* Session::chosen_site(const WorldModule& module, std::size_t index, SiteKind kind,
                                 const std::string& what) {
  const int selector = selectors_.chooses(index, what, kind);
  if (selector < 0) return nullptr;
  Site site{module.name.path, normalise_type(module.name.type), what, ""};
  site.key = encode_path(site.path) + ":" + what;
  return &store_->site(std::move(site), index, selector);
}

bool Session::wants(const void* module, SiteKind kind, const char* method) {
  const std::size_t index = index_of(module, true);
  if (index == kUnknown || selectors_.selectors_of(index).empty()) return false;
  if (std::strcmp(method, "forward") == 0) return selectors_.may_choose(index, kind);
  return true;  // a method's own name decides, field by field
}

void Session::fire_field(const void* module, SiteKind kind, const std::string& what,
                         const at::Tensor& value) {
  const std::size_t index = index_of(module, true);
  if (index == kUnknown) return;
  const WorldModule& owner = world_->modules()[index];
  if (is_gone(owner)) return;
  auto& fields = states_[index].fields;
  auto field = std::find_if(fields.begin(), fields.end(),
                            [&](const auto& known) { return known.first == what; });
  if (field == fields.end()) {
    fields.emplace_back(what, chosen_site(owner, index, kind, what));
    field = fields.end() - 1;
  }
  if (field->second == nullptr) return;
  const bool is_input = kind == SiteKind::kInput;
  const bool overwritten = is_input ? owner.overwrites_input : owner.output_is_overwritten;
  // What the caller made of memory of its own, it may fill anew for the next call.
  const bool of_caller = is_input && owner.name.path.empty() && is_borrowed(value);
  record(*field->second, value, overwritten || of_caller);
}

void Session::unreadable(const void* module, const std::string& why) {
  const std::size_t index = index_of(module, true);
  if (index != kUnknown) advice_[index] = why;
}

void Session::record(StoredSite& site, const at::Tensor& value, bool copy) {
  if (!value.defined()) return;
  if (options_.on_nonfinite == OnNonFinite::raise) check_finite(site, value);
  StoredCall call;
  if (converts_ || copy) {
    call = keep_converted(site.site, value, options_, copy);
  } else {
    call = keep_reference(value, options_.detach);
  }
  call.thread = this_thread_number();
  call.sequence = sequence_++;
  if (site.fired == 0) {
    selector_fired_[site.selector] = true;
    if (site.order < module_fired_.size()) module_fired_[site.order] = true;
  }
  last_ = &site;
  store_->append(site, std::move(call), options_.keep_last);
}

std::shared_ptr<Store> Session::take() {
  if (last_ != nullptr) last_site_ = last_->site.key;
  last_ = nullptr;
  tags_.clear();
  slots_.clear();
  for (auto& [module, state] : states_) state.fields.clear();
  auto fresh = std::make_shared<Store>();
  fresh->aliases = store_->aliases;
  return std::exchange(store_, std::move(fresh));
}

}  // namespace capture
}  // namespace anycapture
