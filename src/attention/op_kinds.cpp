// SPDX-License-Identifier: MIT
#include "attention/op_kinds.h"

#include <algorithm>
#include <iterator>

namespace anycapture {
namespace attention {
namespace {

constexpr std::string_view kSoftmax[] = {"_masked_softmax", "_safe_softmax", "_softmax", "softmax",
                                         "special_softmax"};

constexpr std::string_view kProducts[] = {"__matmul__", "addbmm", "baddbmm", "bmm",      "einsum",
                                          "matmul",     "mm",     "mv",      "tensordot"};

constexpr std::string_view kFused[] = {"_native_multi_head_attention",
                                       "_scaled_dot_product_attention",
                                       "_scaled_dot_product_attention_math",
                                       "_scaled_dot_product_cudnn_attention",
                                       "_scaled_dot_product_efficient_attention",
                                       "_scaled_dot_product_flash_attention",
                                       "_scaled_dot_product_flash_attention_for_cpu",
                                       "_transformer_encoder_layer_fwd",
                                       "scaled_dot_product_attention"};

// Sorted, as the others are.
constexpr std::string_view kPasses[] = {"__getitem__",
                                        "_reshape_alias",
                                        "_to_copy",
                                        "_unsafe_view",
                                        "alias",
                                        "chunk",
                                        "clone",
                                        "contiguous",
                                        "conv2d",
                                        "detach",
                                        "dropout",
                                        "dropout_",
                                        "expand",
                                        "expand_as",
                                        "feature_dropout",
                                        "flatten",
                                        "getitem",
                                        "index",
                                        "index_select",
                                        "linear",
                                        "masked_fill",
                                        "masked_fill_",
                                        "mean",
                                        "nan_to_num",
                                        "narrow",
                                        "native_dropout",
                                        "neg",
                                        "repeat",
                                        "reshape",
                                        "reshape_as",
                                        "select",
                                        "slice",
                                        "split",
                                        "split_with_sizes",
                                        "squeeze",
                                        "to",
                                        "type_as",
                                        "unbind",
                                        "unflatten",
                                        "unsqueeze",
                                        "view",
                                        "view_as"};

constexpr std::string_view kTurns[] = {"mH",      "mT",       "moveaxis", "movedim", "numpy_T",
                                       "permute", "swapaxes", "swapdims", "t",       "transpose"};

constexpr std::string_view kPassAny[] = {"add",  "add_", "div", "div_", "mul",
                                         "mul_", "rsub", "sub", "sub_", "where"};

template <std::size_t N>
bool holds(const std::string_view (&names)[N], std::string_view name) {
  return std::binary_search(std::begin(names), std::end(names), name);
}

std::string_view without_namespace(std::string_view name) {
  constexpr std::string_view kNamespace = "aten::";
  return name.substr(0, kNamespace.size()) == kNamespace ? name.substr(kNamespace.size()) : "";
}

}  // namespace

OpKind kind_of_op(std::string_view name) {
  name = without_namespace(name);
  if (holds(kSoftmax, name)) return OpKind::softmax;
  if (holds(kProducts, name)) return OpKind::product;
  if (holds(kFused, name)) return OpKind::fused;
  const bool passes = holds(kPasses, name) || holds(kTurns, name) || holds(kPassAny, name);
  return passes ? OpKind::passes : OpKind::other;
}

Passing passing_of_op(std::string_view name) {
  name = without_namespace(name);
  if (name == "linear") return Passing::turned;
  if (holds(kTurns, name)) return Passing::turns;
  return holds(kPassAny, name) ? Passing::any : Passing::first;
}

}  // namespace attention
}  // namespace anycapture
