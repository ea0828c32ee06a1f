// SPDX-License-Identifier: MIT
//
// The two ops of multi-head attention follow aten/src/ATen/native/transformers/attention.cpp and
// transformer.cpp: one projection gives queries, keys and values; a mask is true where a key is
// closed, and its type says whether it is (queries, keys), (batch, keys) or of each head.
#include "attention/fused_ops.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <initializer_list>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "capture/listening.h"

namespace anycapture {
namespace attention {
namespace {

using c10::IValue;

class Arguments {
 public:
  Arguments(const c10::FunctionSchema& schema, c10::ArrayRef<IValue> values)
      : schema_(schema), values_(values) {}

  const IValue& operator[](const char* name) const {
    static const IValue kNone;
    const auto index = schema_.argumentIndexWithName(name);
    return index && static_cast<std::size_t>(*index) < values_.size()
               ? values_[static_cast<std::size_t>(*index)]
               : kNone;
  }
  at::Tensor tensor(const char* name) const {
    const IValue& value = (*this)[name];
    return value.isTensor() ? value.toTensor() : at::Tensor();
  }
  bool flag(const char* name) const {
    const IValue& value = (*this)[name];
    return value.isBool() && value.toBool();
  }
  std::optional<double> number(const char* name) const {
    const IValue& value = (*this)[name];
    if (value.isDouble()) return value.toDouble();
    if (value.isInt()) return static_cast<double>(value.toInt());
    return std::nullopt;
  }
  std::int64_t integer(const char* name) const {
    const IValue& value = (*this)[name];
    return value.isInt() ? value.toInt() : 0;
  }

 private:
  const c10::FunctionSchema& schema_;
  c10::ArrayRef<IValue> values_;
};

std::string short_name(const c10::FunctionSchema& schema) {
  const std::string& name = schema.name();
  return name.substr(name.rfind(':') + 1);
}

bool can_be_made(std::initializer_list<at::Tensor> tensors) {
  return std::all_of(tensors.begin(), tensors.end(),
                     [](const at::Tensor& one) { return one.defined() && one.dim() >= 2; });
}

std::optional<Operands> dot_product(const Arguments& arguments) {
  Operands all;
  all.query = arguments.tensor("query");
  all.key = arguments.tensor("key");
  all.value = arguments.tensor("value");
  if (!can_be_made({all.query, all.key, all.value})) return std::nullopt;
  all.mask = arguments.tensor("attn_mask");
  if (!all.mask.defined()) all.mask = arguments.tensor("attn_bias");
  all.causal = arguments.flag("is_causal");
  all.grouped = arguments.flag("enable_gqa");
  all.scale = arguments.number("scale");
  all.dropout = arguments.number("dropout_p").value_or(0);
  return all;
}

// (batch, tokens, heads * width) -> (batch, heads, tokens, width)
at::Tensor by_head(const at::Tensor& tensor, std::int64_t heads) {
  const std::int64_t width = tensor.size(-1) / heads;
  return tensor.view({tensor.size(0), tensor.size(1), heads, width}).transpose(1, 2);
}

at::Tensor together(const at::Tensor& attended) {
  return attended.transpose(1, 2).flatten(2);
}

// As the op's mask is applied to (batch, heads, queries, keys), true where a key takes part.
at::Tensor open_where(at::Tensor mask, std::int64_t type) {
  if (!mask.defined()) return mask;
  mask = mask.to(at::kBool).logical_not();
  if (type == 1) return mask.unsqueeze(1).unsqueeze(1);
  return mask;
}

// `before`: what the op does to queries, keys and values (batch, tokens, width) first.
template <class Before>
std::optional<Operands> projecting(const Arguments& arguments, const at::Tensor& query,
                                   const at::Tensor& key, const at::Tensor& value, Before before) {
  const std::int64_t heads = arguments["num_head"].isInt() ? arguments.integer("num_head")
                                                           : arguments.integer("num_heads");
  Operands all;
  all.inputs = {query, key, value, arguments.tensor("qkv_weight"), arguments.tensor("qkv_bias")};
  if (!can_be_made({query, key, value, all.inputs[3]})) return std::nullopt;
  all.shape = {query.size(0), heads, query.size(1), key.size(1)};
  all.dtype = query.scalar_type();
  all.project = [heads, before](Operands& made) {
    const auto weights = made.inputs[3].chunk(3), biases = made.inputs[4].chunk(3);
    at::Tensor* const projected[] = {&made.query, &made.key, &made.value};
    for (std::size_t i = 0; i < 3; ++i)
      *projected[i] = by_head(at::linear(before(made.inputs[i]), weights[i], biases[i]), heads);
  };
  all.mask = open_where(arguments.tensor("mask"), arguments.integer("mask_type"));
  return all;
}

std::optional<Operands> multi_head(const Arguments& arguments) {
  auto all = projecting(arguments, arguments.tensor("query"), arguments.tensor("key"),
                        arguments.tensor("value"), [](const at::Tensor& x) { return x; });
  if (!all) return std::nullopt;
  const at::Tensor weight = arguments.tensor("proj_weight"), bias = arguments.tensor("proj_bias");
  all->finish = [weight, bias](const Operands&, const at::Tensor& attended, const QueryRows&) {
    return at::linear(together(attended), weight, bias);
  };
  return all;
}

struct Norm {
  at::Tensor weight, bias;
  double eps;
  at::Tensor operator()(const at::Tensor& x) const {
    return at::layer_norm(x, {x.size(-1)}, weight, bias, eps);
  }
};

std::optional<Operands> encoder_layer(const Arguments& arguments) {
  const double eps = arguments.number("eps").value_or(1e-5);
  const Norm first{arguments.tensor("norm_weight_1"), arguments.tensor("norm_bias_1"), eps};
  const Norm second{arguments.tensor("norm_weight_2"), arguments.tensor("norm_bias_2"), eps};
  const bool norm_first = arguments.flag("norm_first"), gelu = arguments.flag("use_gelu");
  const at::Tensor source = arguments.tensor("src");
  auto all = projecting(arguments, source, source, source,
                        [=](const at::Tensor& x) { return norm_first ? first(x) : x; });
  if (!all) return std::nullopt;
  all->source = source;
  const at::Tensor out_weight = arguments.tensor("proj_weight"),
                   out_bias = arguments.tensor("proj_bias"),
                   up_weight = arguments.tensor("ffn_weight_1"),
                   up_bias = arguments.tensor("ffn_bias_1"),
                   down_weight = arguments.tensor("ffn_weight_2"),
                   down_bias = arguments.tensor("ffn_bias_2");
  all->finish = [=](const Operands& op, const at::Tensor& attended, const QueryRows& queries) {
    at::Tensor h = queries.of(op.source) + at::linear(together(attended), out_weight, out_bias);
    if (!norm_first) h = first(h);
    const at::Tensor up = at::linear(norm_first ? second(h) : h, up_weight, up_bias);
    h = h + at::linear(gelu ? at::gelu(up) : at::relu(up), down_weight, down_bias);
    return norm_first ? h : second(h);
  };
  return all;
}

bool is_nested(const IValue& value) {
  return value.isTensor() && value.toTensor().defined() && value.toTensor().is_nested();
}

// Which tokens of the padded tensor are the nested one's: (batch, tokens).
at::Tensor present_in(const at::Tensor& nested, const at::Tensor& padded) {
  const at::Tensor counts = nested._nested_tensor_size().select(1, 0).to(padded.device());
  return at::arange(padded.size(1), counts.options()) < counts.unsqueeze(1);
}

// Sequences of several lengths, as torch.nn.TransformerEncoder makes of a padding mask, padded
// again: tokens that were left out attend to nothing.
std::optional<Operands> of_nested(const c10::FunctionSchema& schema,
                                  c10::ArrayRef<IValue> arguments,
                                  std::optional<Operands> (*read)(const Arguments&)) {
  std::vector<IValue> padded(arguments.begin(), arguments.end());
  at::Tensor present;
  for (IValue& one : padded) {
    if (!is_nested(one)) continue;
    const at::Tensor nested = one.toTensor();
    one = nested.to_padded_tensor(0);
    if (!present.defined()) present = present_in(nested, one.toTensor());
  }
  std::optional<Operands> all = read(Arguments(schema, padded));
  if (!all) return all;
  all->present = present.unsqueeze(-1);
  all->mask = (all->present & present.unsqueeze(1)).unsqueeze(1);
  return all;
}

}  // namespace

std::shared_ptr<const FusedCall> fused_call(const c10::FunctionSchema& schema,
                                            c10::ArrayRef<IValue> arguments,
                                            const at::Tensor& output, bool detach, bool copy) {
  const capture::Deaf deaf;
  const at::AutoGradMode grad(!detach && at::GradMode::is_enabled());
  const std::string name = short_name(schema);
  const auto read = name == "_native_multi_head_attention"     ? multi_head
                    : name == "_transformer_encoder_layer_fwd" ? encoder_layer
                                                               : dot_product;
  const bool nested = std::any_of(arguments.begin(), arguments.end(), is_nested);
  if (nested && read == dot_product) return nullptr;  // it pads no queries of its own
  std::optional<Operands> all =
      nested ? of_nested(schema, arguments, read) : read(Arguments(schema, arguments));
  if (!all) return nullptr;
  all->op = name;
  all->output = output.is_nested() ? output.to_padded_tensor(0) : output;
  return std::make_shared<FusedCall>(std::move(*all), detach, copy);
}

}  // namespace attention
}  // namespace anycapture
