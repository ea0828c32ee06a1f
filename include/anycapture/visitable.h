// SPDX-License-Identifier: MIT
// Structs of your own as inputs and outputs of modules. Tensors, optionals, tuples, pairs, arrays,
// vectors and dicts with string keys need nothing.
#pragma once

#include <anycapture/detail/collect.h>

#include <type_traits>

/// Lets AnyCapture see the tensors in a struct of your own: ANYCAPTURE_VISITABLE(Output,
/// last_hidden_state, pooled). Stands in the namespace of the struct, behind it; up to 16 fields,
/// which themselves may hold tensors in any of the known ways.
#define ANYCAPTURE_VISITABLE(Type, ...)                                                  \
  template <class Value, class Visit,                                                    \
            std::enable_if_t<std::is_same_v<std::remove_const_t<Value>, Type>, int> = 0> \
  void anycapture_visit(Value& value, Visit&& visit){                                    \
      ANYCAPTURE_DETAIL_EACH(__VA_ARGS__)} ANYCAPTURE_DETAIL_KNOW(Type, __COUNTER__)

#define ANYCAPTURE_DETAIL_KNOW(Type, number) ANYCAPTURE_DETAIL_KNOW_AS(Type, number)
#define ANYCAPTURE_DETAIL_KNOW_AS(Type, number)                       \
  [[maybe_unused]] static const bool anycapture_knows_type_##number = \
      ::anycapture::detail::know_type<Type>()

#define ANYCAPTURE_DETAIL_FIELD(field) visit(#field, value.field);
#define ANYCAPTURE_DETAIL_EACH(...)                                                        \
  ANYCAPTURE_DETAIL_PICK(__VA_ARGS__, ANYCAPTURE_DETAIL_16, ANYCAPTURE_DETAIL_15,          \
                         ANYCAPTURE_DETAIL_14, ANYCAPTURE_DETAIL_13, ANYCAPTURE_DETAIL_12, \
                         ANYCAPTURE_DETAIL_11, ANYCAPTURE_DETAIL_10, ANYCAPTURE_DETAIL_9,  \
                         ANYCAPTURE_DETAIL_8, ANYCAPTURE_DETAIL_7, ANYCAPTURE_DETAIL_6,    \
                         ANYCAPTURE_DETAIL_5, ANYCAPTURE_DETAIL_4, ANYCAPTURE_DETAIL_3,    \
                         ANYCAPTURE_DETAIL_2, ANYCAPTURE_DETAIL_1, )                       \
  (__VA_ARGS__)
#define ANYCAPTURE_DETAIL_PICK(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, chosen, ...) chosen
#define ANYCAPTURE_DETAIL_1(f) ANYCAPTURE_DETAIL_FIELD(f)
#define ANYCAPTURE_DETAIL_2(f, ...) ANYCAPTURE_DETAIL_FIELD(f) ANYCAPTURE_DETAIL_1(__VA_ARGS__)
#define ANYCAPTURE_DETAIL_3(f, ...) ANYCAPTURE_DETAIL_FIELD(f) ANYCAPTURE_DETAIL_2(__VA_ARGS__)
#define ANYCAPTURE_DETAIL_4(f, ...) ANYCAPTURE_DETAIL_FIELD(f) ANYCAPTURE_DETAIL_3(__VA_ARGS__)
#define ANYCAPTURE_DETAIL_5(f, ...) ANYCAPTURE_DETAIL_FIELD(f) ANYCAPTURE_DETAIL_4(__VA_ARGS__)
#define ANYCAPTURE_DETAIL_6(f, ...) ANYCAPTURE_DETAIL_FIELD(f) ANYCAPTURE_DETAIL_5(__VA_ARGS__)
#define ANYCAPTURE_DETAIL_7(f, ...) ANYCAPTURE_DETAIL_FIELD(f) ANYCAPTURE_DETAIL_6(__VA_ARGS__)
#define ANYCAPTURE_DETAIL_8(f, ...) ANYCAPTURE_DETAIL_FIELD(f) ANYCAPTURE_DETAIL_7(__VA_ARGS__)
#define ANYCAPTURE_DETAIL_9(f, ...) ANYCAPTURE_DETAIL_FIELD(f) ANYCAPTURE_DETAIL_8(__VA_ARGS__)
#define ANYCAPTURE_DETAIL_10(f, ...) ANYCAPTURE_DETAIL_FIELD(f) ANYCAPTURE_DETAIL_9(__VA_ARGS__)
#define ANYCAPTURE_DETAIL_11(f, ...) ANYCAPTURE_DETAIL_FIELD(f) ANYCAPTURE_DETAIL_10(__VA_ARGS__)
#define ANYCAPTURE_DETAIL_12(f, ...) ANYCAPTURE_DETAIL_FIELD(f) ANYCAPTURE_DETAIL_11(__VA_ARGS__)
#define ANYCAPTURE_DETAIL_13(f, ...) ANYCAPTURE_DETAIL_FIELD(f) ANYCAPTURE_DETAIL_12(__VA_ARGS__)
#define ANYCAPTURE_DETAIL_14(f, ...) ANYCAPTURE_DETAIL_FIELD(f) ANYCAPTURE_DETAIL_13(__VA_ARGS__)
#define ANYCAPTURE_DETAIL_15(f, ...) ANYCAPTURE_DETAIL_FIELD(f) ANYCAPTURE_DETAIL_14(__VA_ARGS__)
#define ANYCAPTURE_DETAIL_16(f, ...) ANYCAPTURE_DETAIL_FIELD(f) ANYCAPTURE_DETAIL_15(__VA_ARGS__)
