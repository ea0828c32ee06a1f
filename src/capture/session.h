// SPDX-License-Identifier: MIT
// One session: what it listens to, and how a firing becomes a stored call.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/util/flat_hash_map.h>

#include <anycapture/capturer.h>
#include <anycapture/selector.h>

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "capture/store.h"
#include "capture/world.h"

namespace anycapture {
namespace capture {

/// A tag as it fires. Two pointers and no text: the text behind `name` is compared, never hashed.
struct TagKey {
  const void* module;    ///< null for a free function outside any module
  const char* function;  ///< null for a tag of a module
  const char* name;

  bool operator==(const TagKey& other) const {
    return module == other.module && function == other.function && name == other.name;
  }
};

struct TagKeyHash {
  std::size_t operator()(const TagKey& key) const {
    auto bits = [](const void* pointer) { return reinterpret_cast<std::uintptr_t>(pointer); };
    return (bits(key.module) >> 4) * 0x9E3779B97F4A7C15u ^ bits(key.function) * 31 ^ bits(key.name);
  }
};

class Session {
 public:
  /// Throws `SelectorError`; nothing is hooked then. Does not listen yet. `Unmatched::allow` is for
  /// a world that grows.
  Session(std::shared_ptr<World> world, const Selectors& selectors, CaptureOptions options,
          Unmatched unmatched = Unmatched::raise);

  /// Called with what fires and is no module of the world, and whether it may be a model's root; it
  /// may add to the world.
  void on_unknown_module(std::function<void(const void*, bool)> call) {
    on_unknown_ = std::move(call);
  }

  // What fires. Called on the session's thread only.
  void fire_tag(const TagKey& key, const at::Tensor& value);
  /// `what`: `output`, `output.0`, `encode.input` ...
  void fire_field(const void* module, SiteKind kind, const std::string& what,
                  const at::Tensor& value);
  /// An input or output that a chosen site of the module would be in cannot be looked into: why.
  void unreadable(const void* module, const std::string& why);
  bool wants(const void* module, SiteKind kind, const char* method, bool may_be_root = true);

  bool listening() const { return open_.load(std::memory_order_acquire) && !paused_; }
  bool is_open() const { return open_.load(std::memory_order_acquire); }
  /// True for the one call that ended it.
  bool end() { return open_.exchange(false, std::memory_order_acq_rel); }

  void pause(bool on) { paused_ = on; }
  void left_by_exception() { left_by_exception_ = true; }
  std::shared_ptr<Store> store() const { return store_; }
  std::shared_ptr<Store> take();
  const CaptureOptions& options() const { return options_; }
  Report report() const;
  /// The positive selectors of which nothing ever fired, as a text for the user; empty if none.
  std::string silence() const;

 private:
  // A tag that fired before: where it goes, and the text its pointers stood for.
  struct TagSlot {
    StoredSite* site = nullptr;  // null: not chosen
    const WorldModule* module = nullptr;
    std::string function;
    std::string name;
  };
  struct ModuleState {
    std::vector<std::pair<std::string, StoredSite*>> fields;  // by what; few, so searched in line
    std::vector<std::string> unchosen;  // tags that fired and nobody asked for
  };

  void bind();
  void check_device() const;
  void check_hookable() const;
  void check_hookable(std::size_t selector, SiteKind kind, const char* name) const;
  void hook_chosen();
  std::size_t index_of(const void* module, bool may_be_root);  // kUnknown if there is none
  void resolve(const TagKey& key, TagSlot& slot);
  bool is_good_tag(const std::string& name, const std::string& place) const;
  StoredSite* chosen_site(const WorldModule& module, std::size_t index, SiteKind kind,
                          const std::string& what);
  void record(StoredSite& site, const at::Tensor& value, bool copy);
  std::string silent_reason(std::size_t module) const;
  std::string silence(std::size_t selector) const;

  std::shared_ptr<World> world_;
  CaptureOptions options_;
  SelectorList list_;
  Unmatched unmatched_;
  BoundSelectors selectors_;
  bool converts_;  // options ask for more than a reference
  std::shared_ptr<Store> store_ = std::make_shared<Store>();
  std::deque<TagSlot> slots_;
  ska::flat_hash_map<TagKey, TagSlot*, TagKeyHash> tags_;
  std::unordered_map<const void*, std::size_t> modules_;  // id -> index in the world
  std::unordered_map<std::size_t, ModuleState> states_;   // of modules at which something fired
  std::vector<bool> selector_fired_;                      // ever, also before clear() and take()
  std::vector<bool> module_fired_;                        // a chosen site of it, ever
  std::size_t hooked_ = 0;                                // modules that were asked to be hooked
  std::unordered_map<std::size_t, std::string>
      advice_;  // of chosen modules that hooks do not reach
  std::uint64_t sequence_ = 0;
  std::string last_site_;
  const StoredSite* last_ = nullptr;
  std::function<void(const void*, bool)> on_unknown_;
  std::atomic<bool> open_{true};
  bool paused_ = false;
  bool left_by_exception_ = false;
  bool heard_ = false;  // a module of the world, chosen or not
};

}  // namespace capture
}  // namespace anycapture
