// SPDX-License-Identifier: MIT
#include "attention/op_kinds.h"

#include <algorithm>
#include <iterator>

namespace anycapture {
namespace attention {
namespace {

constexpr std::string_view kSoftmax[] = {"_masked_softmax", "_safe_softmax", "_softmax", "softmax"};

constexpr std::string_view kProducts[] = {"__matmul__", "baddbmm", "bmm", "einsum", "matmul"};

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
constexpr std::string_view kPasses[] = {"_reshape_alias",
                                        "_to_copy",
                                        "_unsafe_view",
                                        "add",
                                        "alias",
                                        "clone",
                                        "contiguous",
                                        "conv2d",
                                        "detach",
                                        "div",
                                        "dropout",
                                        "dropout_",
                                        "feature_dropout",
                                        "flatten",
                                        "getitem",
                                        "linear",
                                        "masked_fill",
                                        "mul",
                                        "narrow",
                                        "native_dropout",
                                        "permute",
                                        "reshape",
                                        "reshape_as",
                                        "squeeze",
                                        "to",
                                        "transpose",
                                        "type_as",
                                        "unflatten",
                                        "unsqueeze",
                                        "view",
                                        "view_as",
                                        "where"};

template <std::size_t N>
bool holds(const std::string_view (&names)[N], std::string_view name) {
  return std::binary_search(std::begin(names), std::end(names), name);
}

}  // namespace

OpKind kind_of_op(std::string_view name) {
  constexpr std::string_view kNamespace = "aten::";
  if (name.substr(0, kNamespace.size()) != kNamespace) return OpKind::other;
  name.remove_prefix(kNamespace.size());
  if (holds(kSoftmax, name)) return OpKind::softmax;
  if (holds(kProducts, name)) return OpKind::product;
  if (holds(kFused, name)) return OpKind::fused;
  return holds(kPasses, name) ? OpKind::passes : OpKind::other;
}

}  // namespace attention
}  // namespace anycapture
