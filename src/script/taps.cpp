// SPDX-License-Identifier: MIT
#include "script/taps.h"

#include <torch/csrc/jit/runtime/custom_operator.h>

#include <atomic>
#include <deque>
#include <stdexcept>

#include "attention/fused_ops.h"
#include "capture/ivalues.h"
#include "script/script_world.h"

namespace anycapture {
namespace script {

using c10::IValue;
using torch::jit::Stack;

struct RunState {
  std::int64_t number = 0;
  ScriptWorld* world = nullptr;
  std::vector<std::shared_ptr<capture::Session>> sessions;
  std::recursive_mutex mutex;  // of what follows, and of the sessions
  std::int64_t frames_opened = 0;
  std::unordered_map<std::int64_t, std::vector<std::pair<std::int64_t, IValue>>> frames;
  std::unordered_map<const void*, std::unordered_map<std::string, std::size_t>> ops;  // in a call
  std::exception_ptr thrown;
};

namespace {

// Taps are never taken away: a graph may still hold their numbers.
struct TapTable {
  std::mutex mutex;
  std::deque<Tap> taps;
};

TapTable& tap_table() {
  static TapTable* const table = new TapTable;  // outlives every thread
  return *table;
}

const Tap& tap_at(std::int64_t number) {
  TapTable& table = tap_table();
  const std::lock_guard<std::mutex> lock(table.mutex);
  return table.taps[static_cast<std::size_t>(number)];
}

}  // namespace

std::int64_t add_tap(Tap tap) {
  TapTable& table = tap_table();
  const std::lock_guard<std::mutex> lock(table.mutex);
  table.taps.push_back(std::move(tap));
  return static_cast<std::int64_t>(table.taps.size()) - 1;
}

void mark_copied(std::int64_t tap) {
  TapTable& table = tap_table();
  const std::lock_guard<std::mutex> lock(table.mutex);
  table.taps[static_cast<std::size_t>(tap)].copy = true;
}

struct Runs {
  static Runs& all() {
    static Runs* const runs = new Runs;
    return *runs;
  }

  std::shared_ptr<RunState> find(std::int64_t number) {
    const std::lock_guard<std::mutex> lock(mutex);
    const auto found = running.find(number);
    return found == running.end() ? nullptr : found->second;
  }

  std::mutex mutex;
  std::int64_t next = 1;
  std::unordered_map<std::int64_t, std::shared_ptr<RunState>> running;
};

Run::Run(ScriptWorld& world, std::vector<std::shared_ptr<capture::Session>> sessions)
    : state_(std::make_shared<RunState>()) {
  state_->world = &world;
  state_->sessions = std::move(sessions);
  Runs& runs = Runs::all();
  const std::lock_guard<std::mutex> lock(runs.mutex);
  state_->number = runs.next++;
  runs.running.emplace(state_->number, state_);
}

Run::~Run() {
  {
    Runs& runs = Runs::all();
    const std::lock_guard<std::mutex> lock(runs.mutex);
    runs.running.erase(state_->number);
  }
  // A fork that is still at a tap ends it before the caller goes on.
  const std::lock_guard<std::recursive_mutex> lock(state_->mutex);
  state_->sessions.clear();
}

std::int64_t Run::number() const {
  return state_->number;
}

std::exception_ptr Run::thrown() const {
  return state_->thrown;
}

namespace {

const void* object_of(const IValue& self) {
  return self.isObject() ? self.toObject().get() : nullptr;
}

void fire_op(RunState& run, const void* id, const Tap& tap, const Tensors& tensors) {
  std::size_t& number = run.ops[id][tap.what];
  const std::string stem = tap.kind == SiteKind::kOp ? tap.what : tap.what + ".input";
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const std::string what = detail::joined(stem, tensors.name(i));
    for (const auto& session : run.sessions) {
      if (!session->listening()) continue;
      session->fire_op(id, tap.kind, what, number, tensors[i], tap.copy);
      session->throw_failure();
    }
  }
  if (tap.kind == SiteKind::kOp) ++number;
}

// What a fused op took, and its result behind it.
void fire_fused(RunState& run, const void* id, const Tap& tap, const IValue& value) {
  const auto& elements = value.toTupleRef().elements();
  const std::vector<IValue> all(elements.begin(), elements.end());
  const IValue& result = all.back();
  const at::Tensor output = result.isTensor() ? result.toTensor() : at::Tensor();
  for (const auto& session : run.sessions) {
    if (!session->listening()) continue;
    session->fire_attention(id, [&]() -> std::shared_ptr<const capture::LazyTensor> {
      return attention::fused_call(*tap.fused, c10::ArrayRef<IValue>(all).slice(0, all.size() - 1),
                                   output, session->options().detach,
                                   tap.copy || session->options().keep == Keep::clone);
    });
    session->throw_failure();
  }
}

// None is the last one.
bool is_last_axis(const IValue& axis, const at::Tensor& tensor) {
  return !axis.isInt() || axis.toInt() == -1 ||
         (axis.toInt() > 0 && axis.toInt() == tensor.dim() - 1);
}

void fire_attention(RunState& run, const void* id, const Tap& tap, const IValue& value) {
  if (tap.fused != nullptr) return fire_fused(run, id, tap, value);
  const auto& elements = value.toTupleRef().elements();
  const at::Tensor& weights = elements[0].toTensor();
  if (!is_last_axis(elements[1], weights)) return;
  if (elements[2].isTensor()) run.world->find_heads(id, elements[2].toTensor());
  for (const auto& session : run.sessions) {
    if (!session->listening()) continue;
    session->fire_attention(id, weights, tap.copy);
    session->throw_failure();
  }
}

void fire(RunState& run, const IValue& self, const Tap& tap, const IValue& value) {
  const auto& [id, path] = run.world->identity_of(object_of(self));
  for (const auto& session : run.sessions) session->went_by(path);
  if (tap.kind == SiteKind::kAttention) return fire_attention(run, id, tap, value);
  const bool arguments = tap.kind == SiteKind::kInput || tap.kind == SiteKind::kOpInput;
  const Tensors tensors = arguments ? capture::tensors_in_arguments(value.toTupleRef().elements())
                                    : capture::tensors_in(value);
  if (tap.kind == SiteKind::kOp || tap.kind == SiteKind::kOpInput) {
    fire_op(run, id, tap, tensors);
    return;
  }
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const std::string what = detail::joined(tap.what, tensors.name(i)) + tap.index;
    for (const auto& session : run.sessions) {
      if (session->listening()) session->fire_field(id, tap.kind, what, tensors[i], tap.copy);
    }
  }
}

// Calls `act(run)`; what a session throws is kept for the caller of the program.
template <class Act>
void in_run(std::int64_t number, Act act) {
  const std::shared_ptr<RunState> run = Runs::all().find(number);
  if (run == nullptr) return;
  const std::lock_guard<std::recursive_mutex> lock(run->mutex);
  try {
    act(*run);
  } catch (...) {
    if (run->thrown == nullptr) run->thrown = std::current_exception();
    throw std::runtime_error("anycapture: a session stopped the program");
  }
}

void tap(Stack& stack) {
  const std::int64_t number = torch::jit::pop(stack).toInt();
  const std::int64_t run = torch::jit::pop(stack).toInt();
  const IValue value = torch::jit::pop(stack);
  const IValue self = torch::jit::pop(stack);
  in_run(run, [&](RunState& state) { fire(state, self, tap_at(number), value); });
}

void enter(Stack& stack) {
  const std::int64_t run = torch::jit::pop(stack).toInt();
  std::int64_t frame = 0;
  in_run(run, [&](RunState& state) { frame = ++state.frames_opened; });
  torch::jit::push(stack, frame);
}

void assign(Stack& stack) {
  const std::int64_t number = torch::jit::pop(stack).toInt();
  const std::int64_t frame = torch::jit::pop(stack).toInt();
  const std::int64_t run = torch::jit::pop(stack).toInt();
  IValue value = torch::jit::pop(stack);
  in_run(run, [&](RunState& state) {
    for (auto& [local, held] : state.frames[frame]) {
      if (local != number) continue;
      held = std::move(value);
      return;
    }
    state.frames[frame].emplace_back(number, std::move(value));
  });
}

void leave(Stack& stack) {
  const std::int64_t frame = torch::jit::pop(stack).toInt();
  const std::int64_t run = torch::jit::pop(stack).toInt();
  const IValue self = torch::jit::pop(stack);
  in_run(run, [&](RunState& state) {
    const auto found = state.frames.find(frame);
    if (found == state.frames.end()) return;
    const auto locals = std::move(found->second);
    state.frames.erase(found);
    for (const auto& [number, value] : locals) fire(state, self, tap_at(number), value);
  });
}

void begin(Stack& stack) {
  const std::int64_t run = torch::jit::pop(stack).toInt();
  const IValue self = torch::jit::pop(stack);
  in_run(run,
         [&](RunState& state) { state.ops.erase(state.world->identity_of(object_of(self)).id); });
}

// self, run, method, arguments...
torch::jit::Operation call_method(const torch::jit::Node* node) {
  const std::size_t count = node->inputs().size();
  return [count](Stack& stack) {
    const std::vector<IValue> inputs(stack.end() - static_cast<std::ptrdiff_t>(count), stack.end());
    torch::jit::drop(stack, count);
    const auto object = inputs[0].toObject();
    torch::jit::Function& method = object->type()->getMethod(inputs[2].toStringRef());
    Stack arguments{inputs[0]};
    arguments.insert(arguments.end(), inputs.begin() + 3, inputs.end());
    const std::shared_ptr<RunState> run = Runs::all().find(inputs[1].toInt());
    if (run == nullptr) {
      method.run(arguments);
    } else {
      arguments.push_back(inputs[1]);
      run->world->instrumented(method, false, run->sessions)->run(arguments);
    }
    stack.push_back(std::move(arguments.back()));
  };
}

const torch::jit::RegisterOperators* const registered = new torch::jit::RegisterOperators({
    torch::jit::Operator("anycapture::tap(Any self, Any value, int run, int tap) -> ()", tap,
                         c10::AliasAnalysisKind::CONSERVATIVE),
    torch::jit::Operator("anycapture::mark(Any self, Any value, int run, int tap) -> ()", tap,
                         c10::AliasAnalysisKind::FROM_SCHEMA),
    torch::jit::Operator("anycapture::enter(int run) -> int", enter,
                         c10::AliasAnalysisKind::CONSERVATIVE),
    torch::jit::Operator("anycapture::assign(Any value, int run, int frame, int tap) -> ()", assign,
                         c10::AliasAnalysisKind::CONSERVATIVE),
    torch::jit::Operator("anycapture::leave(Any self, int run, int frame) -> ()", leave,
                         c10::AliasAnalysisKind::CONSERVATIVE),
    torch::jit::Operator("anycapture::begin(Any self, int run) -> ()", begin,
                         c10::AliasAnalysisKind::CONSERVATIVE),
    torch::jit::Operator(call_symbol(), call_method, c10::AliasAnalysisKind::CONSERVATIVE),
});

}  // namespace

const c10::Symbol& tap_symbol() {
  static const c10::Symbol symbol = c10::Symbol::fromQualString("anycapture::tap");
  return symbol;
}

const c10::Symbol& mark_symbol() {
  static const c10::Symbol symbol = c10::Symbol::fromQualString("anycapture::mark");
  return symbol;
}

const c10::Symbol& attend_symbol() {
  static const c10::Symbol symbol = c10::Symbol::fromQualString("anycapture::attend");
  return symbol;
}

const c10::Symbol& enter_symbol() {
  static const c10::Symbol symbol = c10::Symbol::fromQualString("anycapture::enter");
  return symbol;
}

const c10::Symbol& assign_symbol() {
  static const c10::Symbol symbol = c10::Symbol::fromQualString("anycapture::assign");
  return symbol;
}

const c10::Symbol& leave_symbol() {
  static const c10::Symbol symbol = c10::Symbol::fromQualString("anycapture::leave");
  return symbol;
}

const c10::Symbol& begin_symbol() {
  static const c10::Symbol symbol = c10::Symbol::fromQualString("anycapture::begin");
  return symbol;
}

const c10::Symbol& call_symbol() {
  static const c10::Symbol symbol = c10::Symbol::fromQualString("anycapture::call");
  return symbol;
}

}  // namespace script
}  // namespace anycapture
