// SPDX-License-Identifier: MIT
#include "exported/inputs.h"

#include <anycapture/error.h>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "capture/dtype.h"

namespace anycapture {
namespace exported {
namespace {

using c10::IValue;

std::string shape_text(const std::vector<Expression>& sizes) {
  std::vector<std::string> parts;
  for (const Expression& one : sizes) parts.push_back(one.text());
  return fmt::format("({}{})", fmt::join(parts, ", "), parts.size() == 1 ? "," : "");
}

std::string text_of(const IValue& value) {
  if (value.isNone()) return "none";
  if (value.isTensor()) {
    const at::Tensor& tensor = value.toTensor();
    if (!tensor.defined()) return "an undefined tensor";
    return fmt::format("a tensor of {} ({})", capture::dtype_name(tensor.scalar_type()),
                       fmt::join(tensor.sizes(), ", "));
  }
  if (value.isInt()) return std::to_string(value.toInt());
  if (value.isDouble()) return fmt::format("{}", value.toDouble());
  if (value.isBool()) return value.toBool() ? "true" : "false";
  if (value.isString()) return printable(value.toStringRef());
  return "a " + value.tagKind();
}

bool equal(const IValue& one, const IValue& other) {
  if (one.isNone() || other.isNone()) return one.isNone() && other.isNone();
  if (one.isString() || other.isString())
    return one.isString() && other.isString() && one.toStringRef() == other.toStringRef();
  const auto number = [](const IValue& value) -> std::optional<double> {
    if (value.isBool()) return value.toBool() ? 1 : 0;
    if (value.isInt()) return static_cast<double>(value.toInt());
    return value.isDouble() ? std::optional<double>(value.toDouble()) : std::nullopt;
  };
  if (!number(one) || !number(other)) return false;
  return *number(one) == *number(other) || (std::isnan(*number(one)) && std::isnan(*number(other)));
}

std::size_t leaves_before(const TreeSpec& spec, std::size_t child) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < child; ++i) count += spec.children[i].leaves();
  return count;
}

}  // namespace

InputPlan::InputPlan(TreeSpec spec, std::vector<std::string> names, std::vector<InputLeaf> leaves,
                     std::map<std::string, Range> ranges)
    : spec_(std::move(spec)),
      names_(std::move(names)),
      leaves_(std::move(leaves)),
      ranges_(std::move(ranges)) {
  if (spec_.children.size() != 2) throw Error("its inputs are not (positional, by name)");
  // One list of arguments: those by position, then those by name.
  TreeSpec all = std::move(spec_.children[0]);
  const std::size_t positional = all.children.size();
  for (std::size_t i = 0; i < spec_.children[1].children.size(); ++i) {
    all.names.push_back(spec_.children[1].names[i]);
    all.children.push_back(spec_.children[1].children[i]);
  }
  spec_ = std::move(all);
  for (std::size_t i = 0; i < positional && names_.size() == spec_.names.size(); ++i)
    spec_.names[i] = names_[i];
  names_ = spec_.names;
  const std::vector<std::string> dotted = spec_.leaf_names();
  if (dotted.size() != leaves_.size())
    throw Error(fmt::format("its inputs have {} leaves, and its graph takes {}", dotted.size(),
                            leaves_.size()));
  for (std::size_t i = 0; i < dotted.size(); ++i) leaves_[i].name = dotted[i];
}

std::vector<std::string> InputPlan::positions() const {
  TreeSpec numbered = spec_;
  for (std::size_t i = 0; i < numbered.names.size(); ++i) numbered.names[i] = std::to_string(i);
  return numbered.leaf_names();
}

std::string InputPlan::type_text(const InputLeaf& leaf) const {
  if (leaf.kind == InputLeaf::Kind::number) return "int";
  if (leaf.kind == InputLeaf::Kind::constant) return text_of(leaf.constant);
  return fmt::format("{} {}", capture::dtype_name(leaf.dtype), shape_text(leaf.sizes));
}

std::string InputPlan::schema() const {
  std::vector<std::string> parts;
  for (const InputLeaf& leaf : leaves_)
    parts.push_back(leaf.kind == InputLeaf::Kind::constant
                        ? fmt::format("{}={}", leaf.name, type_text(leaf))
                        : fmt::format("{}: {}", leaf.name, type_text(leaf)));
  std::vector<std::string> ranges;
  for (const auto& [symbol, range] : ranges_) {
    const auto names = [&symbol = symbol](const Expression& one) {
      return one.symbols().count(symbol) != 0;
    };
    const bool of_axis = std::any_of(leaves_.begin(), leaves_.end(), [&](const auto& leaf) {
      return std::any_of(leaf.sizes.begin(), leaf.sizes.end(), names);
    });
    const bool of_number = std::any_of(leaves_.begin(), leaves_.end(), [&](const auto& leaf) {
      return leaf.value && names(*leaf.value);
    });
    const auto is_it = [&symbol = symbol](const Expression& one) { return one.symbol() == symbol; };
    const bool alone = std::any_of(leaves_.begin(), leaves_.end(), [&](const auto& leaf) {
      return std::any_of(leaf.sizes.begin(), leaf.sizes.end(), is_it);
    });
    if (of_axis || of_number)
      ranges.push_back(
          fmt::format("{} {}", symbol, (of_number || !alone ? range : range.of_axis()).text()));
  }
  return fmt::format("forward({}){}", fmt::join(parts, ", "),
                     ranges.empty() ? "" : fmt::format(", {}", fmt::join(ranges, ", ")));
}

std::vector<IValue> InputPlan::bind(const Program::Inputs& inputs,
                                    const Program::Keywords& keywords) const {
  if (inputs.size() > names_.size())
    throw InputError(fmt::format("the program takes {} inputs ({}), and {} were given",
                                 names_.size(), schema(), inputs.size()));
  std::vector<std::optional<IValue>> values(leaves_.size());
  const auto put = [&](std::size_t argument, const IValue& value) {
    const TreeSpec& spec = spec_.children[argument];
    if (spec.kind != TreeSpec::Kind::leaf && value.isNone()) return;
    std::vector<IValue> flat;
    flatten(spec, value, names_[argument], flat);
    const std::size_t first = leaves_before(spec_, argument);
    for (std::size_t i = 0; i < flat.size(); ++i) values[first + i] = std::move(flat[i]);
  };
  for (std::size_t i = 0; i < inputs.size(); ++i) put(i, inputs[i]);
  for (const auto& [name, value] : keywords) {
    const auto argument = std::find(names_.begin(), names_.end(), name);
    if (argument != names_.end()) {
      put(static_cast<std::size_t>(argument - names_.begin()), value);
      continue;
    }
    const auto leaf =
        std::find_if(leaves_.begin(), leaves_.end(),
                     [&name = name](const InputLeaf& one) { return one.name == name; });
    if (leaf == leaves_.end())
      throw InputError(fmt::format("the program takes no input {}: {}", printable(name), schema()));
    values[static_cast<std::size_t>(leaf - leaves_.begin())] = value;
  }
  std::vector<IValue> bound;
  for (std::size_t i = 0; i < leaves_.size(); ++i) {
    if (!values[i] && leaves_[i].kind != InputLeaf::Kind::constant)
      throw InputError(fmt::format("the input {} is missing: {}", leaves_[i].name, schema()));
    bound.push_back(values[i] ? *values[i] : leaves_[i].constant);
  }
  check(bound);
  return bound;
}

void InputPlan::check(const std::vector<IValue>& values) const {
  SymbolValues symbols;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const InputLeaf& leaf = leaves_[i];
    if (leaf.kind == InputLeaf::Kind::tensor) {
      check_tensor(leaf, values[i], symbols);
    } else if (leaf.kind == InputLeaf::Kind::number) {
      check_number(leaf, values[i], symbols);
    } else if (!equal(values[i], leaf.constant)) {
      throw InputError(
          fmt::format("input {}: the program was exported for {}, and this is {}: export it again "
                      "for this one",
                      leaf.name, text_of(leaf.constant), text_of(values[i])));
    }
  }
  // Once all symbols are known: sizes that are made of several.
  for (std::size_t i = 0; i < values.size(); ++i) {
    const InputLeaf& leaf = leaves_[i];
    for (std::size_t axis = 0; axis < leaf.sizes.size(); ++axis) {
      const auto expected = leaf.sizes[axis].value(symbols);
      const std::int64_t size = values[i].toTensor().size(static_cast<std::int64_t>(axis));
      if (expected && *expected != size)
        throw InputError(fmt::format("input {}: axis {} is {}, where {} = {} was expected",
                                     leaf.name, axis, size, leaf.sizes[axis].text(), *expected));
    }
  }
}

void InputPlan::check_tensor(const InputLeaf& leaf, const IValue& value,
                             SymbolValues& symbols) const {
  const auto misfit = [&] {
    throw InputError(fmt::format("input {}: expected {}, and this is {}", leaf.name,
                                 type_text(leaf), text_of(value)));
  };
  if (!value.isTensor() || !value.toTensor().defined()) misfit();
  const at::Tensor& tensor = value.toTensor();
  if (tensor.scalar_type() != leaf.dtype ||
      tensor.dim() != static_cast<std::int64_t>(leaf.sizes.size()))
    misfit();
  for (std::size_t axis = 0; axis < leaf.sizes.size(); ++axis) {
    check_size(leaf, leaf.sizes[axis], tensor.size(static_cast<std::int64_t>(axis)),
               fmt::format("axis {}", axis), range_of(leaf.sizes[axis]).of_axis(), symbols);
  }
}

void InputPlan::check_number(const InputLeaf& leaf, const IValue& value,
                             SymbolValues& symbols) const {
  if (!value.isInt())
    throw InputError(fmt::format("input {}: expected a whole number, and this is {}", leaf.name,
                                 text_of(value)));
  check_size(leaf, *leaf.value, value.toInt(), "the number", range_of(*leaf.value), symbols);
}

Range InputPlan::range_of(const Expression& size) const {
  const auto found = ranges_.find(size.text());
  return found == ranges_.end() ? Range() : found->second;
}

// `place`: which size of it.
void InputPlan::check_size(const InputLeaf& leaf, const Expression& expected, std::int64_t size,
                           const std::string& place, const Range& range,
                           SymbolValues& symbols) const {
  const std::set<std::string> names = expected.symbols();
  if (names.empty()) {
    const auto fixed = expected.value({});
    if (fixed && *fixed != size)
      throw InputError(fmt::format(
          "input {}: {} is {}, and the program was exported for {} alone: export it with that "
          "size dynamic",
          leaf.name, place, size, *fixed));
    return;
  }
  if (!range.holds(size))
    throw InputError(fmt::format("input {}: {} is {}, and the program was exported for {}",
                                 leaf.name, place, size, range.text()));
  const auto line = expected.line();
  if (!line) return;  // checked when all symbols are known
  std::int64_t above = 0;
  if (__builtin_sub_overflow(size, line->offset, &above) || above % line->slope != 0)
    throw InputError(fmt::format("input {}: {} is {}, and the program was exported for {}",
                                 leaf.name, place, size, expected.text()));
  const std::int64_t symbol = above / line->slope;
  const auto [known, added] = symbols.emplace(*names.begin(), symbol);
  if (!added && known->second != symbol)
    throw InputError(fmt::format("input {}: {} is {}, and must be {} as in the inputs before it",
                                 leaf.name, place, size,
                                 expected.value(symbols).value_or(known->second)));
}

}  // namespace exported
}  // namespace anycapture
