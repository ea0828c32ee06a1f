// SPDX-License-Identifier: MIT
// Arguments of nodes, from the file's JSON to what a run takes.
#pragma once

#include <ATen/core/jit_type.h>

#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <utility>

#include "exported/graph.h"

namespace anycapture {
namespace exported {

struct ArgumentContext {
  std::function<Slot(const std::string& name)> slot_of;  ///< throws for a value not yet made
  std::function<std::shared_ptr<const Graph>(const nlohmann::json&)>
      graph_of;                      ///< null: there is none
  std::optional<at::Device> device;  ///< in place of those in the file
};

/// `{"as_tensor": {"name": "x"}}`. `taken`: what the operator takes there; null where that is not
/// known. Throws Error or `nlohmann::json::exception` for what cannot be.
Argument read_argument(const nlohmann::json& json, const c10::Argument* taken,
                       const ArgumentContext& context);

/// The value in a run; one that is read for the last time leaves the frame.
c10::IValue value_of(const Argument& argument, Frame& frame);
/// The same, and the frame stays as it is.
c10::IValue value_of(const Argument& argument, const Frame& frame);

/// A number where a tensor is taken: it yields to the type of what it is computed with.
at::Tensor number_as_tensor(const at::Scalar& number);

/// Tag and value of what the file's schema calls a union, `{"as_int": 3}`. Throws Error for
/// anything else.
std::pair<const std::string&, const nlohmann::json&> tagged(const nlohmann::json& json);

}  // namespace exported
}  // namespace anycapture
