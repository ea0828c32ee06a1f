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
using attention::Passing;

OpKind kind_of(const Node& node) {
  return node.op ? attention::kind_of_op(node.op->schema().name()) : OpKind::other;
}

Passing passing_of(const Node& node) {
  return node.op ? attention::passing_of_op(node.op->schema().name()) : Passing::first;
}

std::int64_t axis_of(const Node& softmax) {
  const auto index = softmax.op->schema().argumentIndexWithName("dim");
  if (!index) return -1;
  const Argument& axis = softmax.arguments[static_cast<std::size_t>(*index)];
  if (axis.constant.isInt()) return axis.constant.toInt();
  return axis.slot == kNoSlot ? -1 : 0;  // one that a run tells is not taken for the last
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
    std::size_t found = Flow::kNone;
    const std::size_t passed = std::min(arguments_passed(node), node.arguments.size());
    for (std::size_t i = 0; i < passed; ++i) {
      each_argument(node.arguments[i], [&](const Argument& one) {
        if (one.slot != kNoSlot && found == Flow::kNone)
          found = softmax_behind(one.slot, depth + 1, seen);
      });
    }
    return found;
  }

  // How many of a node's arguments may be weights, where its result is.
  std::size_t arguments_passed(const Node& node) const {
    if (kind_of(node) != OpKind::passes) return 0;
    const Passing passing = passing_of(node);
    if (passing == Passing::any) return node.arguments.size();
    if (passing != Passing::turned) return 1;
    const Slot slot = node.arguments[0].slot;
    const std::size_t maker =
        slot == kNoSlot ? Flow::kNone : flow_.maker[static_cast<std::size_t>(slot)];
    return maker != Flow::kNone && passing_of(graph_.nodes[maker]) == Passing::turns ? 1 : 0;
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
