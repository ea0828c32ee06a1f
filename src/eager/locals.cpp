// SPDX-License-Identifier: MIT
// Runs of instrumented functions: what their locals hold until they return.
#include <anycapture/detail/instrumented.h>

#include <torch/nn/module.h>

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <exception>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "capture/listening.h"
#include "capture/session.h"
#include "eager/environment.h"
#include "eager/locals.h"

namespace anycapture {
namespace detail {
namespace {

using capture::Session;
using capture::ThreadSessions;

thread_local LocalsRun* innermost_run = nullptr;

// Every session has its say.
template <class Ask>
bool any_session(Ask ask) {
  bool any = false;
  ThreadSessions::here().each([&](Session& session) { any = ask(session) || any; });
  return any;
}

bool is_taken(const std::string& name) {
  const std::string first = name.substr(0, name.find_first_of(".["));
  return first == "output" || first == "input" || first == "attention";
}

std::uint32_t version_of(const at::Tensor& tensor) {
  const bool counted = tensor.defined() && !tensor.is_inference();
  return counted ? tensor.unsafeGetTensorImpl()->version_counter().current_version() : 0;
}

}  // namespace

class LocalsRun {
 public:
  explicit LocalsRun(const FunctionPlace& place)
      : module_(place.module),
        function_(place.name),
        id_(place.id),
        exceptions_(std::uncaught_exceptions()),
        outer_(innermost_run) {
    if (module_ != nullptr) {
      frame_.emplace(*module_, Seen::kSource, function_, id_);
    } else if (const Frame* frame = Frame::innermost()) {
      module_ = &frame->module();
      is_helper_ = true;
    }
    wants_locals_ =
        any_session([&](Session& session) { return session.wants_locals(module_, function_); });
    innermost_run = this;
  }
  LocalsRun(const LocalsRun&) = delete;
  LocalsRun& operator=(const LocalsRun&) = delete;
  ~LocalsRun() { innermost_run = outer_; }

  bool is(const char* function, unsigned id) const {
    return id_ == id && std::strcmp(function_, function) == 0;
  }
  LocalsRun* outer() const { return outer_; }
  bool is_left_by_exception() const { return std::uncaught_exceptions() > exceptions_; }
  bool is_finished() const { return finished_; }
  Frame* frame() { return frame_ && frame_->opened() ? &*frame_ : nullptr; }

  void assign(const char* name, int number, const Tensors& tensors) {
    if (!wants_locals_) return;
    Local& local = local_of(name);
    local.values.clear();
    for (std::size_t i = 0; i < tensors.size(); ++i) {
      const std::string full = joined(name, tensors.name(i));
      local.values.push_back({full, tensors[i], version_of(tensors[i])});
      if (number >= 0) fire(full + fmt::format("[{}]", number), tensors[i]);
    }
    drop_unwanted(local);
  }

  void step(const char* name, int number, const Tensors& tensors) {
    if (!wants_locals_) return;
    for (std::size_t i = 0; i < tensors.size(); ++i)
      fire(joined(name, tensors.name(i)) + fmt::format("[{}]", number), tensors[i]);
  }

  void touch(const char* name, int number, const Tensors& tensors) {
    if (!wants_locals_) return;
    const Local& local = local_of(name);
    bool same = local.values.size() == tensors.size();
    for (std::size_t i = 0; same && i < tensors.size(); ++i) {
      same = local.values[i].tensor.is_same(tensors[i]) &&
             local.values[i].version == version_of(tensors[i]);
    }
    if (!same) assign(name, number, tensors);
  }

  /// A tag of this name fired: it wins.
  void tagged(const char* name) {
    if (wants_locals_) local_of(name).tagged = true;
  }
  bool is_forward_of(const torch::nn::Module& module) const {
    return module_ == &module && !is_helper_ && std::strcmp(function_, "forward") == 0;
  }
  bool is_function(const char* function) const { return std::strcmp(function_, function) == 0; }

  void finish(const Tensors& returned) {
    if (std::exchange(finished_, true)) return;
    if (frame() != nullptr && frame()->wants_output()) frame()->output(returned);
    if (!wants_locals_) return;
    for (const Local& local : locals_) {
      if (local.tagged) continue;
      for (const Value& value : local.values) fire(value.name, value.tensor);
    }
    for (std::size_t i = 0; i < returned.size(); ++i) {
      fire(joined("return", returned.name(i)), returned[i]);
    }
    locals_.clear();
  }

 private:
  struct Value {
    std::string name;  ///< with the field: `qkv.0`
    at::Tensor tensor;
    std::uint32_t version;
  };
  struct Local {
    std::string name;
    std::vector<Value> values;
    bool tagged = false;
  };

  Local& local_of(const char* name) {
    auto known = std::find_if(locals_.begin(), locals_.end(),
                              [&](const Local& one) { return one.name == name; });
    if (known != locals_.end()) return *known;
    locals_.push_back({name, {}, false});
    return locals_.back();
  }

  // As it stands in a key.
  std::string what(const std::string& name) const {
    if (module_ == nullptr) return name;
    if (is_helper_ || std::strcmp(function_, "forward") != 0)
      return std::string(function_) + (is_taken(name) ? ".local." : ".") + name;
    return is_taken(name) ? "forward." + name : name;
  }

  // A tensor that nobody asks for is not held beyond the life it has.
  void drop_unwanted(Local& local) {
    const bool wanted =
        std::any_of(local.values.begin(), local.values.end(), [&](const Value& value) {
          return any_session([&, text = what(value.name)](Session& session) {
            return session.wants_local(module_, function_, text);
          });
        });
    if (!wanted) local.values.clear();
  }

  void fire(const std::string& name, const at::Tensor& value) {
    const std::string text = what(name);
    ThreadSessions::here().each([&](Session& session) {
      if (session.wants_local(module_, function_, text))
        session.fire_local(module_, function_, text, value);
    });
  }

  const torch::nn::Module* module_;
  const char* function_;
  unsigned id_;
  int exceptions_;  // that were passing when it began
  LocalsRun* outer_;
  std::optional<Frame> frame_;
  std::vector<Local> locals_;  // in order of first assignment
  bool is_helper_ = false;     // a free function that a module ran
  bool wants_locals_ = false;
  bool finished_ = false;
};

namespace {

// A method that a constructor calls: the module has no place in a model yet.
bool may_be_unfinished(const FunctionPlace& place) {
  return place.module != nullptr && std::strcmp(place.name, "forward") != 0 &&
         place.module->weak_from_this().expired();
}

}  // namespace

LocalsRun* open_run(const FunctionPlace& place) {
  eager::join_environment();
  if (ThreadSessions::here().empty()) return nullptr;
  const auto knows = [&](Session& session) { return session.knows(place.module); };
  if (may_be_unfinished(place) && !any_session(knows)) return nullptr;
  return new LocalsRun(place);
}

void discard_run(LocalsRun* run) noexcept {
  delete run;
}

LocalsRun* find_run(const char* function, unsigned id) {
  LocalsRun* run = innermost_run;
  while (run != nullptr && !run->is(function, id)) run = run->outer();
  return run;
}

void close_run(LocalsRun* run) noexcept {
  try {
    // Where the return was left as it stood.
    if (!run->is_finished() && !run->is_left_by_exception()) run->finish(Tensors());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "anycapture: warning: at the end of a function: %s\n", error.what());
  }
  delete run;
}

bool wants_input(const LocalsRun& run) {
  Frame* frame = const_cast<LocalsRun&>(run).frame();
  return frame != nullptr && frame->wants_input();
}

void fire_input(LocalsRun& run, const Tensors& tensors) {
  run.frame()->input(tensors);
}

void unreadable(LocalsRun& run, SiteDirection direction, const std::type_info& type) {
  if (run.frame() != nullptr && run.frame()->wants_output())
    run.frame()->unreadable(direction, type);
}

void assign_local(LocalsRun& run, const char* name, int number, const Tensors& tensors) {
  run.assign(name, number, tensors);
}

void assign_local(LocalsRun& run, const char* name, int number, const at::Tensor& tensor) {
  Tensors tensors;
  tensors.add("", tensor);
  run.assign(name, number, tensors);
}

void step_local(LocalsRun& run, const char* name, int number, const Tensors& tensors) {
  run.step(name, number, tensors);
}

void touch_local(LocalsRun& run, const char* name, int number, const Tensors& tensors) {
  run.touch(name, number, tensors);
}

void finish_run(LocalsRun& run, const Tensors& returned) {
  run.finish(returned);
}

}  // namespace detail

namespace eager {

void tag_wins(const torch::nn::Module& module, const char* name) {
  for (detail::LocalsRun* run = detail::innermost_run; run != nullptr; run = run->outer()) {
    if (run->is_forward_of(module)) return run->tagged(name);
  }
}

void function_tag_wins(const char* function, const char* name) {
  if (detail::innermost_run != nullptr && detail::innermost_run->is_function(function))
    detail::innermost_run->tagged(name);
}

}  // namespace eager
}  // namespace anycapture
