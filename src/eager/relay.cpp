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

#include <torch/nn/modules/container/sequential.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "eager/any_values.h"
#include "eager/hooking.h"

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
      : original(table_of(child)), hooked(is_hooked(*child.ptr())) {
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
  const bool hooked;  // its holder speaks for it
  std::atomic<const Module*> sequential{nullptr};
  std::atomic<bool> first{false}, last{false};
};

bool holds_tensor(AnyValue& value) {
  Tensors tensors;
  collect_any(tensors, "", value);
  return tensors.any_defined();
}

// Named as the arguments of a hooked module are.
Tensors tensors_of(Arguments& arguments) {
  const bool several = std::count_if(arguments.begin(), arguments.end(), holds_tensor) > 1;
  Tensors tensors;
  for (std::size_t i = 0; i < arguments.size(); ++i)
    collect_any(tensors, several ? std::to_string(i) : std::string(), arguments[i]);
  return tensors;
}

void give_output(Frame& frame, AnyValue& value) {
  Tensors tensors;
  if (collect_any(tensors, "", value)) {
    frame.output(tensors);
  } else {
    frame.unreadable(SiteDirection::kOutput, value.type_info());
  }
}

// A Sequential's forward is a template that nobody can hook: its first child's input and its last
// child's output are its own, unless a frame of it is open that sees them itself.
bool speaks_for(const Module& sequential) {
  const Frame* outer = Frame::innermost();
  return outer == nullptr || &outer->module() != &sequential;
}

AnyValue forward_of_child(const Relay& relay, AnyModulePlaceholder* child, Arguments&& arguments) {
  if (relay.hooked) return relay.forward(child, std::move(arguments));
  const auto module = child->ptr();
  Frame frame(*module, Seen::kRelay);
  if (frame.wants_input()) frame.input(tensors_of(arguments));
  AnyValue result = relay.forward(child, std::move(arguments));
  if (frame.wants_output()) give_output(frame, result);
  return result;
}

AnyValue forward_while_listening(const Relay& relay, AnyModulePlaceholder* child,
                                 Arguments&& arguments) {
  const Module* sequential = relay.sequential.load(std::memory_order_relaxed);
  const bool speaks = speaks_for(*sequential);
  if (speaks && relay.first.load(std::memory_order_relaxed)) {
    Frame frame(*sequential, Seen::kRelay);
    if (frame.wants_input()) frame.input(tensors_of(arguments));
  }
  AnyValue result = forward_of_child(relay, child, std::move(arguments));
  if (speaks && relay.last.load(std::memory_order_relaxed)) {
    Frame frame(*sequential, Seen::kRelay);
    if (frame.wants_output()) give_output(frame, result);
  }
  return result;
}

AnyValue relayed_forward(AnyModulePlaceholder* child, Arguments&& arguments) {
  const Relay& relay = Relay::of(*child);
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
  for (auto any = sequential.begin(); any != sequential.end(); ++any) {
    AnyModulePlaceholder* child = ((*any).*content_member()).get();
    if (child == nullptr) continue;
    install(*child);
    Relay& relay = Relay::of(*child);
    relay.sequential.store(&sequential, std::memory_order_relaxed);
    relay.first.store(any == sequential.begin(), std::memory_order_relaxed);
    relay.last.store(std::next(any) == sequential.end(), std::memory_order_relaxed);
  }
}

}  // namespace eager
}  // namespace anycapture
