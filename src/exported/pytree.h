// SPDX-License-Identifier: MIT
// How a value that a model takes or returns is made of leaves: torch/utils/_pytree.py.
#pragma once

#include <ATen/core/ivalue.h>

#include <cstddef>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace anycapture {
namespace exported {

struct TreeSpec {
  enum class Kind { leaf, tuple, list, dict, named_tuple, none, other };

  Kind kind = Kind::leaf;
  std::string type;                ///< `transformers.modeling_outputs.BaseModelOutput`
  std::vector<std::string> names;  ///< of the children: keys, fields, or `0`, `1`
  std::vector<bool> int_keys;      ///< of a dict; empty if all are text
  std::vector<TreeSpec> children;

  std::size_t leaves() const;
  /// Dotted, in order: `logits`, `hidden.1`; a lone leaf's is empty.
  std::vector<std::string> leaf_names() const;
};

/// Of `treespec_dumps`, protocol 1. `fields` gives those of named tuples by type. Throws
/// `nlohmann::json::exception` or Error for what is none.
TreeSpec parse_tree_spec(const std::string& text, const nlohmann::json& fields);

/// The leaves of `value`, in order. Throws InputError that names the part which does not fit.
void flatten(const TreeSpec& spec, const c10::IValue& value, const std::string& name,
             std::vector<c10::IValue>& leaves);

/// Takes as many leaves as the spec has. Dataclasses and the like become dicts.
c10::IValue unflatten(const TreeSpec& spec, const c10::IValue*& leaf);

}  // namespace exported
}  // namespace anycapture
