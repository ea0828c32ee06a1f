# SPDX-License-Identifier: MIT
"""Programs of torch.export: what goes into one and comes out, named as AnyCapture names it."""

import dataclasses
import inspect
import json

import torch
from safetensors.torch import save_file
from torch import Tensor


def leaves(name, value):
    """Name and value of everything inside that is no container: `x`, `x.0`, `x.hidden.a`."""
    if value is None or isinstance(value, (Tensor, bool, int, float, str)):
        yield name, value
        return
    if isinstance(value, dict):  # and transformers' ModelOutput
        parts = value.items()
    elif isinstance(value, (tuple, list)):
        parts = zip(getattr(value, "_fields", range(len(value))), value)
    elif dataclasses.is_dataclass(value):
        parts = ((one.name, getattr(value, one.name)) for one in dataclasses.fields(value))
    elif type(value).__name__ == "DynamicCache":
        parts = (("key_cache", [layer.keys for layer in value.layers]),
                 ("value_cache", [layer.values for layer in value.layers]))
    else:
        raise TypeError(f"{name} is a {type(value).__name__}")
    for part, inner in parts:
        yield from leaves(f"{name}.{part}", inner)


def inputs_of(model, args, kwargs):
    """By the names of the arguments of `forward`; by place where it takes any number of them."""
    names = [name for name, one in inspect.signature(model.forward).parameters.items()
             if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)]
    given = [(names[i] if i < len(names) else str(i), value) for i, value in enumerate(args)]
    return dict(leaf for name, value in [*given, *kwargs.items()] for leaf in leaves(name, value))


def input_options(inputs, path):
    """What gives `anycapture run` these inputs; their tensors are written to `path`."""
    tensors = {name: value.detach().contiguous().clone() for name, value in inputs.items()
               if isinstance(value, Tensor)}
    save_file(tensors, path)
    options = ["--input", path] if tensors else []
    for name, value in inputs.items():
        if not isinstance(value, Tensor):
            options += ["--input", f"{name}={'none' if value is None else json.dumps(value)}"]
    return options


def same_bits(a, b):
    if a.dtype != b.dtype or a.shape != b.shape:
        return False
    a, b = (one.detach().contiguous().reshape(-1).view(torch.uint8) for one in (a, b))
    return torch.equal(a, b)
