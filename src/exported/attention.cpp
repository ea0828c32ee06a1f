// SPDX-License-Identifier: MIT
#include "exported/attention.h"

#include <algorithm>
#include <set>
#include <string>

#include "attention/op_kinds.h"

namespace anycapture {
namespace exported {
namespace {

using attention::OpKind;

OpKind kind_of(const Node& node) {
  return node.op ? attention::kind_of_op(node.op->schema().name()) : OpKind::other;
}

std::int64_t axis_of(const Node& softmax) {
  const auto index = softmax.op->schema().argumentIndexWithName("dim");
  if (!index) return -1;
  const Argument& axis = softmax.arguments[static_cast<std::size_t>(*index)];
  return axis.constant.isInt() ? axis.constant.toInt() : -1;
}

class Finder {
 public:
  Finder(const Graph& graph, const Flow& flow) : graph_(graph), flow_(flow) {}

  std::vector<AttentionPlace> find() {
    for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
      const OpKind kind = kind_of(graph_.nodes[i]);
      if (kind == OpKind::product) add_factors(i);
      if (kind == OpKind::fused) places_.push_back({i, i, true, kNoSlot, -1, kNoSlot});
    }
    return std::move(places_);
  }

 private:
  void add_factors(std::size_t product) {
    std::vector<Slot> factors;
    each_read(graph_.nodes[product], [&](Slot slot) { factors.push_back(slot); });
    for (const Slot factor : factors) {
      std::set<Slot> seen;
      const std::size_t softmax = softmax_behind(factor, 0, seen);
      if (softmax == Flow::kNone || !found_.insert(softmax).second) continue;
      const Node& node = graph_.nodes[softmax];
      const Slot values = factors.back() == factor ? kNoSlot : factors.back();
      places_.push_back(
          {softmax, product, false, results_of(graph_, node)[0].second, axis_of(node), values});
    }
  }

  // The softmax that a factor comes from, through what leaves weights what they are.
  std::size_t softmax_behind(Slot slot, int depth, std::set<Slot>& seen) const {
    constexpr int kFar = 12;  // ops between a softmax and its product
    const std::size_t maker = flow_.maker[static_cast<std::size_t>(slot)];
    if (maker == Flow::kNone || depth > kFar || !seen.insert(slot).second) return Flow::kNone;
    const Node& node = graph_.nodes[maker];
    const OpKind kind = kind_of(node);
    if (kind == OpKind::softmax) {
      const std::int64_t axis = axis_of(node);
      const bool last = axis == -1 || axis > 0;
      return last && !results_of(graph_, node).empty() ? maker : Flow::kNone;
    }
    if (kind != OpKind::passes) return Flow::kNone;
    std::size_t found = Flow::kNone;
    each_read(node, [&](Slot input) {
      if (found == Flow::kNone) found = softmax_behind(input, depth + 1, seen);
    });
    return found;
  }

  const Graph& graph_;
  const Flow& flow_;
  std::set<std::size_t> found_;
  std::vector<AttentionPlace> places_;
};

}  // namespace

std::vector<AttentionPlace> attention_in(const Graph& graph, const Flow& flow) {
  return Finder(graph, flow).find();
}

}  // namespace exported
}  // namespace anycapture
