// SPDX-License-Identifier: MIT
// A ViT's weights as safetensors, under timm's names.
#pragma once

#include <anycapture/safetensors.h>

#include <string>

#include "vit.h"

/// The sizes of the model whose weights these are, from their shapes. The number of heads leaves no
/// trace in a shape: it is `heads`, else the file's metadata `heads`, else one per 64 numbers of
/// width, as in timm's vit_* models. Throws `anycapture::FileError` when the file cannot be read,
/// `anycapture::Error` when it holds no ViT.
ViTOptions vit_options(const std::string& path, std::int64_t heads = 0);

/// Copies every parameter of `model` from the file, converted to the parameter's type. Throws
/// `anycapture::Error`, and changes nothing, when one is missing, has another shape, or when the
/// file has more than the model.
void load_weights(torch::nn::Module& model, const std::string& path);

/// `model`, in evaluation mode, with the weights of `path`.
VisionTransformer load_vit(const std::string& path, std::int64_t heads = 0);

void save_weights(const torch::nn::Module& model, const std::string& path,
                  const anycapture::safetensors::Metadata& metadata = {});
