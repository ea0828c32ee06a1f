#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes what forward hooks see, and do, in Python.

    pip install torch==2.13.0 numpy safetensors
    python3 make_reference.py [FOLDER]

hooks_reference.safetensors: the weights of a small network under their names; `x` (2, 1, 4, 4), its
input; every module's input and output as hooks see them, `seen/conv:output`, cloned at once;
`replaced`, the network's output when hooks on `tail.0` replace what goes in and out.
"""

import pathlib
import sys

import torch
from safetensors.torch import save_file
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(4)
        self.lstm = nn.LSTM(16, 8, batch_first=True)
        self.mha = nn.MultiheadAttention(8, 2)
        self.tail = nn.Sequential(nn.Linear(8, 8), nn.ReLU(inplace=True), nn.Linear(8, 2))

    def forward(self, x):
        features = torch.relu(self.norm(self.conv(x)))
        states, _ = self.lstm(features.flatten(2))
        row = states.transpose(0, 1)
        return self.tail(self.mha(row, row, row)[0])


def fields(name, value):
    if isinstance(value, torch.Tensor):
        yield name, value
    else:
        for i, inner in enumerate(value):
            yield from fields(f"{name}.{i}", inner)


def keep(tensors, path, what, value):
    lone = isinstance(value, tuple) and what == "input" and len(value) == 1
    for name, tensor in fields(what, value[0] if lone else value):
        tensors[f"seen/{path}:{name}"] = tensor.clone()


def main():
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else __file__).resolve()
    folder = folder if folder.is_dir() else folder.parent
    torch.manual_seed(11)
    net = Net()
    with torch.no_grad():
        net.norm.running_mean.normal_()
        net.norm.weight.normal_()
    net.eval()
    tensors = {name: value.clone() for name, value in net.state_dict().items()}
    tensors["x"] = torch.randn(2, 1, 4, 4)
    handles = []
    for path, module in net.named_modules():
        if path.startswith("mha."):
            continue  # torch calls out_proj by its weights
        handles.append(module.register_forward_pre_hook(
            lambda module, inputs, path=path: keep(tensors, path, "input", inputs)))
        handles.append(module.register_forward_hook(
            lambda module, inputs, output, path=path: keep(tensors, path, "output", output)))
    net(tensors["x"])
    for handle in handles:
        handle.remove()

    net.tail[0].register_forward_pre_hook(lambda module, inputs: (inputs[0] * 2,))
    net.tail[0].register_forward_pre_hook(lambda module, inputs: (inputs[0] + 1,), prepend=True)
    net.tail[0].register_forward_hook(lambda module, inputs, output: output + inputs[0])
    net.tail[0].register_forward_hook(lambda module, inputs, output: output * 10, prepend=True)
    net.tail[0].register_forward_hook(lambda module, inputs, output: None)
    tensors["replaced"] = net(tensors["x"])
    tensors = {name: value.detach().contiguous() for name, value in tensors.items()}
    save_file(tensors, folder / "hooks_reference.safetensors", metadata={"torch": torch.__version__})


if __name__ == "__main__":
    main()
