// SPDX-License-Identifier: MIT
// What a program takes, and whether what it is given fits.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/core/ivalue.h>
#include <anycapture/program.h>

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "exported/pytree.h"
#include "exported/symbols.h"

namespace anycapture {
namespace exported {

/// A leaf among the inputs that it was exported with.
struct InputLeaf {
  enum class Kind { tensor, number, constant };
  Kind kind = Kind::constant;
  std::string name;       ///< `x`, `feats.a`
  std::size_t index = 0;  ///< of the graph's input
  at::ScalarType dtype = at::kFloat;
  std::vector<Expression> sizes;    ///< of a tensor
  std::optional<Expression> value;  ///< of a number
  c10::IValue constant;             ///< what it was when the program was exported
};

class InputPlan {
 public:
  /// `spec`: of (positional, by name). `names`: of all of them in order, where the file has them.
  InputPlan() = default;
  InputPlan(TreeSpec spec, std::vector<std::string> names, std::vector<InputLeaf> leaves,
            std::map<std::string, Range> ranges);

  /// In order: `x`, `mask`.
  const std::vector<std::string>& names() const { return names_; }
  const std::vector<InputLeaf>& leaves() const { return leaves_; }
  /// Of the leaves, by position as Python's hooks name what goes in: `0`, `1.a`.
  std::vector<std::string> positions() const;
  /// `forward(x: float32 (B, 3, 224, 224), scale=2.0)`
  std::string schema() const;

  /// The leaves' values, in order. Those that the program was exported with as constants may be
  /// left out. A leaf inside an argument may be given alone, by its dotted name. Throws InputError
  /// that says which does not fit, what was expected and what came.
  std::vector<c10::IValue> bind(const Program::Inputs& inputs,
                                const Program::Keywords& keywords) const;

 private:
  void check(const std::vector<c10::IValue>& values) const;
  void check_tensor(const InputLeaf& leaf, const c10::IValue& value, SymbolValues& symbols) const;
  void check_number(const InputLeaf& leaf, const c10::IValue& value, SymbolValues& symbols) const;
  void check_size(const InputLeaf& leaf, const Expression& expected, std::int64_t size,
                  const std::string& place, const Range& range, SymbolValues& symbols) const;
  Range range_of(const Expression& size) const;
  std::string type_text(const InputLeaf& leaf) const;

  TreeSpec spec_;
  std::vector<std::string> names_;
  std::vector<InputLeaf> leaves_;
  std::map<std::string, Range> ranges_;
};

}  // namespace exported
}  // namespace anycapture
