#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes what a small timm VisionTransformer with random weights does with two pictures.

    pip install torch==2.13.0 numpy safetensors pyyaml huggingface_hub pillow
    pip install --no-deps timm==1.0.31 torchvision
    python3 make_reference.py [FOLDER]

timm_weights.safetensors: the model's state. timm_reference.safetensors: `input` (2, 3, 32, 32),
`output` (2, 10) and `maps.N` (2, 3, 17, 17), the softmax of block N.
"""

import pathlib
import sys

import torch
from safetensors.torch import save_file

# timm asks torchvision for picture transforms only; a torchvision whose compiled part does not load
# beside this torch will do, if the operators exist that it describes while it is imported.
operators = torch.library.Library("torchvision", "DEF")
for name in ("nms", "qnms"):
    operators.define(name + "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")

import timm  # noqa: E402
from timm.models.vision_transformer import VisionTransformer  # noqa: E402


def random_model():
    torch.manual_seed(3)
    model = VisionTransformer(
        img_size=32, patch_size=8, num_classes=10, embed_dim=48, depth=3, num_heads=3
    )
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            # Far enough from timm's start, at which maps are flat and norms do nothing.
            parameter.add_(0.15 * torch.randn_like(parameter))
    for block in model.blocks:
        block.attn.fused_attn = False
    return model.eval()


def main():
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else __file__).resolve()
    folder = folder if folder.is_dir() else folder.parent
    versions = {"timm": timm.__version__, "torch": torch.__version__}
    model = random_model()
    save_file(model.state_dict(), folder / "timm_weights.safetensors", metadata=versions)

    tensors = {"input": torch.randn(2, 3, 32, 32)}
    for i, block in enumerate(model.blocks):
        # What attn_drop gets is the softmax's result.
        block.attn.attn_drop.register_forward_pre_hook(
            lambda module, inputs, i=i: tensors.update({f"maps.{i}": inputs[0].clone()})
        )
    with torch.no_grad():
        tensors["output"] = model(tensors["input"])
    assert len(tensors) == 5
    save_file(tensors, folder / "timm_reference.safetensors", metadata=versions)


main()
