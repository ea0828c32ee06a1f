// SPDX-License-Identifier: MIT
#include "eager/hooking.h"

#include <anycapture/detail/hooked_call.h>
#include <anycapture/detail/instrumented.h>
#include <anycapture/interpose.h>
#include <anycapture/selector.h>

#include <torch/nn/module.h>
#include <torch/nn/modules/container/moduledict.h>
#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/modules/container/sequential.h>

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <set>
#include <typeindex>
#include <vector>

#include "eager/interposed.h"
#include "eager/is_one_of.h"

namespace anycapture {
namespace {

struct Note {
  detail::Heard heard = detail::Heard::kNowhere;
  const char* reason = nullptr;
};

struct Notes {
  std::mutex mutex;
  std::map<std::type_index, Note> by_type;
  std::set<std::type_index> held;  // of which a holder has made a hooked module
};

Notes& notes() {
  static auto* notes = new Notes();  // holders may be static objects of any library
  return *notes;
}

Note noted(const torch::nn::Module& module) {
  const std::lock_guard<std::mutex> lock(notes().mutex);
  const auto found = notes().by_type.find(typeid(module));
  return found == notes().by_type.end() ? Note() : found->second;
}

bool has_holder(const torch::nn::Module& module) {
  const std::lock_guard<std::mutex> lock(notes().mutex);
  return notes().held.count(typeid(module)) != 0;
}

struct InstrumentedTypes {
  std::mutex mutex;
  std::vector<bool (*)(const torch::nn::Module&)> is_one;
  std::map<std::type_index, bool> known;  // of modules that were asked for
};

InstrumentedTypes& instrumented_types() {
  static auto* types = new InstrumentedTypes();
  return *types;
}

// Module::name_, private: a name that is not set is made of the wrapper's type.
using Name = c10::optional<std::string> torch::nn::Module::*;
Name name_member();
template <Name member>
struct NameMember {
  friend Name name_member() { return member; }
};
template struct NameMember<&torch::nn::Module::name_>;

}  // namespace

namespace detail {

bool note_unhooked(const std::type_info& type, Heard heard, const char* reason) {
  const std::lock_guard<std::mutex> lock(notes().mutex);
  return notes().by_type.emplace(type, Note{heard, reason}).second;
}

bool note_instrumented(bool (*is_one)(const torch::nn::Module& module)) {
  InstrumentedTypes& types = instrumented_types();
  const std::lock_guard<std::mutex> lock(types.mutex);
  types.is_one.push_back(is_one);
  types.known.clear();
  return true;
}

void name_after(torch::nn::Module& module, const std::type_info& type) {
  {
    const std::lock_guard<std::mutex> lock(notes().mutex);
    notes().held.insert(type);
  }
  auto& name = module.*name_member();
  if (!name.has_value()) name = c10::demangle(type.name());
}

}  // namespace detail

namespace eager {

bool is_hooked(const torch::nn::Module& module) {
  return is_one_of<detail::Hookable>(module) || is_interposed(module);
}

bool is_instrumented(const torch::nn::Module& module) {
  InstrumentedTypes& types = instrumented_types();
  const std::lock_guard<std::mutex> lock(types.mutex);
  const auto [known, added] = types.known.try_emplace(typeid(module), false);
  if (added) {
    known->second = std::any_of(types.is_one.begin(), types.is_one.end(),
                                [&](const auto& is_one) { return is_one(module); });
  }
  return known->second;
}

std::string why_silent_though_instrumented() {
  return "its source is instrumented: its forward was not called, or the linker took a copy of it "
         "that another target compiled without anycapture_instrument()";
}

bool is_half_hooked(const torch::nn::Module& module) {
  return noted(module).heard == detail::Heard::kThroughHolder;
}

std::string why_unhooked(const torch::nn::Module& module) {
  if (const char* reason = noted(module).reason) return reason;
  const std::string type = normalise_type(module.name());
  if (is_one_of<torch::nn::ModuleListImpl, torch::nn::ModuleDictImpl>(module)) {
    return fmt::format("a {} has no forward: choose what it holds", type);
  }
  if (typeid(module) == typeid(torch::nn::SequentialImpl)) return "the Sequential is empty";
  if (has_holder(module)) {
    return fmt::format(
        "it was not made by its holder: make it as {}(...), not as a "
        "std::shared_ptr of its class",
        type);
  }
  const bool stock = module.name().compare(0, 11, "torch::nn::") == 0;
  if (!stock) {
    return fmt::format("to hook it, write ANYCAPTURE_MODULE({0}); where TORCH_MODULE({0}); stands",
                       type);
  }
  std::string other_way = ", or link the program with anycapture::interpose";
  if (interposed()) other_way.clear();  // by which this type is not heard
  const std::string problem = why_not_interposed();
  if (!problem.empty()) other_way = "; " + problem;
  return fmt::format("to hook it, write anycapture::nn::{0} where torch::nn::{0} stands{1}", type,
                     other_way);
}

}  // namespace eager
}  // namespace anycapture
