// SPDX-License-Identifier: MIT
// The operators that an instrumented graph calls, and the run that they belong to.
#pragma once

#include <ATen/core/ivalue.h>
#include <ATen/core/symbol.h>

#include <anycapture/selector.h>

#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "capture/session.h"

namespace anycapture {
namespace script {

class ScriptWorld;

/// What fires at a tap.
struct Tap {
  SiteKind kind = SiteKind::kLocal;
  std::string what;   ///< `attn`, `input`, `encode.output`; `@softmax`, also of what it took
  std::string index;  ///< `[0]` of an assignment; goes behind the fields: `qkv.1[0]`
  bool copy = false;  ///< the graph writes into the value later
  /// Of attention: of the fused op whose arguments and output come as a tuple; null for weights,
  /// which come with the axis that their softmax went over and the queries, if they are known.
  const c10::FunctionSchema* fused = nullptr;
};

/// Numbers taps for graphs, which hold nothing but numbers.
std::int64_t add_tap(Tap tap);
void mark_copied(std::int64_t tap);

/// `(Any self, Any value, int run, int tap) -> ()`: the value fires.
const c10::Symbol& tap_symbol();
/// The same to alias analysis's eyes a reader: stands in a graph until that has been asked.
const c10::Symbol& mark_symbol();
/// `(Any self, int run, int tap, factors...) -> ()`: the factors of a product, of which one may be
/// weights; never run.
const c10::Symbol& attend_symbol();
/// `(int run) -> int`: a call of a function begins.
const c10::Symbol& enter_symbol();
/// `(Any value, int run, int frame, int tap) -> ()`: a local has got a new value.
const c10::Symbol& assign_symbol();
/// `(Any self, int run, int frame) -> ()`: the function returns; what its locals hold fires.
const c10::Symbol& leave_symbol();
/// `(Any self, int run) -> ()`: the ops of an object's call are numbered from 0 on.
const c10::Symbol& begin_symbol();
/// `(Any self, int run, str method, ...) -> Any`: a method of an object whose class is not known
/// before.
const c10::Symbol& call_symbol();

struct RunState;

/// One call of a program while sessions listen. Taps find it by number, also on the threads of
/// forks; one that comes after it has ended is not heard.
class Run {
 public:
  Run(ScriptWorld& world, std::vector<std::shared_ptr<capture::Session>> sessions);
  ~Run();
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  std::int64_t number() const;
  /// What a session threw at a tap; the interpreter may have put another exception in its place.
  std::exception_ptr thrown() const;

 private:
  std::shared_ptr<RunState> state_;
};

}  // namespace script
}  // namespace anycapture
