// SPDX-License-Identifier: MIT
//
// A Sequential calls each child through the virtual AnyModulePlaceholder::forward() of an object
// that AnyModule owns. A relay is a copy of that object's virtual table, for it alone, in which
// forward() comes by us. The object stays what it is, and where it is: AnyModule::get<T>() and
// ptr<T>() cast it to AnyModuleHolder<T, ...> and read its member, which no other object in its
// place could serve, and putting another there while a thread is inside forward() would pull the
// ground from under it.
//
// This rests on the layout of virtual tables in the Itanium C++ ABI (section 2.5), which GCC and
// Clang keep on every system but Windows.
#include "eager/relay.h"

#include <anycapture/detail/collect.h>
#include <anycapture/detail/frame.h>
#include <anycapture/detail/hooked.h>

#include <torch/nn/modules/container/sequential.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <iterator>
#include <memory>
#include <mutex>
#include <string>
#include <typeinfo>
#include <utility>
#include <vector>

#include "eager/any_values.h"

namespace anycapture {
namespace eager {
namespace {

using detail::Frame;
using detail::Seen;
using detail::SiteDirection;
using torch::nn::AnyModule;
using torch::nn::AnyModulePlaceholder;
using torch::nn::AnyValue;
using torch::nn::Module;
using torch::nn::SequentialImpl;
using Arguments = std::vector<AnyValue>;
using Slot = void*;

// AnyModule::content_, private.
using Content = std::unique_ptr<AnyModulePlaceholder> AnyModule::*;
Content content_member();
template <Content member>
struct ContentMember {
  friend Content content_member() { return member; }
};
template struct ContentMember<&AnyModule::content_>;

// In front of the address that an object points to: the offset to the top, and the type.
constexpr std::size_t kInFront = 2;
// The two destructors, clone(), and the four of AnyModulePlaceholder; AnyModuleHolder adds none.
constexpr std::size_t kSlots = 7;
constexpr std::size_t kDelete = 1;

// A pointer to a virtual member function holds its slot's offset, on some processors plus one.
template <class Method>
std::size_t slot_of(Method method) {
  std::uintptr_t offset = 0;
  static_assert(sizeof method == 2 * sizeof offset);
  std::memcpy(&offset, &method, sizeof offset);
  return offset / sizeof(Slot);
}

const std::size_t kForward = slot_of(&AnyModulePlaceholder::forward);
const std::size_t kLast = slot_of(&AnyModulePlaceholder::clone_module);

using Table [[gnu::may_alias]] = Slot*;
Table& table_of(AnyModulePlaceholder& child) {
  return *reinterpret_cast<Table*>(&child);
}

AnyValue relayed_forward(AnyModulePlaceholder* child, Arguments&& arguments);
void relayed_delete(AnyModulePlaceholder* child);

struct Relay {
  explicit Relay(AnyModulePlaceholder& child)
      : original(table_of(child)),
        hooked(dynamic_cast<const detail::HookedPlaceholder*>(&child) != nullptr) {
    std::copy_n(original - kInFront, kInFront + kSlots, copy);
    table()[kForward] = reinterpret_cast<Slot>(&relayed_forward);
    table()[kDelete] = reinterpret_cast<Slot>(&relayed_delete);
  }

  Slot* table() { return copy + kInFront; }
  AnyValue forward(AnyModulePlaceholder* child, Arguments&& arguments) const {
    using Forward = AnyValue (*)(AnyModulePlaceholder*, Arguments &&);
    return reinterpret_cast<Forward>(original[kForward])(child, std::move(arguments));
  }

  static bool stands_before(AnyModulePlaceholder& child) {
    return table_of(child)[kForward] == reinterpret_cast<Slot>(&relayed_forward);
  }
  static Relay& of(AnyModulePlaceholder& child) {
    return *reinterpret_cast<Relay*>(table_of(child) - kInFront);
  }

  Slot copy[kInFront + kSlots];  // first: the object's table points into it
  Slot* const original;
  const bool hooked;  // it speaks for itself
  std::mutex mutex;   // of what follows
  std::weak_ptr<const Module> life;
  SequentialImpl* sequential = nullptr;
  bool owned = false;  // whether `life` says anything
};

// Named as the arguments of a hooked module are.
Tensors tensors_of(Arguments& arguments) {
  std::size_t holding = 0, lone = 0;
  for (AnyValue& argument : arguments) {
    Tensors tensors;
    collect_any(tensors, "", argument);
    if (!tensors.any_defined()) continue;
    ++holding;
    lone += tensors.is_lone() ? 1 : 0;
  }
  const bool numbered = holding != 1 || lone != 1;
  Tensors tensors;
  for (std::size_t i = 0; i < arguments.size(); ++i)
    collect_any(tensors, numbered ? std::to_string(i) : std::string(), arguments[i]);
  return tensors;
}

// Which of a Sequential's children this is, as long as the Sequential is there.
struct Place {
  std::shared_ptr<const Module> alive;
  SequentialImpl* sequential = nullptr;
  bool first = false, last = false;
};

AnyModulePlaceholder* placeholder_of(AnyModule& any) {
  return (any.*content_member()).get();
}

Place place_of(Relay& relay, const AnyModulePlaceholder* child) {
  const std::lock_guard<std::mutex> lock(relay.mutex);
  Place place{relay.life.lock(), nullptr, false, false};
  if (relay.owned && place.alive == nullptr) return place;
  SequentialImpl& row = *relay.sequential;
  if (row.is_empty()) return place;
  place.sequential = &row;
  place.first = placeholder_of(*row.begin()) == child;
  place.last = placeholder_of(*std::prev(row.end())) == child;
  return place;
}

// A Sequential's forward is a template that nobody can hook: its first child's input and its last
// child's output are its own. A class derived from it has a forward of its own.
bool speaks_for_the_whole(const Place& place) {
  return place.sequential != nullptr && typeid(*place.sequential) == typeid(SequentialImpl);
}

template <class Taker>
void give_input(Taker& taker, Arguments& arguments) {
  Tensors tensors = tensors_of(arguments);
  for (AnyValue& argument : arguments) {
    if (tensors.empty()) taker.unreadable(SiteDirection::kInput, argument.type_info());
  }
  if constexpr (std::is_same_v<Taker, Frame>) {
    taker.input(tensors);
  } else {
    taker.before(tensors);
  }
}

template <class Taker>
void give_output(Taker& taker, AnyValue& value) {
  Tensors tensors;
  if (!collect_any(tensors, "", value)) taker.unreadable(SiteDirection::kOutput, value.type_info());
  if constexpr (std::is_same_v<Taker, Frame>) {
    taker.output(tensors);
  } else {
    taker.after(tensors);
  }
}

AnyValue forward_of_child(const Relay& relay, AnyModulePlaceholder* child, Arguments&& arguments) {
  if (relay.hooked) return relay.forward(child, std::move(arguments));
  const auto module = child->ptr();
  detail::HookedCall call(*module, Seen::kRelay);
  try {
    if (call.wants_input()) give_input(call, arguments);
    AnyValue result = relay.forward(child, std::move(arguments));
    if (call.wants_output()) give_output(call, result);
    return result;
  } catch (...) {
    call.failed();
    throw;
  }
}

AnyValue forward_while_listening(Relay& relay, AnyModulePlaceholder* child, Arguments&& arguments) {
  const Place place = place_of(relay, child);
  const bool speaks = speaks_for_the_whole(place);
  if (speaks && place.first) {
    Frame frame(*place.sequential, Seen::kRelay);
    if (frame.wants_input()) give_input(frame, arguments);
  }
  AnyValue result = forward_of_child(relay, child, std::move(arguments));
  if (speaks && place.last) {
    Frame frame(*place.sequential, Seen::kRelay);
    if (frame.wants_output()) give_output(frame, result);
  }
  return result;
}

AnyValue relayed_forward(AnyModulePlaceholder* child, Arguments&& arguments) {
  Relay& relay = Relay::of(*child);
  if (!detail::listening()) return relay.forward(child, std::move(arguments));
  return forward_while_listening(relay, child, std::move(arguments));
}

void relayed_delete(AnyModulePlaceholder* child) {
  const std::unique_ptr<Relay> relay(&Relay::of(*child));
  reinterpret_cast<void (*)(AnyModulePlaceholder*)>(relay->original[kDelete])(child);
}

void install(AnyModulePlaceholder& child) {
  if (Relay::stands_before(child)) return;
  auto relay = std::make_unique<Relay>(child);
  std::atomic_thread_fence(std::memory_order_release);
  table_of(child) = relay.release()->table();
}

}  // namespace

void install_relays(torch::nn::SequentialImpl& sequential) {
  TORCH_INTERNAL_ASSERT(kLast == kSlots - 1, "AnyModulePlaceholder has other members here");
  for (AnyModule& any : sequential) {
    AnyModulePlaceholder* child = placeholder_of(any);
    if (child == nullptr) continue;
    install(*child);
    Relay& relay = Relay::of(*child);
    const std::lock_guard<std::mutex> lock(relay.mutex);
    relay.life = sequential.weak_from_this();
    relay.owned = !relay.life.expired();
    relay.sequential = &sequential;
  }
}

}  // namespace eager
}  // namespace anycapture
