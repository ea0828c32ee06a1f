// SPDX-License-Identifier: MIT
#include "exported/sym_ops.h"

#include <anycapture/error.h>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <unordered_map>

namespace anycapture {
namespace exported {
namespace {

using c10::IValue;
using Arguments = std::vector<IValue>;
using Int = std::int64_t;

bool is_whole(const IValue& value) {
  return value.isInt() || value.isBool();
}

Int whole(const IValue& value) {
  if (value.isBool()) return value.toBool() ? 1 : 0;
  if (value.isTensor()) return value.toTensor().item().toLong();
  if (!value.isInt())
    throw Error(fmt::format("a number was expected, and this is a {}", value.tagKind()));
  return value.toInt();
}

double real(const IValue& value) {
  if (value.isDouble()) return value.toDouble();
  if (value.isTensor()) return value.toTensor().item().toDouble();
  return static_cast<double>(whole(value));
}

bool truth(const IValue& value) {
  return value.isDouble() ? value.toDouble() != 0 : whole(value) != 0;
}

[[noreturn]] void throw_overflow(const char* what) {
  throw Error(fmt::format("a size of the program does not fit into 64 bits: {}", what));
}

template <class OfWhole, class OfReal>
IValue arithmetic(const Arguments& all, OfWhole of_whole, OfReal of_real) {
  if (is_whole(all[0]) && is_whole(all[1])) return of_whole(whole(all[0]), whole(all[1]));
  return of_real(real(all[0]), real(all[1]));
}

template <class Compare>
IValue compared(const Arguments& all, Compare compare) {
  if (is_whole(all[0]) && is_whole(all[1])) return compare(whole(all[0]), whole(all[1]));
  return compare(real(all[0]), real(all[1]));
}

// `overflows(a, b, &made)`: as the compiler's built-in functions do.
template <class Overflows, class OfReal>
IValue checked(const Arguments& all, Overflows overflows, OfReal of_real, const char* what) {
  return arithmetic(
      all,
      [&](Int a, Int b) {
        Int made = 0;
        if (overflows(a, b, &made)) throw_overflow(what);
        return IValue(made);
      },
      [&](double a, double b) { return IValue(of_real(a, b)); });
}

IValue add(const Arguments& all) {
  return checked(
      all, [](Int a, Int b, Int* made) { return __builtin_add_overflow(a, b, made); },
      [](double a, double b) { return a + b; }, "a sum");
}

IValue sub(const Arguments& all) {
  return checked(
      all, [](Int a, Int b, Int* made) { return __builtin_sub_overflow(a, b, made); },
      [](double a, double b) { return a - b; }, "a difference");
}

IValue mul(const Arguments& all) {
  return checked(
      all, [](Int a, Int b, Int* made) { return __builtin_mul_overflow(a, b, made); },
      [](double a, double b) { return a * b; }, "a product");
}

Int floored(Int a, Int b) {
  if (b == 0) throw Error("a size of the program is divided by zero");
  if (b == -1) {
    if (a == std::numeric_limits<Int>::min()) throw_overflow("a quotient");
    return -a;
  }
  return a / b - ((a % b != 0 && (a < 0) != (b < 0)) ? 1 : 0);
}

IValue floordiv(const Arguments& all) {
  return arithmetic(
      all, [](Int a, Int b) { return IValue(floored(a, b)); },
      [](double a, double b) { return IValue(std::floor(a / b)); });
}

IValue mod(const Arguments& all) {
  return arithmetic(
      all, [](Int a, Int b) { return IValue(b == -1 ? Int{0} : a - floored(a, b) * b); },
      [](double a, double b) { return IValue(a - std::floor(a / b) * b); });
}

Int int_power(Int base, Int exponent) {
  Int made = 1;
  for (; exponent > 0; exponent /= 2) {
    if (exponent % 2 == 1 && __builtin_mul_overflow(made, base, &made)) throw_overflow("a power");
    if (exponent > 1 && __builtin_mul_overflow(base, base, &base)) throw_overflow("a power");
  }
  return made;
}

IValue pow(const Arguments& all) {
  return arithmetic(
      all,
      [](Int a, Int b) {
        return b >= 0 ? IValue(int_power(a, b))
                      : IValue(std::pow(static_cast<double>(a), static_cast<double>(b)));
      },
      [](double a, double b) { return IValue(std::pow(a, b)); });
}

IValue truediv(const Arguments& all) {
  const double by = real(all[1]);
  if (by == 0) throw Error("a size of the program is divided by zero");
  return real(all[0]) / by;
}

IValue shift(const Arguments& all, bool left) {
  const Int by = whole(all[1]);
  if (by < 0 || by > 62) throw_overflow("a shift");
  return left ? mul({all[0], IValue(Int{1} << by)}) : IValue(whole(all[0]) >> by);
}

IValue extreme(const Arguments& all, bool most) {
  return arithmetic(
      all, [most](Int a, Int b) { return IValue(most ? std::max(a, b) : std::min(a, b)); },
      [most](double a, double b) { return IValue(most ? std::max(a, b) : std::min(a, b)); });
}

IValue truncated(const Arguments& all) {
  if (is_whole(all[0])) return whole(all[0]);
  const double value = std::trunc(real(all[0]));
  if (!(std::abs(value) < 9.2e18)) throw_overflow("a number made whole");
  return static_cast<Int>(value);
}

IValue size_of(const Arguments& all) {
  return all[0].toTensor().size(whole(all[1]));
}

// Sizes are checked where they come in; what follows from others is asserted.
IValue assert_scalar(const Arguments& all) {
  if (truth(all[0])) return {};
  throw Error(all[1].isString() ? all[1].toStringRef()
                                : "an assertion of the program does not hold");
}

const std::unordered_map<std::string, SymbolOp>& table() {
  using All = const Arguments&;
  static const std::unordered_map<std::string, SymbolOp> kTable{
      {"_operator.add", {add, 2}},
      {"_operator.sub", {sub, 2}},
      {"_operator.mul", {mul, 2}},
      {"_operator.floordiv", {floordiv, 2}},
      {"_operator.mod", {mod, 2}},
      {"_operator.pow", {pow, 2}},
      {"_operator.truediv", {truediv, 2}},
      {"_operator.lshift", {[](All all) { return shift(all, true); }, 2}},
      {"_operator.rshift", {[](All all) { return shift(all, false); }, 2}},
      {"_operator.neg",
       {[](All all) {
          return sub({IValue(Int{0}), all[0]});
        },
        1}},
      {"_operator.pos", {[](All all) { return all[0]; }, 1}},
      {"_operator.eq",
       {[](All all) { return compared(all, [](auto a, auto b) { return a == b; }); }, 2}},
      {"_operator.ne",
       {[](All all) { return compared(all, [](auto a, auto b) { return a != b; }); }, 2}},
      {"_operator.le",
       {[](All all) { return compared(all, [](auto a, auto b) { return a <= b; }); }, 2}},
      {"_operator.lt",
       {[](All all) { return compared(all, [](auto a, auto b) { return a < b; }); }, 2}},
      {"_operator.ge",
       {[](All all) { return compared(all, [](auto a, auto b) { return a >= b; }); }, 2}},
      {"_operator.gt",
       {[](All all) { return compared(all, [](auto a, auto b) { return a > b; }); }, 2}},
      {"_operator.and_",
       {[](All all) {
          if (all[0].isBool()) return IValue(truth(all[0]) && truth(all[1]));
          return IValue(whole(all[0]) & whole(all[1]));
        },
        2}},
      {"_operator.or_",
       {[](All all) {
          if (all[0].isBool()) return IValue(truth(all[0]) || truth(all[1]));
          return IValue(whole(all[0]) | whole(all[1]));
        },
        2}},
      {"math.trunc", {truncated, 1}},
      {"math.floor", {[](All all) { return truncated({IValue(std::floor(real(all[0])))}); }, 1}},
      {"math.ceil", {[](All all) { return truncated({IValue(std::ceil(real(all[0])))}); }, 1}},
      {"torch.sym_int", {truncated, 1}},
      {"torch.sym_float", {[](All all) { return IValue(real(all[0])); }, 1}},
      {"torch.sym_not", {[](All all) { return IValue(!truth(all[0])); }, 1}},
      {"torch.sym_max", {[](All all) { return extreme(all, true); }, 2}},
      {"torch.sym_min", {[](All all) { return extreme(all, false); }, 2}},
      {"torch.sym_ite", {[](All all) { return truth(all[0]) ? all[1] : all[2]; }, 3}},
      {"torch.ops.aten.sym_size.int", {size_of, 2}},
      {"torch.ops.aten.sym_numel.default",
       {[](All all) { return IValue(all[0].toTensor().numel()); }, 1}},
      {"torch.ops.aten._assert_scalar.default", {assert_scalar, 2}},
      {"torch._sym_sqrt", {[](All all) { return IValue(std::sqrt(real(all[0]))); }, 1}},
      {"torch.sym_sqrt", {[](All all) { return IValue(std::sqrt(real(all[0]))); }, 1}},
  };
  return kTable;
}

}  // namespace

const SymbolOp* symbol_op(const std::string& target) {
  const auto found = table().find(target);
  return found == table().end() ? nullptr : &found->second;
}

}  // namespace exported
}  // namespace anycapture
