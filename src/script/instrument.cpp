// SPDX-License-Identifier: MIT
#include "script/instrument.h"

#include <torch/csrc/jit/ir/ir.h>

#include <algorithm>
#include <map>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

#include "capture/program_sites.h"
#include "script/attention.h"
#include "script/locals.h"
#include "script/nodes.h"
#include "script/taps.h"
#include "script/whats.h"
#include "script/written.h"

namespace anycapture {
namespace script {
namespace {

using c10::ClassType;
using torch::jit::Block;
using torch::jit::Function;
using torch::jit::Graph;
using torch::jit::GraphFunction;
using torch::jit::Node;
using torch::jit::Value;
namespace prim = torch::jit::prim;

// Whichever method computes it.
constexpr const char* kAttention = "attention";

// One function on the way into the graph.
struct Context {
  Graph& graph;
  Value* self;            // whose sites these are; null where there is no object
  const ClassType* type;  // of it
  Value* run;
  std::string function;  // `forward`, `_rescale`
};

class Builder {
 public:
  explicit Builder(const Wants& wants) : wants_(wants) {}

  // With one more input, the number of the run. `called` by another one, which then runs the hooks
  // that were compiled into it.
  std::shared_ptr<Graph> method(const GraphFunction& function, bool called) {
    std::shared_ptr<Graph>& built = methods_[{&function, called}];
    if (built != nullptr) return built;
    auto graph = function.graph()->copy();
    Value* self = graph->inputs().empty() ? nullptr : graph->inputs()[0];
    const auto type = self == nullptr ? nullptr : self->type()->cast<ClassType>();
    if (type == nullptr) self = nullptr;
    Value* run = graph->addInput("run")->setType(c10::IntType::get());
    const Context context{*graph, self, type.get(), run, function.name()};
    if (!called && self != nullptr)
      begin_numbering(*graph->nodes().begin(), self, {*graph, nullptr, nullptr, run, ""});
    tap_input(context);
    const bool hooked = called && type != nullptr && !type->getForwardHooks().empty() &&
                        function.name() == "forward";
    if (!hooked) tap_output(context);
    tap_body(context);
    return built = graph;
  }

 private:
  // Of a free function: what it names belongs to the module that called it, which comes as one more
  // input before the run.
  std::shared_ptr<Graph> free_function(const GraphFunction& function,
                                       const c10::TypePtr& self_type) {
    auto& built = functions_[{&function, self_type.get()}];
    if (built != nullptr) return built;
    auto graph = function.graph()->copy();
    Value* self = graph->addInput("caller")->setType(self_type);
    Value* run = graph->addInput("run")->setType(c10::IntType::get());
    tap_body({*graph, self, self_type->cast<ClassType>().get(), run, function.name()});
    return built = graph;
  }

  void tap_body(const Context& context) {
    if (context.type != nullptr) {
      tap_locals(context);
      tap_ops(context);
      tap_attention(context);
    }
    inline_calls(*context.graph.block(), context);
  }

  bool wanted(const Context& context, SiteKind kind, const std::string& what) const {
    return context.type != nullptr && wants_.site(context.type, kind, what);
  }

  static void mark(const Context& context, Node* before, Value* value, Tap tap) {
    const torch::jit::WithInsertPoint here(before);
    Value* number = context.graph.insertConstant(add_tap(std::move(tap)));
    context.graph.insertNode(
        context.graph.create(mark_symbol(), {context.self, value, context.run, number}, 0));
  }

  void tap_input(const Context& context) {
    const std::string input = method_what(context.function, "input");
    if (!wanted(context, SiteKind::kInput, input)) return;
    const auto all = context.graph.inputs();
    const std::vector<Value*> arguments(all.begin() + 1, all.end() - 1);
    Node* first = *context.graph.nodes().begin();
    Node* tuple = context.graph.createTuple(arguments)->insertBefore(first);
    mark(context, first, tuple->output(), {SiteKind::kInput, input, "", false});
  }

  void tap_output(const Context& context) {
    const std::string output = method_what(context.function, "output");
    if (!wanted(context, SiteKind::kOutput, output) || context.graph.outputs().empty()) return;
    mark(context, context.graph.return_node(), context.graph.outputs()[0],
         {SiteKind::kOutput, output, "", false});
  }

  // A module's output is what its hooks made of it, as it is to Python's hooks. Each is called as
  // `hook(module, inputs, output)`; one that returns nothing leaves the output as it is.
  void tap_hooked_output(Node* node, const Function& hook, const Context& context) {
    if (node->inputs().size() != 4) return;
    const auto type = node->input(1)->type()->cast<ClassType>();
    if (type == nullptr || type->getForwardHooks().empty() ||
        type->getForwardHooks().back() != &hook ||
        !wants_.site(type.get(), SiteKind::kOutput, "output")) {
      return;
    }
    const bool replaces = node->output()->type()->kind() != c10::TypeKind::NoneType;
    const Context of_module{context.graph, node->input(1), type.get(), context.run, "forward"};
    mark(of_module, node->next(), replaces ? node->output() : node->input(3),
         {SiteKind::kOutput, "output", "", false});
  }

  void tap_locals(const Context& context) {
    const std::vector<Assignment> all = find_locals(context.graph);
    std::map<std::string, std::vector<const Assignment*>> by_name;
    for (const Assignment& one : all) {
      const std::string what = capture::local_what(context.function, one.name);
      by_name[one.name].push_back(&one);
      const std::string index = "[" + std::to_string(one.index) + "]";
      if (wanted(context, SiteKind::kLocal, what + index)) {
        mark(context, one.before, one.value, {SiteKind::kLocal, what, index, false});
      }
    }
    tap_final_values(context, by_name);
  }

  // What a local holds when the function returns: known beforehand where no branch assigns it.
  void tap_final_values(const Context& context,
                        const std::map<std::string, std::vector<const Assignment*>>& by_name) {
    Value* frame = nullptr;
    for (const auto& [name, assignments] : by_name) {
      const std::string what = capture::local_what(context.function, name);
      if (!wanted(context, SiteKind::kLocal, what)) continue;
      const bool always = std::none_of(assignments.begin(), assignments.end(),
                                       [](const Assignment* one) { return one->nested; });
      if (always) {
        mark(context, context.graph.return_node(), assignments.back()->value,
             {SiteKind::kLocal, what, "", false});
        continue;
      }
      if (frame == nullptr) frame = open_frame(context);
      const std::int64_t tap = add_tap({SiteKind::kLocal, what, "", false});
      for (const Assignment* one : assignments) {
        const torch::jit::WithInsertPoint here(one->before);
        Value* number = context.graph.insertConstant(tap);
        context.graph.insertNode(
            context.graph.create(assign_symbol(), {one->value, context.run, frame, number}, 0));
      }
    }
    if (frame == nullptr) return;
    const torch::jit::WithInsertPoint here(context.graph.return_node());
    context.graph.insertNode(
        context.graph.create(leave_symbol(), {context.self, context.run, frame}, 0));
  }

  static Value* open_frame(const Context& context) {
    Node* first = *context.graph.nodes().begin();
    Node* node = context.graph.create(enter_symbol(), {context.run}, 1)->insertBefore(first);
    return node->output()->setType(c10::IntType::get());
  }

  void tap_ops(const Context& context) {
    each_node(*context.graph.block(), [&](Node* node) {
      for (const std::string& op : ops_of(*node)) {
        const bool inputs = wants_.op(context.type, SiteKind::kOpInput, op);
        if (inputs) tap_op_inputs(node, op, context);
        // An op is counted when it gives its results.
        if ((inputs && wants_.numbers_ops(context.type)) ||
            wants_.op(context.type, SiteKind::kOp, op)) {
          tap_op_results(node, op, context);
        }
      }
    });
  }

  static void tap_op_inputs(Node* node, const std::string& op, const Context& context) {
    Node* tuple = context.graph.createTuple(node->inputs())->insertBefore(node);
    mark(context, node, tuple->output(), {SiteKind::kOpInput, op, "", false});
  }

  static void tap_op_results(Node* node, const std::string& op, const Context& context) {
    Node* next = node->next();
    Value* results = node->output(0);
    if (node->outputs().size() > 1) {
      results = context.graph.createTuple(node->outputs())->insertBefore(next)->output();
    }
    mark(context, next, results, {SiteKind::kOp, op, "", false});
  }

  // Of a module that calls it, which module has multiplied, and whether with weights, is known once
  // all calls are inlined.
  void tap_attention(const Context& context) const {
    if (!wanted(context, SiteKind::kAttention, kAttention)) return;
    each_node(*context.graph.block(), [&](Node* node) {
      if (is_fused_attention(*node)) tap_fused(node, context);
      if (!is_product(*node)) return;
      const torch::jit::WithInsertPoint here(node);
      const std::int64_t tap = add_tap({SiteKind::kAttention, kAttention, "", false});
      std::vector<Value*> inputs{context.self, context.run, context.graph.insertConstant(tap)};
      inputs.insert(inputs.end(), node->inputs().begin(), node->inputs().end());
      context.graph.insertNode(context.graph.create(attend_symbol(), inputs, 0));
    });
  }

  static void tap_fused(Node* node, const Context& context) {
    std::vector<Value*> values(node->inputs().begin(), node->inputs().end());
    values.push_back(node->output(0));
    Node* next = node->next();
    Node* tuple = context.graph.createTuple(values)->insertBefore(next);
    Tap tap{SiteKind::kAttention, kAttention, "", false};
    tap.fused = &node->schema();
    mark(context, next, tuple->output(), std::move(tap));
  }

  // Ops are numbered in each call of a module that another makes, not its own methods.
  void begin_numbering(Node* before, Value* module, const Context& context) const {
    const auto type = module->type()->cast<ClassType>();
    if (module == context.self || type == nullptr || !wants_.numbers_ops(type.get())) return;
    Graph& graph = context.graph;
    graph.create(begin_symbol(), {module, context.run}, 0)->insertBefore(before);
  }

  void inline_calls(Block& block, const Context& context) {
    each_node(block, [&](Node* node) {
      if (node->kind() == prim::CallFunction) {
        inline_function(node, context);
      } else if (node->kind() == prim::CallMethod) {
        inline_method(node, context);
      } else if (node->hasAttribute(torch::jit::attr::Subgraph)) {
        enter_fork(node, context);
      }
    });
  }

  void inline_function(Node* node, const Context& context) {
    const auto type = node->input(0)->type()->cast<c10::FunctionType>();
    const GraphFunction* function = type == nullptr ? nullptr : with_graph(*type->function());
    if (function == nullptr || context.self == nullptr) return;  // LibTorch inlines it
    tap_hooked_output(node, *function, context);
    const std::shared_ptr<Graph> body = free_function(*function, context.self->type());
    node->removeInput(0);
    node->addInput(context.self);
    node->addInput(context.run);
    torch::jit::inlineCallTo(node, const_cast<GraphFunction*>(function), body.get());
  }

  void inline_method(Node* node, const Context& context) {
    const std::string& name = node->s(torch::jit::attr::name);
    if (const auto type = node->input(0)->type()->cast<ClassType>()) {
      const GraphFunction* function = with_graph(type->getMethod(name));
      if (function == nullptr) return;
      begin_numbering(node, node->input(0), context);
      const std::shared_ptr<Graph> body = method(*function, true);
      node->addInput(context.run);
      torch::jit::inlineCallTo(node, const_cast<GraphFunction*>(function), body.get());
    } else if (node->input(0)->type()->kind() == c10::TypeKind::InterfaceType) {
      call_when_known(node, name, context);
    }
  }

  // A module of interface type is not known before it is called.
  static void call_when_known(Node* node, const std::string& name, const Context& context) {
    Graph& graph = context.graph;
    const torch::jit::WithInsertPoint here(node);
    std::vector<Value*> inputs{node->input(0), context.run, graph.insertConstant(name)};
    inputs.insert(inputs.end(), node->inputs().begin() + 1, node->inputs().end());
    Node* call = graph.insertNode(graph.create(call_symbol(), inputs, 1));
    call->output()->setType(c10::AnyType::get());
    Node* cast = graph.insertNode(graph.create(prim::unchecked_cast, {call->output()}, 1));
    cast->output()->setType(node->output()->type());
    node->output()->replaceAllUsesWith(cast->output());
    node->destroy();
  }

  // What a fork runs is a graph of its own, which sees nothing but its inputs.
  void enter_fork(Node* node, const Context& context) {
    auto graph = node->g(torch::jit::attr::Subgraph)->copy();
    Value* self = nullptr;
    if (context.self != nullptr) {
      self = graph->addInput("caller")->setType(context.self->type());
      node->addInput(context.self);
    }
    Value* run = graph->addInput("run")->setType(c10::IntType::get());
    node->addInput(context.run);
    const Context inside{*graph, self, context.type, run, context.function};
    if (inside.type != nullptr) {
      tap_ops(inside);
      tap_attention(inside);
    }
    inline_calls(*graph->block(), inside);
    node->g_(torch::jit::attr::Subgraph, graph);
  }

  const Wants& wants_;
  std::map<std::pair<const GraphFunction*, bool>, std::shared_ptr<Graph>> methods_;
  std::map<std::pair<const GraphFunction*, const c10::Type*>, std::shared_ptr<Graph>> functions_;
};

std::shared_ptr<Graph> instrumented_graph(const Function& method, const Wants& wants, bool called) {
  const GraphFunction* function = with_graph(method);
  if (function == nullptr) return nullptr;
  std::shared_ptr<Graph> graph = Builder(wants).method(*function, called);
  mark_attention(*graph);
  turn_marks_into_taps(graph);
  graph->lint();
  return graph;
}

}  // namespace

Instrumented::Instrumented(const Function& method, const Wants& wants, bool called)
    : function_(
          std::make_unique<GraphFunction>(c10::QualifiedName("__anycapture__." + method.name()),
                                          instrumented_graph(method, wants, called), nullptr)) {}

}  // namespace script
}  // namespace anycapture
