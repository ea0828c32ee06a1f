// SPDX-License-Identifier: MIT
// anycapture::nn: what torch::nn holds, the built-in modules hooked.
//
//   namespace nn = anycapture::nn;
//   nn::Sequential net(nn::Linear(8, 8), nn::ReLU());
//
// For files that neither write `using namespace torch;` nor alias `nn` to torch::nn themselves:
// there, spell anycapture::nn::Linear. A hooked holder converts to its stock holder, as a
// function's argument or in `torch::nn::Linear plain = hooked;`; calls through that are not hooked.
#pragma once

#include <torch/nn/functional.h>
#include <torch/nn/init.h>
#include <torch/nn/modules.h>
#include <torch/nn/options.h>

#include <anycapture/detail/torch_structs.h>
#include <anycapture/module.h>
#include <anycapture/torch_version.h>

#include <memory>

namespace anycapture {
namespace nn {

using namespace torch::nn;

// as<Linear>() finds every Linear, also those that LibTorch itself made; calls through it have no
// hooks.
#define ANYCAPTURE_DETAIL_STOCK(Name, ...)                                                     \
  class Name : public detail::HookedHolder<torch::nn::Name##Impl, torch::nn::Name##Impl> {     \
   public:                                                                                     \
    using AnycaptureBase = detail::HookedHolder<torch::nn::Name##Impl, torch::nn::Name##Impl>; \
    using AnycaptureBase::AnycaptureBase;                                                      \
    using Impl [[maybe_unused]] = torch::nn::Name##Impl;                                       \
    __VA_ARGS__                                                                                \
  }

ANYCAPTURE_DETAIL_STOCK(AdaptiveAvgPool1d);
ANYCAPTURE_DETAIL_STOCK(AdaptiveAvgPool2d);
ANYCAPTURE_DETAIL_STOCK(AdaptiveAvgPool3d);
ANYCAPTURE_DETAIL_STOCK(AdaptiveLogSoftmaxWithLoss);
ANYCAPTURE_DETAIL_STOCK(AdaptiveMaxPool1d);
ANYCAPTURE_DETAIL_STOCK(AdaptiveMaxPool2d);
ANYCAPTURE_DETAIL_STOCK(AdaptiveMaxPool3d);
ANYCAPTURE_DETAIL_STOCK(AlphaDropout);
ANYCAPTURE_DETAIL_STOCK(AvgPool1d);
ANYCAPTURE_DETAIL_STOCK(AvgPool2d);
ANYCAPTURE_DETAIL_STOCK(AvgPool3d);
ANYCAPTURE_DETAIL_STOCK(BCELoss);
ANYCAPTURE_DETAIL_STOCK(BCEWithLogitsLoss);
ANYCAPTURE_DETAIL_STOCK(BatchNorm1d);
ANYCAPTURE_DETAIL_STOCK(BatchNorm2d);
ANYCAPTURE_DETAIL_STOCK(BatchNorm3d);
ANYCAPTURE_DETAIL_STOCK(Bilinear);
ANYCAPTURE_DETAIL_STOCK(CELU);
ANYCAPTURE_DETAIL_STOCK(CTCLoss);
ANYCAPTURE_DETAIL_STOCK(ConstantPad1d);
ANYCAPTURE_DETAIL_STOCK(ConstantPad2d);
ANYCAPTURE_DETAIL_STOCK(ConstantPad3d);
ANYCAPTURE_DETAIL_STOCK(Conv1d);
ANYCAPTURE_DETAIL_STOCK(Conv2d);
ANYCAPTURE_DETAIL_STOCK(Conv3d);
ANYCAPTURE_DETAIL_STOCK(ConvTranspose1d);
ANYCAPTURE_DETAIL_STOCK(ConvTranspose2d);
ANYCAPTURE_DETAIL_STOCK(ConvTranspose3d);
ANYCAPTURE_DETAIL_STOCK(CosineEmbeddingLoss);
ANYCAPTURE_DETAIL_STOCK(CosineSimilarity);
ANYCAPTURE_DETAIL_STOCK(CrossEntropyLoss);
ANYCAPTURE_DETAIL_STOCK(CrossMapLRN2d);
ANYCAPTURE_DETAIL_STOCK(Dropout);
ANYCAPTURE_DETAIL_STOCK(Dropout2d);
ANYCAPTURE_DETAIL_STOCK(Dropout3d);
ANYCAPTURE_DETAIL_STOCK(ELU);
ANYCAPTURE_DETAIL_STOCK(FeatureAlphaDropout);
ANYCAPTURE_DETAIL_STOCK(Flatten);
ANYCAPTURE_DETAIL_STOCK(Fold);
ANYCAPTURE_DETAIL_STOCK(FractionalMaxPool2d);
ANYCAPTURE_DETAIL_STOCK(FractionalMaxPool3d);
ANYCAPTURE_DETAIL_STOCK(Functional);
ANYCAPTURE_DETAIL_STOCK(GELU);
ANYCAPTURE_DETAIL_STOCK(GLU);
ANYCAPTURE_DETAIL_STOCK(GRU);
ANYCAPTURE_DETAIL_STOCK(GRUCell);
ANYCAPTURE_DETAIL_STOCK(GroupNorm);
ANYCAPTURE_DETAIL_STOCK(Hardshrink);
ANYCAPTURE_DETAIL_STOCK(Hardtanh);
ANYCAPTURE_DETAIL_STOCK(HingeEmbeddingLoss);
ANYCAPTURE_DETAIL_STOCK(HuberLoss);
ANYCAPTURE_DETAIL_STOCK(Identity);
ANYCAPTURE_DETAIL_STOCK(InstanceNorm1d);
ANYCAPTURE_DETAIL_STOCK(InstanceNorm2d);
ANYCAPTURE_DETAIL_STOCK(InstanceNorm3d);
ANYCAPTURE_DETAIL_STOCK(KLDivLoss);
ANYCAPTURE_DETAIL_STOCK(L1Loss);
ANYCAPTURE_DETAIL_STOCK(LPPool1d);
ANYCAPTURE_DETAIL_STOCK(LPPool2d);
ANYCAPTURE_DETAIL_STOCK(LSTM);
ANYCAPTURE_DETAIL_STOCK(LSTMCell);
ANYCAPTURE_DETAIL_STOCK(LayerNorm);
ANYCAPTURE_DETAIL_STOCK(LeakyReLU);
ANYCAPTURE_DETAIL_STOCK(Linear);
ANYCAPTURE_DETAIL_STOCK(LocalResponseNorm);
ANYCAPTURE_DETAIL_STOCK(LogSigmoid);
ANYCAPTURE_DETAIL_STOCK(LogSoftmax);
ANYCAPTURE_DETAIL_STOCK(MSELoss);
ANYCAPTURE_DETAIL_STOCK(MarginRankingLoss);
ANYCAPTURE_DETAIL_STOCK(MaxPool1d);
ANYCAPTURE_DETAIL_STOCK(MaxPool2d);
ANYCAPTURE_DETAIL_STOCK(MaxPool3d);
ANYCAPTURE_DETAIL_STOCK(MaxUnpool1d);
ANYCAPTURE_DETAIL_STOCK(MaxUnpool2d);
ANYCAPTURE_DETAIL_STOCK(MaxUnpool3d);
ANYCAPTURE_DETAIL_STOCK(Mish);
ANYCAPTURE_DETAIL_STOCK(MultiLabelMarginLoss);
ANYCAPTURE_DETAIL_STOCK(MultiLabelSoftMarginLoss);
ANYCAPTURE_DETAIL_STOCK(MultiMarginLoss);
ANYCAPTURE_DETAIL_STOCK(MultiheadAttention);
ANYCAPTURE_DETAIL_STOCK(NLLLoss);
ANYCAPTURE_DETAIL_STOCK(PReLU);
ANYCAPTURE_DETAIL_STOCK(PairwiseDistance);
ANYCAPTURE_DETAIL_STOCK(PixelShuffle);
ANYCAPTURE_DETAIL_STOCK(PixelUnshuffle);
ANYCAPTURE_DETAIL_STOCK(PoissonNLLLoss);
ANYCAPTURE_DETAIL_STOCK(RNN);
ANYCAPTURE_DETAIL_STOCK(RNNCell);
ANYCAPTURE_DETAIL_STOCK(RReLU);
ANYCAPTURE_DETAIL_STOCK(ReLU);
ANYCAPTURE_DETAIL_STOCK(ReLU6);
ANYCAPTURE_DETAIL_STOCK(ReflectionPad1d);
ANYCAPTURE_DETAIL_STOCK(ReflectionPad2d);
ANYCAPTURE_DETAIL_STOCK(ReflectionPad3d);
ANYCAPTURE_DETAIL_STOCK(ReplicationPad1d);
ANYCAPTURE_DETAIL_STOCK(ReplicationPad2d);
ANYCAPTURE_DETAIL_STOCK(ReplicationPad3d);
ANYCAPTURE_DETAIL_STOCK(SELU);
ANYCAPTURE_DETAIL_STOCK(SiLU);
ANYCAPTURE_DETAIL_STOCK(Sigmoid);
ANYCAPTURE_DETAIL_STOCK(SmoothL1Loss);
ANYCAPTURE_DETAIL_STOCK(SoftMarginLoss);
ANYCAPTURE_DETAIL_STOCK(Softmax);
ANYCAPTURE_DETAIL_STOCK(Softmax2d);
ANYCAPTURE_DETAIL_STOCK(Softmin);
ANYCAPTURE_DETAIL_STOCK(Softplus);
ANYCAPTURE_DETAIL_STOCK(Softshrink);
ANYCAPTURE_DETAIL_STOCK(Softsign);
ANYCAPTURE_DETAIL_STOCK(Tanh);
ANYCAPTURE_DETAIL_STOCK(Tanhshrink);
ANYCAPTURE_DETAIL_STOCK(Threshold);
ANYCAPTURE_DETAIL_STOCK(Transformer);
ANYCAPTURE_DETAIL_STOCK(TransformerDecoder);
ANYCAPTURE_DETAIL_STOCK(TransformerDecoderLayer);
ANYCAPTURE_DETAIL_STOCK(TransformerEncoder);
ANYCAPTURE_DETAIL_STOCK(TransformerEncoderLayer);
ANYCAPTURE_DETAIL_STOCK(TripletMarginLoss);
ANYCAPTURE_DETAIL_STOCK(TripletMarginWithDistanceLoss);
ANYCAPTURE_DETAIL_STOCK(Unflatten);
ANYCAPTURE_DETAIL_STOCK(Unfold);
ANYCAPTURE_DETAIL_STOCK(Upsample);
ANYCAPTURE_DETAIL_STOCK(ZeroPad2d);
#if ANYCAPTURE_TORCH_AT_LEAST(2, 6)
ANYCAPTURE_DETAIL_STOCK(LPPool3d);
ANYCAPTURE_DETAIL_STOCK(ZeroPad1d);
ANYCAPTURE_DETAIL_STOCK(ZeroPad3d);
#endif

#define ANYCAPTURE_DETAIL_FROM_PRETRAINED(Name)                                             \
  static Name from_pretrained(const at::Tensor& embeddings,                                 \
                              const torch::nn::Name##FromPretrainedOptions& options = {}) { \
    const auto stock = torch::nn::Name::from_pretrained(embeddings, options);               \
    return Name(std::make_shared<HookedImpl>(anycapture::detail::CopyOf(), *stock));        \
  }
ANYCAPTURE_DETAIL_STOCK(Embedding, ANYCAPTURE_DETAIL_FROM_PRETRAINED(Embedding));
ANYCAPTURE_DETAIL_STOCK(EmbeddingBag, ANYCAPTURE_DETAIL_FROM_PRETRAINED(EmbeddingBag));
#undef ANYCAPTURE_DETAIL_FROM_PRETRAINED
#undef ANYCAPTURE_DETAIL_STOCK

}  // namespace nn
}  // namespace anycapture
