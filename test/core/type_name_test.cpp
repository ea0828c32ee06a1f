// SPDX-License-Identifier: MIT
#include <anycapture/selector.h>

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace anycapture {
namespace {

TEST(NormaliseType, LeavesTheNameThatPeopleUse) {
  const std::vector<std::pair<std::string, std::string>> table{
      {"Attention", "Attention"},
      {"AttentionImpl", "Attention"},
      {"torch::nn::LinearImpl", "Linear"},
      {"::torch::nn::LinearImpl", "Linear"},
      {"torch::nn::Linear", "Linear"},
      {"(anonymous namespace)::BlockImpl", "Block"},
      {"my::(anonymous namespace)::BlockImpl", "Block"},
      {"Impl", "Impl"},
      {"my::Impl", "Impl"},
      {"__torch__.Net", "Net"},
      {"__torch__.timm.layers.attention.Attention", "Attention"},
      {"__torch__.timm.___torch_mangle_12.Attention", "Attention"},
      {"__torch__.___torch_mangle_3.Net", "Net"},
      {"anycapture::detail::Hooked<AttentionImpl>", "Attention"},
      {"anycapture::detail::Hooked<torch::nn::LinearImpl>", "Linear"},
      {"anycapture::detail::Hooked<torch::nn::LinearImpl, true>", "Linear"},
      {"anycapture::detail::Face<my::BlockImpl<float, 3> >", "Block<float, 3>"},
      {"anycapture::detail::Hooked<anycapture::detail::Face<my::BlockImpl> >", "Block"},
      {"my::BlockImpl<torch::nn::LinearImpl>", "Block<torch::nn::LinearImpl>"},
      {"", ""},
  };
  for (const auto& [type, name] : table) EXPECT_EQ(normalise_type(type), name) << type;
}

}  // namespace
}  // namespace anycapture
