// SPDX-License-Identifier: MIT
// What `anycapture instrument` inserts into the copy of a source calls this; nobody writes it.
#pragma once

#include <ATen/core/Tensor.h>

#include <anycapture/api.h>
#include <anycapture/detail/collect.h>
#include <anycapture/detail/frame.h>
#include <anycapture/tag.h>
#include <anycapture/tensors.h>

#include <string>
#include <tuple>
#include <type_traits>
#include <typeinfo>
#include <utility>

namespace anycapture {
namespace detail {

/// Stands where a parameter has no name.
struct Unnamed {};
/// Marks the run of a lambda's body.
struct InLambda {};

/// What is kept of one run of an instrumented function while a session listens.
class LocalsRun;

/// Where a run is: `module` is null outside modules' methods. Neither text is copied.
struct FunctionPlace {
  const torch::nn::Module* module;
  const char* name;
  unsigned id;  ///< tells overloads apart
};

// Out of line and cold: where they stand, what is off is a load and a branch.
[[gnu::cold]] ANYCAPTURE_API LocalsRun* open_run(const FunctionPlace& place);
[[gnu::cold]] ANYCAPTURE_API LocalsRun* find_run(const char* function, unsigned id);
[[gnu::cold]] ANYCAPTURE_API void close_run(LocalsRun* run) noexcept;
[[gnu::cold]] ANYCAPTURE_API void discard_run(LocalsRun* run) noexcept;
ANYCAPTURE_API bool wants_input(const LocalsRun& run);
ANYCAPTURE_API void fire_input(LocalsRun& run, const Tensors& tensors);
ANYCAPTURE_API void unreadable(LocalsRun& run, SiteDirection direction, const std::type_info& type);
/// `number` is negative for a parameter, which no statement assigns.
[[gnu::cold]] ANYCAPTURE_API void assign_local(LocalsRun& run, const char* name, int number,
                                               const Tensors& tensors);
[[gnu::cold]] ANYCAPTURE_API void assign_local(LocalsRun& run, const char* name, int number,
                                               const at::Tensor& tensor);
/// The same of a variable whose final value is not known.
[[gnu::cold]] ANYCAPTURE_API void step_local(LocalsRun& run, const char* name, int number,
                                             const Tensors& tensors);
/// The same if it is not what the variable held when it was last seen.
[[gnu::cold]] ANYCAPTURE_API void touch_local(LocalsRun& run, const char* name, int number,
                                              const Tensors& tensors);
/// The value that is returned; then the final values of the locals.
[[gnu::cold]] ANYCAPTURE_API void finish_run(LocalsRun& run, const Tensors& returned);

/// Tells reports that modules of this type, and of those derived from it, are heard.
ANYCAPTURE_API bool note_instrumented(bool (*is_one)(const torch::nn::Module& module));

template <class Module>
struct Instrumented {
  // A program's start sets it, before any session opens.
  static inline const bool kNoted = note_instrumented([](const torch::nn::Module& module) {
    return dynamic_cast<const Module*>(&module) != nullptr;
  });
};

/// One run of an instrumented function: the first variable in its body.
class Locals {
 public:
  /// Of a function that is no module's. `names` are those of the parameters, parted by commas.
  explicit Locals(const char* function, unsigned id) : Locals(function, id, "") {}
  template <class... A>
  Locals(const char* function, unsigned id, const char* names, const A&... arguments) {
    if (listening()) start({nullptr, function, id}, names, arguments...);
  }
  /// Of a method; of one whose class is no module as of a function.
  template <class Self>
  Locals(const Self* self, const char* function, unsigned id) : Locals(self, function, id, "") {}
  template <class Self, class... A>
  Locals(const Self* self, const char* function, unsigned id, const char* names,
         const A&... arguments) {
    if (listening()) start({module_of_self(self), function, id}, names, arguments...);
  }
  /// Of a lambda in that function: what it assigns is the function's.
  Locals(InLambda, const char* function, unsigned id) : is_owner_(false) {
    if (listening()) run_ = find_run(function, id);
  }
  Locals(const Locals&) = delete;
  Locals& operator=(const Locals&) = delete;
  ~Locals() {
    if (__builtin_expect(run_ != nullptr, 0) && is_owner_) close_run(run_);
  }

  /// A variable was assigned for the `number`th time in the source; one that holds no tensor is
  /// ignored.
  template <class T>
  void set(const char* name, int number, const T& value) {
    if constexpr (std::is_same_v<T, at::Tensor>) {
      if (is_on()) assign_local(*run_, name, number, value);
    } else if constexpr (may_hold_tensors<T>()) {
      if (is_on()) assign_local(*run_, name, number, collected("", value));
    }
  }
  template <class T>
  void touch(const char* name, int number, const T& value) {
    if constexpr (may_hold_tensors<T>()) {
      if (is_on()) touch_local(*run_, name, number, collected("", value));
    }
  }
  /// An assignment to a variable that others are made to unseen: it has no final value to tell.
  template <class T>
  void step(const char* name, int number, const T& value) {
    if constexpr (may_hold_tensors<T>()) {
      if (is_on()) step_local(*run_, name, number, collected("", value));
    }
  }
  /// Of a field: the variable that holds it, where tensors are seen in that; else the field.
  template <class Owner, class T>
  void set_field(const char* owner_name, int number, const Owner& owner, const char* name,
                 const T& value) {
    if constexpr (may_hold_tensors<Owner>()) {
      set(owner_name, number, owner);
    } else {
      set(name, number, value);
    }
  }
  template <class Owner, class T>
  void touch_field(const char* owner_name, int number, const Owner& owner, const char* name,
                   const T& value) {
    if constexpr (may_hold_tensors<Owner>()) {
      touch(owner_name, number, owner);
    } else {
      touch(name, number, value);
    }
  }

  /// Stands in front of a return, or at the end.
  void returning() {
    if (is_on()) finish_run(*run_, Tensors());
  }
  template <class T>
  void returning(const T& value) {
    if (is_on()) finish_with(value);
  }
  /// Around what is returned by value.
  template <class T>
  std::decay_t<T> returned(T&& value) {
    if (is_on()) finish_with(value);
    return std::forward<T>(value);
  }
  /// The same where braces need a type.
  template <class Result>
  Result returned_as(Result&& value) {
    if (is_on()) finish_with(value);
    return std::move(value);
  }
  template <class T>
  T&& returned_reference(T&& value) {
    if (is_on()) finish_with(value);
    return std::forward<T>(value);
  }
  /// Where the type may be one that cannot be moved.
  template <class Make>
  auto returned_from(Make make) -> decltype(make()) {
    using Result = decltype(make());
    if constexpr (may_hold_tensors<Result>() && std::is_move_constructible_v<Result>) {
      if (is_on()) {
        Result value = make();
        finish_with(value);
        return value;
      }
    }
    return make();
  }

 private:
  bool is_on() const { return __builtin_expect(run_ != nullptr, 0); }

  template <class T>
  static constexpr bool may_hold_tensors() {
    if constexpr (std::is_class_v<T>) {
      return can_hold_tensors<std::remove_cv_t<T>>();
    } else {
      return false;
    }
  }

  template <class Self>
  static const torch::nn::Module* module_of_self(const Self* self) {
    if constexpr (std::is_convertible_v<const Self*, const torch::nn::Module*>) {
      static_cast<void>(Instrumented<Self>::kNoted);
      return self;
    } else {
      return nullptr;
    }
  }

  template <class... A>
  [[gnu::cold, gnu::noinline]] void start(const FunctionPlace& place,
                                          [[maybe_unused]] const char* names,
                                          const A&... arguments) {
    run_ = open_run(place);
    if (run_ == nullptr) return;
    try {
      if (wants_input(*run_)) input(arguments...);
      (parameter(names, arguments), ...);
    } catch (...) {
      discard_run(run_);
      throw;
    }
  }

  template <class... A>
  void input(const A&... arguments) {
    Tensors tensors;
    const std::tuple<const A&...> all(arguments...);
    if constexpr (sizeof...(A) != 0) {
      collect_arguments(tensors, all, std::index_sequence_for<A...>());
    }
    fire_input(*run_, tensors);
  }

  template <class T>
  void parameter(const char*& names, const T& value) {
    const char* start = names;
    while (*names != ',' && *names != '\0') ++names;
    const std::string name(start, names);
    if (*names == ',') ++names;
    if (name.empty() || name.back() == '.') return;
    if constexpr (may_hold_tensors<T>())
      assign_local(*run_, name.c_str(), -1, collected("", value));
  }

  template <class T>
  void finish_with(const T& value) {
    if constexpr (may_hold_tensors<T>()) {
      finish_run(*run_, collected("", value));
    } else {
      if constexpr (std::is_class_v<T>) unreadable(*run_, SiteDirection::kOutput, typeid(T));
      finish_run(*run_, Tensors());
    }
  }

  LocalsRun* run_ = nullptr;  // null: nobody listens
  bool is_owner_ = true;
};

}  // namespace detail
}  // namespace anycapture
