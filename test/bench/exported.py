# SPDX-License-Identifier: MIT
"""usage: exported.py FOLDER [--time N | --peak]

Writes what exported_bench measures: vit.pt2 and vit.pt, ViT-S/16 with attention of its own; vit_batch.pt2,
for 16 images; adds.pt2, 10,000 sums of one element; large_1.pt2 and large_10.pt2, one graph with weights of
1 and of 10 GB. With --time: what the same ViT takes in Python, eager, in ms, least of N. With --peak: how
many bytes resident memory rises in a forward of vit_batch.pt2 in Python.
"""

import sys
import time

import torch
from torch import nn


class Attention(nn.Module):
    def __init__(self, width=384, heads=6):
        super().__init__()
        self.heads = heads
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x):
        b, n, c = x.shape
        q, k, v = self.qkv(x).reshape(b, n, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4).unbind(0)
        attn = ((q * 0.125) @ k.transpose(-2, -1)).softmax(-1)
        return self.proj((attn @ v).transpose(1, 2).reshape(b, n, c))


class Block(nn.Module):
    def __init__(self, width=384):
        super().__init__()
        self.norm1, self.attn = nn.LayerNorm(width), Attention(width)
        self.norm2, self.mlp = nn.LayerNorm(width), nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x):
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class Vit(nn.Module):
    def __init__(self, width=384, depth=12):
        super().__init__()
        self.patch = nn.Conv2d(3, width, 16, 16)
        self.cls = nn.Parameter(torch.zeros(1, 1, width))
        self.pos = nn.Parameter(torch.randn(1, 197, width) * 0.02)
        self.blocks = nn.ModuleList([Block(width) for _ in range(depth)])
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, 1000)

    def forward(self, image):
        x = self.patch(image).flatten(2).transpose(1, 2)
        x = torch.cat([self.cls.expand(x.shape[0], -1, -1), x], 1) + self.pos
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x)[:, 0])


class Adds(nn.Module):
    def forward(self, x, y):
        for _ in range(10_000):
            x = x + y
        return x


class Large(nn.Module):
    """Eight matrices, of which one row each is read."""

    def __init__(self, gigabytes):
        super().__init__()
        rows = gigabytes * 10**9 // (8 * 4 * 1024)
        self.weights = nn.ParameterList([nn.Parameter(torch.zeros(rows, 1024)) for _ in range(8)])

    def forward(self, x):
        for weight in self.weights:
            x = x + weight[0]
        return x


def vit():
    torch.manual_seed(1)
    return Vit().eval()


def write(folder):
    image = torch.zeros(1, 3, 224, 224)
    torch.jit.script(vit()).save(f"{folder}/vit.pt")
    one = torch.ones(1)
    models = {
        "vit": (vit(), (image,)),
        "vit_batch": (vit(), (image.expand(16, -1, -1, -1),)),
        "adds": (Adds(), (one, one)),
        "large_1": (Large(1), (torch.zeros(1024),)),
        "large_10": (Large(10), (torch.zeros(1024),)),
    }
    for name, (model, inputs) in models.items():
        torch.export.save(torch.export.export(model, inputs, strict=False), f"{folder}/{name}.pt2")


def least_time(count):
    model, image, least = vit(), torch.zeros(1, 3, 224, 224), float("inf")
    for _ in range(count):
        start = time.perf_counter()
        model(image)
        least = min(least, time.perf_counter() - start)
    return f"{least * 1e3:.3f}"


def memory(name):
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith(name + ":"))


def peak(folder):
    model = torch.export.load(f"{folder}/vit_batch.pt2").module()
    model(torch.zeros(16, 3, 224, 224))
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")
    before = memory("VmRSS")
    model(torch.zeros(16, 3, 224, 224))
    return memory("VmHWM") - before


def main():
    folder, *options = sys.argv[1:]
    if not options:
        return write(folder)
    with torch.no_grad():
        print(peak(folder) if options == ["--peak"] else least_time(int(options[1])))


if __name__ == "__main__":
    main()
