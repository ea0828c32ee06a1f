// SPDX-License-Identifier: MIT
#include "script/method_sites.h"

#include <fmt/format.h>

#include <algorithm>

#include "capture/program_sites.h"
#include "script/attention.h"
#include "script/locals.h"
#include "script/nodes.h"
#include "script/whats.h"

namespace anycapture {
namespace script {
namespace {

using torch::jit::Function;
using torch::jit::Graph;
using torch::jit::GraphFunction;
using torch::jit::Node;
namespace prim = torch::jit::prim;

// A trace calls a value as the code that read it first did: what that variable was given afterwards
// may go by another name or by none.
std::string note_of(const Assignment& one) {
  const std::vector<std::string> ops = ops_of(*one.value->node());
  std::string text = fmt::format("{} of a traced archive is what {}line {} gave", one.name,
                                 ops.empty() ? "" : ops.front() + " in ", one.line);
  const auto& uses = one.value->uses();
  const bool scores = std::any_of(uses.begin(), uses.end(), [](const torch::jit::Use& use) {
    const std::vector<std::string> readers = ops_of(*use.user);
    return !readers.empty() && readers.front() == "@softmax";
  });
  return text +
         (scores ? "; its softmax is @softmax" : ", and may not be the variable's last value");
}

void add_body_sites(std::vector<MethodSite>& sites, const GraphFunction& function) {
  const auto graph = function.graph()->copy();
  for (const Assignment& one : find_locals(*graph)) {
    const std::string what = capture::local_what(function.name(), one.name);
    const std::string type = one.value->type()->annotation_str();
    const std::string index = "[" + std::to_string(one.index) + "]";
    sites.push_back(
        {SiteKind::kLocal, what, one.line, one.file, type, {}, one.traced ? note_of(one) : ""});
    sites.push_back({SiteKind::kLocal, what + index, one.line, one.file, type});
  }
  each_node_and_fork(*graph, [&](Graph&, Node* node) {
    const std::vector<std::string> ops = ops_of(*node);
    if (!ops.empty()) sites.push_back({SiteKind::kOp, ops.front(), 0, "", "", ops});
    if (node->kind() != prim::CallFunction) return;
    const auto type = node->input(0)->type()->cast<c10::FunctionType>();
    const GraphFunction* called = type == nullptr ? nullptr : with_graph(*type->function());
    if (called != nullptr) add_body_sites(sites, *called);
  });
}

}  // namespace

std::vector<MethodSite> sites_of(const Function& method) {
  std::vector<MethodSite> sites;
  const GraphFunction* function = with_graph(method);
  if (function == nullptr) return sites;
  const auto holds = [](const torch::jit::Value* value) { return holds_tensors(*value->type()); };
  const auto inputs = function->graph()->inputs();
  if (std::any_of(inputs.begin(), inputs.end(), holds)) {
    sites.push_back({SiteKind::kInput, method_what(method.name(), "input"), 0, "", ""});
  }
  add_body_sites(sites, *function);
  if (computes_attention(*function->graph())) {
    sites.push_back({SiteKind::kAttention, "attention", 0, "", "Tensor"});
  }
  // A traced module that computes nothing, such as Identity, neither takes nor returns anything.
  const auto outputs = function->graph()->outputs();
  if (!outputs.empty() && holds(outputs[0])) {
    sites.push_back({SiteKind::kOutput, method_what(method.name(), "output"), 0, "",
                     outputs[0]->type()->annotation_str()});
  }
  return sites;
}

}  // namespace script
}  // namespace anycapture
