# SPDX-License-Identifier: MIT
"""What a PyTorch model computes, seen by Python's own means: forward hooks, and the frames of the
functions that its modules run, read when they return. Keys are those of AnyCapture's files.

Values are copied at once: models overwrite the outputs of their modules in place.
"""

import dis
import inspect
import os
import sys

import torch
from torch import Tensor, nn

TAKEN = ("output", "input", "attention", "return")  # of no local, in front of the colon's right side
TORCH = os.path.dirname(torch.__file__)
MACHINERY = os.path.join(TORCH, "nn", "modules", "module.py")


def tensors(name, value):
    """The tensors inside a value: `output`, or `output.0`, `output.last_hidden_state`."""
    if isinstance(value, Tensor):
        yield name, value
    elif isinstance(value, dict):  # and transformers' ModelOutput
        for field, inner in value.items():
            yield from tensors(f"{name}.{field}", inner)
    elif isinstance(value, (tuple, list)):
        for field, inner in zip(getattr(value, "_fields", range(len(value))), value):
            yield from tensors(f"{name}.{field}", inner)


def local(function, name):
    return name if function == "forward" and name not in TAKEN else f"{function}.{name}"


def arguments(module, args, kwargs):
    """By place, as TorchScript has them; a lone tensor is itself."""
    places = list(inspect.signature(module.forward).parameters)
    values = dict(enumerate(args))
    for name, value in kwargs.items():
        values[places.index(name) if name in places else name] = value
    holding = [value for value in values.values() if any(tensors("", value))]
    return holding[0] if len(holding) == 1 and isinstance(holding[0], Tensor) else values


class Reference:
    """Inside `with`, keeps every output, input and local of the model in `calls`: by key, as often as
    it came."""

    def __init__(self, model):
        self.calls = {}
        self.held = {}  # by path, function and name: all values of a variable, one after the other
        self.weights = [*model.parameters(), *model.buffers()]
        self.paths = {}
        for path, module in model.named_modules(remove_duplicate=False):
            self.paths.setdefault(module, path)
        self.assigned = {}  # by code

    def keep(self, path, what, value):
        for name, tensor in tensors(what, value):
            self.calls.setdefault(f"{path}:{name}", []).append(tensor.detach().clone())

    def names_assigned(self, code):
        if code not in self.assigned:
            self.assigned[code] = {one.argval for one in dis.get_instructions(code)
                                   if one.opname in ("STORE_FAST", "STORE_DEREF")}
        return self.assigned[code]

    def is_read(self, frame):
        """Whether it returns from a function of the model, or of torch.nn.functional."""
        code = frame.f_code
        generator = code.co_flags & (inspect.CO_GENERATOR | inspect.CO_COROUTINE)
        if code.co_name.startswith(("<", "__")) or generator or code.co_filename in (
                MACHINERY, __file__):
            return False
        return (not code.co_filename.startswith(TORCH)
                or code.co_filename.startswith(os.path.join(TORCH, "nn", "")))

    def owner(self, frame):
        """The module whose method, or whose method's callee, the frame is of."""
        while frame is not None:
            code = frame.f_code
            if code.co_argcount:
                first = frame.f_locals.get(code.co_varnames[0])
                if isinstance(first, nn.Module) and first in self.paths:
                    return first
            frame = frame.f_back
        return None

    def profile(self, frame, event, arg):
        if event != "return" or not self.is_read(frame):
            return
        # An exception that leaves a function is the same event, at another instruction.
        if not dis.opname[frame.f_code.co_code[frame.f_lasti]].startswith("RETURN_"):
            return
        values = frame.f_locals
        names = [one for one in self.names_assigned(frame.f_code) if any(tensors("", values.get(one)))]
        owner = self.owner(frame) if names else None
        if owner is None:
            return
        for name in names:
            self.keep(self.paths[owner], local(frame.f_code.co_name, name), values[name])

    def trace(self, frame, event, arg):
        """Follows the functions that are read line by line."""
        if not self.is_read(frame):
            return None
        owner, seen = self.owner(frame), {}
        if owner is None:
            return None

        def look(frame, event, arg):
            for name, value in frame.f_locals.items():
                for part, (_, tensor) in enumerate(tensors("", value)):
                    state = (id(tensor), tensor._version)
                    if seen.get((name, part)) != state:
                        seen[name, part] = state
                        key = (self.paths[owner], frame.f_code.co_name, name)
                        self.held.setdefault(key, []).append(tensor.detach().clone())
            return look

        return look(frame, event, arg)

    def __enter__(self):
        self.handles = []
        for module, path in self.paths.items():
            self.handles.append(module.register_forward_pre_hook(
                lambda module, args, kwargs, path=path:
                    self.keep(path, "input", arguments(module, args, kwargs)), with_kwargs=True))
            self.handles.append(module.register_forward_hook(
                lambda module, args, output, path=path: self.keep(path, "output", output)))
        sys.setprofile(self.profile)
        sys.settrace(self.trace)
        return self

    def __exit__(self, *error):
        sys.settrace(None)
        sys.setprofile(None)
        for handle in self.handles:
            handle.remove()


def by_decorator(get_local, model, cls, name, inputs):
    """`{path: [values]}` of a local of every module of the class, by the decorator that this project
    ports: `get_local("attn")` around `forward`."""
    paths = {module: path for path, module in reversed(list(model.named_modules()))}
    order, plain, code = [], cls.forward, cls.forward.__code__
    handles = [module.register_forward_pre_hook(
        lambda module, args: order.append(paths[module])) for module in paths
        if type(module) is cls]
    get_local.cache = {}
    get_local.activate()
    get_local.set_collate_fn(lambda value: value.detach().clone())
    cls.forward = get_local(name)(plain)
    try:
        model(*inputs)
    finally:
        cls.forward, plain.__code__ = plain, code  # the decorator writes into the function
        get_local.deactivate()
        for handle in handles:
            handle.remove()
    values = get_local.cache[f"{plain.__qualname__}.{name}"]
    assert len(values) == len(order), (len(values), len(order))
    found = {}
    for path, value in zip(order, values):
        found.setdefault(path, []).append(value)
    return found


def by_calls(program, inputs, captured):
    """Of an archive whose Python source is not at hand: what each of its modules returns, called by
    Python with what went into it. `captured` says that; so that it is right, too, what the whole
    returns is what Python returns, and each input what another module returned or the root took."""
    reference = Reference(nn.Module())
    for key in captured:
        path, what = key.rsplit(":", 1)
        if what.split("#")[0] not in ("input", "input.0"):
            continue
        number = what.partition("#")[2]
        args, i = [captured[key]], 1
        while (more := f"{path}:input.{i}" + (f"#{number}" if number else "")) in captured:
            args.append(captured[more])
            i += 1
        module = program
        for name in filter(None, path.split(".")):
            module = getattr(module, name)
        # Copies: what lies elsewhere in memory is summed in another order.
        value = module(*(inputs if path == "" else [one.clone() for one in args]))
        reference.keep(path, "output", value)
    return reference
