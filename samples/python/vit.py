#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The original that samples/vit.h is a port of, and what find_mistake.cpp holds the port against.

    pip install torch==2.13.0 numpy safetensors
    python3 vit.py [vit_reference.safetensors]

Writes what goes on inside the model of samples/data/digits_vit.safetensors when it sees a digit.
"""

import pathlib
import sys

import torch
import torch.nn.functional as F
from safetensors import safe_open
from torch import nn

from capture import Capturer

DATA = pathlib.Path(__file__).resolve().parents[1] / "data"


class PatchEmbed(nn.Module):
    def __init__(self, channels, width, patch_size):
        super().__init__()
        self.proj = nn.Conv2d(channels, width, patch_size, stride=patch_size)

    def forward(self, image):
        return self.proj(image).flatten(2).transpose(1, 2)


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x):
        batch, tokens, width = x.shape
        qkv = self.qkv(x).reshape(batch, tokens, 3, self.heads, width // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        scale = q.shape[-1] ** -0.5
        attn = (q * scale @ k.transpose(-2, -1)).softmax(-1)
        mixed = attn @ v
        return self.proj(mixed.transpose(1, 2).reshape(batch, tokens, width))


class Mlp(nn.Module):
    def __init__(self, width, inner):
        super().__init__()
        self.fc1 = nn.Linear(width, inner)
        self.fc2 = nn.Linear(inner, width)

    def forward(self, x):
        return self.fc2(F.gelu(self.fc1(x)))


class Block(nn.Module):
    def __init__(self, width, heads, inner):
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=1e-6)
        self.attn = Attention(width, heads)
        self.norm2 = nn.LayerNorm(width, eps=1e-6)
        self.mlp = Mlp(width, inner)

    def forward(self, x):
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class VisionTransformer(nn.Module):
    def __init__(self, *, channels, patch_size, patches, width, depth, heads, inner, classes):
        super().__init__()
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + patches, width))
        self.patch_embed = PatchEmbed(channels, width, patch_size)
        self.blocks = nn.Sequential(*(Block(width, heads, inner) for _ in range(depth)))
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.head = nn.Linear(width, classes)

    def forward(self, image):
        cls = self.cls_token.expand(len(image), -1, -1)
        x = torch.cat([cls, self.patch_embed(image)], 1) + self.pos_embed
        return self.head(self.norm(self.blocks(x))[:, 0])


def load(path):
    with safe_open(path, "pt") as file:
        weights = {name: file.get_tensor(name) for name in file.keys()}
        heads = int(file.metadata()["heads"])
    model = VisionTransformer(
        channels=1, patch_size=8, patches=64, width=96, depth=4, heads=heads, inner=384, classes=10)
    model.load_state_dict(weights)
    return model.eval()


def digit(index, scale=3, left=30, top=12):
    """A picture of one handwritten digit, -1 for paper to 1 for ink, and which it is."""
    with safe_open(DATA / "digits.safetensors", "pt") as file:
        ink = file.get_tensor("images")[index] / 16
        label = file.get_tensor("labels")[index].item()
    ink = F.interpolate(ink[None, None], scale_factor=scale, mode="bilinear")
    below, right = 64 - top - ink.shape[2], 64 - left - ink.shape[3]
    return F.pad(ink, (left, right, top, below)) * 2 - 1, label


def main():
    path = sys.argv[1] if len(sys.argv) > 1 else DATA / "vit_reference.safetensors"
    image, label = digit(7)
    model = load(DATA / "digits_vit.safetensors")
    # The maps of the blocks in the middle only: the file is small.
    with torch.no_grad(), Capturer(model, ":input", "Block:output", "blocks.[12].attn:attn") as cap:
        scores = model(image)
    print(f"a {label}, seen as a {scores.argmax().item()}")
    print(*cap.keys(), sep="\n")
    cap.save(path, model="digits_vit", grid=[8, 8], prefix=1,
             image={"key": ":input", "mean": [0.5], "std": [0.5]})


if __name__ == "__main__":
    main()
