// SPDX-License-Identifier: MIT
// One session: what it listens to, and how a firing becomes a stored call.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/util/flat_hash_map.h>

#include <anycapture/capturer.h>
#include <anycapture/safetensors.h>
#include <anycapture/selector.h>

#include <atomic>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>
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

/// How often ops ran in one call of a module.
struct OpCounts {
  std::map<std::pair<std::uint64_t, std::string>, std::size_t> of;  ///< session's id, `@softmax`
};

class Session : public std::enable_shared_from_this<Session> {
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

  // What fires. Called on the session's thread, or one at a time.
  void fire_tag(const TagKey& key, const at::Tensor& value);
  /// `what`: `output`, `output.0`, `encode.input` ...
  void fire_field(const void* module, SiteKind kind, const std::string& what,
                  const at::Tensor& value, bool copy = false);
  /// `what` is a local variable's: `attn`, `attn[0]`, `encode.attn`. Outside any module: the name,
  /// and `function` is not empty.
  void fire_local(const void* module, const std::string& function, const std::string& what,
                  const at::Tensor& value);
  /// Whether fire_local() would keep it; what nobody asks for is noted for reports.
  bool wants_local(const void* module, const std::string& function, const std::string& what);
  /// Whether it may keep any local variable of the module, or outside any.
  bool wants_locals(const void* module, const std::string& function);
  /// `kind`: kOp or kOpInput. `what`: `@softmax`, `@topk.1`, `@matmul.input.0`; `number`: how many
  /// of it ran before in the same call of the module, where numbers_ops(). Keeps what it meets for
  /// throw_failure().
  void fire_op(const void* module, SiteKind kind, const std::string& what, std::size_t number,
               const at::Tensor& value, bool copy) noexcept;
  /// The weights of an attention of the module; those of a fused op are made when they are read.
  /// Both keep what they meet for throw_failure().
  void fire_attention(const void* module, const at::Tensor& weights, bool copy) noexcept;
  void fire_attention(const void* module,
                      const std::function<std::shared_ptr<const LazyTensor>()>& weights) noexcept;
  bool asks_for_attention() const { return asks_for_attention_; }
  /// The module path that what fires from now on went by; empty: its module's first.
  void went_by(const std::string& path) { by_ = path; }
  /// An op is about to write into a tensor: what is kept of ops as a reference to its memory
  /// becomes a copy.
  void about_to_write(const at::Tensor& value) noexcept;
  /// An input or output that a chosen site of the module would be in cannot be looked into: why.
  void unreadable(const void* module, const std::string& why);
  bool wants(const void* module, SiteKind kind, const char* method, bool may_be_root = true);

  bool asks_for_op_inputs() const { return asks_for_op_inputs_; }
  bool asks_for_ops() const { return asks_for_op_results_ || asks_for_op_inputs_; }
  bool hears_ops() const { return asks_for_ops() || asks_for_attention_; }
  bool numbers_ops() const { return numbers_ops_; }
  bool knows(const void* module) const { return modules_.count(module) != 0; }
  /// The root where it is not hooked: what runs outside every hooked module is its own. Else null.
  const void* unhooked_root() const { return unhooked_root_; }
  OpCounts& op_counts() { return op_counts_; }  ///< of that root: since the last clear()
  std::uint64_t id() const { return id_; }      ///< no other session of the process has it
  /// Of the world: what is heard has changed.
  void update_op_tap() const {
    if (hears_ops()) world_->update_op_tap();
  }

  /// LibTorch swallows what an op tap throws. What a firing op has met is thrown by the next tag,
  /// input or output that fires, or by close(); until then no op is heard.
  bool failed() const { return failure_ != nullptr; }
  void throw_failure() {
    if (failed()) std::rethrow_exception(std::exchange(failure_, nullptr));
  }

  bool listening() const { return open_.load(std::memory_order_acquire) && !paused_; }
  bool is_open() const { return open_.load(std::memory_order_acquire); }
  /// True for the one call that ended it.
  bool end() { return open_.exchange(false, std::memory_order_acq_rel); }

  void pause(bool on) { paused_ = on; }
  void clear() {
    store_->clear();
    forget_ops();
  }
  void left_by_exception() { left_by_exception_ = true; }
  std::shared_ptr<Store> store() const { return store_; }
  std::shared_ptr<Store> take();
  const CaptureOptions& options() const { return options_; }
  const World& world() const { return *world_; }
  const BoundSelectors& selectors() const { return selectors_; }
  Report report() const;
  /// Puts the file of `write_to` in its place, with what `options` says beside the tensors, if
  /// there is one and anything fired. Throws FileError.
  void finish_file(const SaveOptions& options);
  /// The positive selectors of which nothing ever fired, as a text for the user; empty if none.
  std::string silence() const;

 private:
  static constexpr std::size_t kUnknown = static_cast<std::size_t>(-1);

  // A tag that fired before: where it goes, and the text its pointers stood for.
  struct TagSlot {
    StoredSite* site = nullptr;  // null: not chosen
    const WorldModule* module = nullptr;
    std::string function;
    std::string name;
  };
  // A call, which may have been dropped since.
  struct KeptReference {
    StoredSite* site;
    std::uint64_t sequence;
    StoredCall* call() const;  // null if it was
  };
  struct ModuleState {
    std::vector<std::pair<std::string, StoredSite*>> fields;  // by what; few, so searched in line
    std::unordered_map<std::string, StoredSite*> ops;         // by what
    std::vector<std::string> unchosen;  // tags and ops that fired and nobody asked for
  };

  void forget_ops() {
    op_counts_.of.clear();
    references_.clear();
  }
  void bind();
  void check_device() const;
  void check_hookable() const;
  void check_hookable(std::size_t selector, SiteKind kind, const char* name) const;
  void check_ops_heard(std::size_t selector) const;
  void find_unhooked_root();
  void hook_chosen();
  std::size_t index_of(const void* module, bool may_be_root);  // kUnknown if there is none
  void resolve(const TagKey& key, TagSlot& slot);
  bool is_good_tag(const std::string& name, const std::string& place) const;
  StoredSite* chosen_site(const WorldModule& module, std::size_t index, SiteKind kind,
                          const std::string& what);
  void open_file();
  StoredSite*& field_site(std::size_t index, SiteKind kind, const std::string& what);
  StoredSite* function_site(const std::string& function, const std::string& what);
  void keep_op(StoredSite& site, const at::Tensor& value, bool copy);
  StoredSite* op_site(std::size_t module, SiteKind kind, const std::string& what);
  void record_op(std::size_t module, SiteKind kind, const std::string& what, std::size_t number,
                 const at::Tensor& value, bool copy);
  void record(StoredSite& site, const at::Tensor& value, bool copy);
  void record(StoredSite& site, const std::shared_ptr<const LazyTensor>& value);
  void keep(StoredSite& site, StoredCall call);
  StoredSite* attention_site(const void* module);
  bool write(StoredSite& site, const at::Tensor& value);
  void add_notes(SelectorReport& row, const StoredSite& site) const;
  std::string silent_reason(std::size_t module) const;
  std::string silence(std::size_t selector) const;

  std::shared_ptr<World> world_;
  CaptureOptions options_;
  SelectorList list_;
  Unmatched unmatched_;
  BoundSelectors selectors_;
  bool converts_;  // options ask for more than a reference
  std::shared_ptr<Store> store_ = std::make_shared<Store>();
  std::mutex file_mutex_;                      // another thread may close the session
  std::unique_ptr<safetensors::Writer> file_;  // of `write_to`, until it is finished
  std::deque<TagSlot> slots_;
  ska::flat_hash_map<TagKey, TagSlot*, TagKeyHash> tags_;
  std::unordered_map<const void*, std::size_t> modules_;    // id -> index in the world
  std::unordered_map<std::string, StoredSite*> functions_;  // locals outside modules, by key
  std::unordered_map<std::size_t, ModuleState> states_;     // of modules at which something fired
  std::vector<bool> selector_fired_;                        // ever, also before clear() and take()
  std::vector<bool> module_fired_;                          // a chosen site of it, ever
  std::size_t hooked_ = 0;                                  // modules that were asked to be hooked
  std::unordered_map<std::size_t, std::string>
      advice_;  // of chosen modules that hooks do not reach
  std::uint64_t sequence_ = 0;
  std::string by_;
  std::string last_site_;
  const StoredSite* last_ = nullptr;
  std::function<void(const void*, bool)> on_unknown_;
  std::atomic<bool> open_{true};
  bool paused_ = false;
  bool left_by_exception_ = false;
  bool heard_ = false;  // a module of the world, chosen or not
  bool asks_for_op_results_ = false;
  bool asks_for_op_inputs_ = false;
  bool asks_for_attention_ = false;
  bool numbers_ops_ = false;
  const void* unhooked_root_ = nullptr;
  OpCounts op_counts_;
  std::unordered_multimap<const void*, KeptReference> references_;  // of ops, by storage
  std::size_t references_at_most_ = 1024;                           // then the dropped ones go
  std::exception_ptr failure_;
  const std::uint64_t id_;
};

}  // namespace capture
}  // namespace anycapture
