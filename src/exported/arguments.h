// SPDX-License-Identifier: MIT
// Arguments of nodes, from the file's JSON to what a run takes.
#pragma once

#include <ATen/core/jit_type.h>

#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "exported/graph.h"

namespace anycapture {
namespace exported {

struct ArgumentContext {
  std::function<Slot(const std::string& name)> slot_of;  ///< throws for a value not yet made
  std::function<std::shared_ptr<const Graph>(const nlohmann::json&)> graph_of;
  std::optional<at::Device> device;  ///< in place of those in the file
};

/// `{"as_tensor": {"name": "x"}}`. `type`: what the operator takes there, and `count` of it where
/// it is a list of a given length; null where that is not known. Throws Error or
/// `nlohmann::json::exception` for what cannot be.
Argument read_argument(const nlohmann::json& json, const c10::TypePtr& type,
                       std::optional<std::int32_t> count, const ArgumentContext& context);

/// The value in a run.
c10::IValue value_of(const Argument& argument, Frame& frame);

}  // namespace exported
}  // namespace anycapture
