# SPDX-License-Identifier: MIT
"""Programs of torch.export: what goes into one and comes out, named as AnyCapture names it."""

import dataclasses
import inspect
import json
import zipfile

import torch
from safetensors.torch import save_file
from torch import Tensor

from models import grown


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
    a, b = (one.detach().clone(memory_format=torch.contiguous_format) for one in (a, b))
    return torch.equal(a.flatten().view(torch.uint8), b.flatten().view(torch.uint8))


def export(case, any_size):
    """Of the sizes of its inputs, or of any."""
    open_sizes = None
    args, keywords = case.inputs, case.keywords
    if any_size:
        def dims(value):
            return ({dim: torch.export.Dim.DYNAMIC for dim in case.sizes if dim < value.dim()}
                    if isinstance(value, Tensor) else None)

        names = list(inspect.signature(case.module.forward).parameters)
        open_sizes = {name: dims(value) for name, value in [*zip(names, args), *keywords.items()]}
        args = tuple(grown(one, case.sizes) for one in args)
        keywords = {name: grown(one, case.sizes) for name, one in keywords.items()}
    return torch.export.export(case.module, args, keywords, dynamic_shapes=open_sizes, strict=False)


def modules_of(archive):
    """The paths of the modules that nodes of the archive say they belong to."""
    with zipfile.ZipFile(archive) as file:
        (name,) = (one for one in file.namelist() if one.endswith("/models/model.json"))
        nodes = json.loads(file.read(name))["graph_module"]["graph"]["nodes"]
    calls = {call for node in nodes
             for call in node["metadata"].get("nn_module_stack", "").split(";") if call}
    return {call.split(",")[1] for call in calls}
