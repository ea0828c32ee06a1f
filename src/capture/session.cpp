// SPDX-License-Identifier: MIT
#include "capture/session.h"

#include <ATen/ops/empty.h>
#include <anycapture/error.h>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <utility>

#include "capture/keep.h"
#include "capture/listening.h"

namespace anycapture {
namespace capture {
namespace {

bool is_gone(const WorldModule& module) {
  return module.owned && module.life.expired();
}

std::uint64_t next_id() {
  static std::atomic<std::uint64_t> next{0};
  return next.fetch_add(1, std::memory_order_relaxed);
}

// What is wrong with a tag's name, if anything is: keys would not be read back.
const char* problem_of_tag(std::string_view name) {
  if (name.empty()) return "a name is needed";
  if (name == "output" || name == "input" || name == "attention" || name == "return")
    return "that name is taken for what hooks capture";
  if (name.find_first_of(":#[]") != std::string_view::npos)
    return "`:`, `#`, `[` and `]` have a meaning in keys";
  const auto control = [](unsigned char c) { return c < 0x20 || c == 0x7F; };
  if (std::any_of(name.begin(), name.end(), control)) return "it has control characters";
  return nullptr;
}

// What is written at once need not be copied.
CaptureOptions settled(CaptureOptions options) {
  if (options.write_to.empty()) return options;
  if (options.keep_last != 0) {
    throw Error(fmt::format(
        "CaptureOptions::keep_last is {}, but write_to asks for all calls in {}: leave one out",
        options.keep_last, options.write_to));
  }
  options.keep = Keep::reference;
  return options;
}

}  // namespace

Session::Session(std::shared_ptr<World> world, const Selectors& selectors, CaptureOptions options,
                 Unmatched unmatched)
    : world_(std::move(world)),
      options_(settled(std::move(options))),
      list_(selectors.texts),
      unmatched_(unmatched),
      converts_(needs_conversion(options_)),
      selector_fired_(selectors.texts.size()),
      id_(next_id()) {
  for (const Selector& selector : list_.selectors()) {
    if (selector.negative()) continue;
    asks_for_op_results_ = asks_for_op_results_ || selector.asks_for(SiteKind::kOp);
    asks_for_op_inputs_ = asks_for_op_inputs_ || selector.asks_for(SiteKind::kOpInput);
    numbers_ops_ = numbers_ops_ || selector.numbers_ops();
    const bool attention = selector.has_what() && selector.asks_for(SiteKind::kAttention);
    asks_for_attention_ = asks_for_attention_ || attention;
  }
  check_device();
  open_file();
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
  find_unhooked_root();
  if (unmatched_ == Unmatched::raise) {
    check_hookable();
    world_->check_sites(selectors_);
  }
  hook_chosen();
}

std::size_t Session::index_of(const void* module, bool may_be_root) {
  auto found = modules_.find(module);
  if (found == modules_.end() && on_unknown_ && module != nullptr) {
    on_unknown_(module, may_be_root);
    bind();
    found = modules_.find(module);
  }
  return found == modules_.end() ? kUnknown : found->second;
}

void Session::check_hookable() const {
  const std::vector<Selector>& all = selectors_.selectors();
  for (std::size_t s = 0; s < all.size(); ++s) {
    if (all[s].negative()) continue;
    for (const auto& [kind, name] :
         {std::pair(SiteKind::kOutput, "output"), std::pair(SiteKind::kInput, "input")}) {
      if (all[s].asks_only_for(kind)) check_hookable(s, kind, name);
    }
    if (all[s].asks_only_for(SiteKind::kOp) || all[s].asks_only_for(SiteKind::kOpInput) ||
        all[s].asks_only_for(SiteKind::kAttention))
      check_ops_heard(s);
  }
}

void Session::check_hookable(std::size_t selector, SiteKind kind, const char* name) const {
  const std::vector<std::size_t>& modules = selectors_.modules_of(selector);
  std::string advice;
  for (const std::size_t module : modules) {
    const Hooking hooking = world_->hooking(module);
    if (kind == SiteKind::kOutput ? hooking.output : hooking.input) return;
    if (advice.empty()) advice = hooking.advice;
  }
  const std::string example = world_->modules()[modules.front()].name.path;
  throw SelectorError(fmt::format(
      "selector \"{}\": of the {} module{} that it matches, such as {}, none is hooked, so no {} "
      "can be captured: {}",
      selectors_.selectors()[selector].text(), modules.size(), modules.size() == 1 ? "" : "s",
      example.empty() ? "the root" : example, name, advice));
}

// LibTorch's own message comes late, out of forward.
void Session::check_device() const {
  if (!options_.device) return;
  const Deaf deaf;
  try {
    at::empty({0}, *options_.device);
  } catch (const c10::Error& error) {
    throw Error(fmt::format("CaptureOptions::device is {}, which cannot be used here: {}",
                            options_.device->str(), error.what_without_backtrace()));
  }
}

void Session::hook_chosen() {
  for (; hooked_ < world_->modules().size(); ++hooked_) {
    const std::size_t i = hooked_;
    const bool chosen = !selectors_.selectors_of(i).empty();
    if (!chosen && !hears_ops()) continue;
    // Of which module an op is depends on what else is hooked, not on what is asked for.
    const bool wanted = hears_ops() || selectors_.may_choose(i, SiteKind::kOutput) ||
                        selectors_.may_choose(i, SiteKind::kInput);
    const Hooking hooking = wanted ? world_->hook(i) : world_->hooking(i);
    if (!chosen) continue;
    if (!hooking.advice.empty()) {
      advice_.emplace(i, hooking.advice);
    } else if (!hooking.no_ops.empty() && !selectors_.may_choose(i, SiteKind::kOutput)) {
      advice_.emplace(i, hooking.no_ops);
    }
  }
}

void Session::fire_tag(const TagKey& key, const at::Tensor& value) {
  throw_failure();
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
  slot.name = key.name;
  slot.function = key.function == nullptr ? "" : key.function;
  slot.module = nullptr;
  slot.site = nullptr;
  const std::size_t module = index_of(key.module, false);
  if (module == kUnknown) {
    if (key.function == nullptr) return;  // a module of another model
    const int selector = selectors_.chooses_function(slot.function, slot.name);
    const std::string path = "fn:" + slot.function;
    if (selector < 0 || !is_good_tag(slot.name, path)) return;
    slot.site = &store_->site({path, "", slot.name, path + ":" + slot.name},
                              world_->modules().size(), selector);
    return;
  }
  heard_ = true;
  const WorldModule& owner = world_->modules()[module];
  if (selectors_.selectors_of(module).empty()) return;
  if (!is_good_tag(slot.name, normalise_type(owner.name.type) + " " + printable(owner.name.path)))
    return;
  const std::string what = key.function == nullptr ? slot.name : slot.function + "." + slot.name;
  slot.module = &owner;
  slot.site = chosen_site(owner, module, SiteKind::kTag, what);
  if (slot.site == nullptr) states_[module].unchosen.push_back(what);
}

bool Session::is_good_tag(const std::string& name, const std::string& place) const {
  const char* problem = problem_of_tag(name);
  if (problem == nullptr) return true;
  const std::string text = fmt::format(
      "a tag cannot be called {}, as in {}: {}; give it another name with anycapture::tag(this, "
      "\"name\", x)",
      printable(name), place, problem);
  if (unmatched_ == Unmatched::raise) throw Error(text);
  std::fprintf(stderr, "anycapture: warning: %s\n",
               text.c_str());  // the program is not ours to stop
  return false;
}

StoredSite* Session::chosen_site(const WorldModule& module, std::size_t index, SiteKind kind,
                                 const std::string& what) {
  const int selector = selectors_.chooses(index, what, kind);
  if (selector < 0) return nullptr;
  Site site{module.name.path, normalise_type(module.name.type), what, ""};
  site.key = encode_path(site.path) + ":" + what;
  return &store_->site(std::move(site), index, selector);
}

bool Session::wants(const void* module, SiteKind kind, const char* method, bool may_be_root) {
  throw_failure();
  const std::size_t index = index_of(module, may_be_root);
  heard_ = heard_ || index != kUnknown;
  if (index == kUnknown || selectors_.selectors_of(index).empty()) return false;
  if (std::strcmp(method, "forward") == 0) return selectors_.may_choose(index, kind);
  return true;  // a method's own name decides, field by field
}

void Session::fire_field(const void* module, SiteKind kind, const std::string& what,
                         const at::Tensor& value, bool copy) {
  throw_failure();
  const std::size_t index = index_of(module, true);
  if (index == kUnknown) return;
  const WorldModule& owner = world_->modules()[index];
  if (is_gone(owner)) return;
  StoredSite* site = field_site(index, kind, what);
  if (site == nullptr) return;
  const bool is_input = kind == SiteKind::kInput;
  const bool overwritten = is_input ? owner.overwrites_input : owner.output_is_overwritten;
  // What the caller made of memory of its own, it may fill anew for the next call.
  const bool of_caller = is_input && owner.name.path.empty() && is_borrowed(value);
  copy = copy || overwritten || of_caller;
  if (world_->tells_writes()) return keep_op(*site, value, copy);
  record(*site, value, copy);
}

StoredSite*& Session::field_site(std::size_t index, SiteKind kind, const std::string& what) {
  auto& fields = states_[index].fields;
  auto field = std::find_if(fields.begin(), fields.end(),
                            [&](const auto& known) { return known.first == what; });
  if (field == fields.end()) {
    fields.emplace_back(what, chosen_site(world_->modules()[index], index, kind, what));
    field = fields.end() - 1;
  }
  return field->second;
}

void Session::unreadable(const void* module, const std::string& why) {
  const std::size_t index = index_of(module, true);
  if (index != kUnknown) advice_[index] = why;
}

void Session::record(StoredSite& site, const at::Tensor& value, bool copy) {
  if (!value.defined()) return;
  if (options_.on_nonfinite == OnNonFinite::raise) check_finite(site, value);
  StoredCall call;
  if (!options_.write_to.empty()) {
    if (!write(site, value)) return;
  } else if (converts_ || copy) {
    call = keep_converted(site.site, value, options_, copy);
  } else {
    call = keep_reference(value, options_.detach);
  }
  keep(site, std::move(call));
}

void Session::keep(StoredSite& site, StoredCall call) {
  call.thread = this_thread_number();
  call.sequence = sequence_++;
  call.path = by_;
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
  functions_.clear();
  for (auto& [module, state] : states_) {
    state.fields.clear();
    state.ops.clear();
  }
  forget_ops();
  auto fresh = std::make_shared<Store>();
  if (!store_->fired().empty()) fresh->emptied_by = "take()";
  fresh->aliases = store_->aliases;
  return std::exchange(store_, std::move(fresh));
}

}  // namespace capture
}  // namespace anycapture
