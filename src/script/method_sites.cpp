// SPDX-License-Identifier: MIT
#include "script/method_sites.h"

#include <algorithm>

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

void add_body_sites(std::vector<MethodSite>& sites, const GraphFunction& function) {
  const auto graph = function.graph()->copy();
  for (const Assignment& one : find_locals(*graph)) {
    const std::string what = local_what(function.name(), one.name);
    const std::string type = one.value->type()->annotation_str();
    sites.push_back({SiteKind::kLocal, what, one.line, one.file, type});
    sites.push_back(
        {SiteKind::kLocal, what + "[" + std::to_string(one.index) + "]", one.line, one.file, type});
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
