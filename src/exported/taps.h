// SPDX-License-Identifier: MIT
// What of a run's values fires, and when.
#pragma once

#include <cstddef>
#include <exception>
#include <map>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "capture/program_sites.h"
#include "exported/calls.h"
#include "exported/run.h"
#include "exported/sites.h"

namespace anycapture {
namespace exported {

class ExportedWorld;

/// Of some selectors: which nodes hear, and what they do then.
class Taps {
 public:
  Taps(const Sites& sites, const capture::Sessions& sessions);

  struct Tap {
    const Place* place = nullptr;
    std::string what;  ///< of an op: in the spelling that is asked for
    SiteKind kind = SiteKind::kOutput;
    std::size_t module = 0;
    std::size_t held = 0;  ///< number of its values, where they fire later than they are made; or 0
  };
  /// Values that fire later: by then their slots may be empty.
  struct Hold {
    std::size_t held = 0;
    bool anew = false;  ///< what was held before is another assignment's
    std::vector<NamedSlot> values;
  };
  struct NodeTaps {
    std::vector<Tap> before, after;
    std::vector<Hold> hold, hold_inputs;  ///< behind the node; in front of the first, of the graph
    bool takes = false;                   ///< after() reads what the node took
    bool writes = false;                  ///< into a value that may have been captured
  };
  struct GraphTaps {
    std::vector<bool> heard;
    std::unordered_map<std::size_t, NodeTaps> nodes;
  };
  /// Null where nothing of the graph is heard.
  const GraphTaps* of(const Graph& graph) const;

 private:
  void add(GraphTaps& taps, const Place& place, const Flow& flow, const Sites& sites,
           const capture::Sessions& sessions);
  void add_values(GraphTaps& taps, Tap tap, const Flow& flow);
  static void add_node(GraphTaps& taps, const Place& place, const Sites& sites,
                       const capture::Sessions& sessions);
  static void add_ops(GraphTaps& taps, const Place& place, const capture::Sessions& sessions);
  void hold_assigned(GraphTaps& taps, const Place& place) const;

  std::unordered_map<const Graph*, GraphTaps> graphs_;
  std::unordered_map<std::string, std::size_t> variables_;  // what is held of each
  std::size_t held_ = 0;
};

/// Fires them for the sessions of one run.
class TapListener : public Listener {
 public:
  TapListener(const ExportedWorld& world, const Taps& taps, const capture::Sessions& sessions)
      : world_(world), taps_(taps), sessions_(sessions) {}

  const std::vector<bool>* heard(const Graph& graph) override;
  bool reads_arguments(const Graph& graph, std::size_t node) const override;
  void before(const Graph& graph, std::size_t node, const Frame& frame,
              const std::vector<c10::IValue>& took) override;
  void after(const Graph& graph, std::size_t node, const Frame& frame,
             const std::vector<c10::IValue>& took) override;

 private:
  using Values = std::vector<std::pair<std::string, at::Tensor>>;

  static Values values_of(const Place& place, const Frame& frame);
  void fire(const Taps::Tap& tap, const Values& values, const Graph& graph, const Frame& frame,
            const std::vector<c10::IValue>& took);
  void keep(const std::vector<Taps::Hold>& holds, const Frame& frame);
  static Values inputs_of(const std::vector<c10::IValue>& took);
  void fire_op(const Taps::Tap& tap, const Values& values);
  void fire_weights(const Taps::Tap& tap, const Values& values, const Frame& frame);
  void fire_fused(const Taps::Tap& tap, const Node& node, const Frame& frame,
                  const std::vector<c10::IValue>& took);
  void tell_writes(const Node& node, const Frame& frame);

  const ExportedWorld& world_;
  const Taps& taps_;
  const capture::Sessions& sessions_;
  std::unordered_map<std::size_t, Values> held_;
  std::unordered_map<std::size_t, std::unordered_map<std::string, std::size_t>> ops_;  // by module
};

}  // namespace exported
}  // namespace anycapture
