# SPDX-License-Identifier: MIT
"""Runs an archive whose Python source is not at hand in Python: the code that TorchScript keeps is
Python but for the names of some functions. What its variables held is what Python's frames held."""

import operator
import sys
import types
import typing

import torch
from torch import nn


NUMBERS = dict(add=operator.add, sub=operator.sub, mul=operator.mul, div=operator.truediv,
               floordiv=operator.floordiv, remainder=operator.mod, eq=operator.eq, ne=operator.ne,
               lt=operator.lt, le=operator.le, gt=operator.gt, ge=operator.ge)


class Ops:
    """`torch.add(a, b)` of the archive is `aten::add`, or Python's own of numbers."""

    def __getattr__(self, name):
        def of_numbers(*args):
            numbers = all(isinstance(one, (int, float)) for one in args)
            return (NUMBERS[name] if numbers else getattr(torch.ops.aten, name))(*args)

        if name in NUMBERS:
            return of_numbers
        return {"__not__": lambda a: not a, "__contains__": lambda a, b: b in a, "len": len,
                "__is__": operator.is_, "__isnot__": operator.is_not,
                "format": lambda text, *values: text.format(*values),
                "append": lambda values, value: values.append(value),
                "__range_length": lambda low, high, step: len(range(low, high, step)),
                "__derive_index": lambda index, start, step: start + index * step,
                }.get(name) or getattr(torch.ops.aten, name)


class Prim:
    def RaiseException(self, message, kind):
        raise RuntimeError(message)

    def __getattr__(self, name):  # `ops.prim.device(x)`
        return lambda x: getattr(x, name)


class Functions:
    """`__torch__.torch.nn.functional.___torch_mangle_14.pad`."""

    def __getattr__(self, name):
        on_the_way = name in ("torch", "nn", "functional") or name.startswith("___torch_mangle")
        return self if on_the_way else getattr(nn.functional, name)


class Run:
    """One run; `held` is as that of Reference."""

    def __init__(self):
        self.held = {}
        self.codes = {}

    def function(self, module, path, name):
        if (path, name) not in self.codes:
            code, constants = getattr(module, name).code_with_constants
            names = dict(typing.__dict__, torch=Ops(), ops=types.SimpleNamespace(prim=Prim()),
                         Tensor=torch.Tensor, NoneType=type(None), __torch__=Functions(),
                         CONSTANTS=types.SimpleNamespace(**constants),
                         annotate=lambda kind, value: value,
                         unchecked_cast=lambda kind, value: value, uninitialized=lambda kind: None)
            exec(compile("from __future__ import annotations\n" + code, path + ":" + name, "exec"), names)
            self.codes[path, name] = names[name]
        return self.codes[path, name]

    def keep(self, path, name, values, result):
        """What is assigned and then returned, the archive returns at once: it is one of the values."""
        for variable, value in values.items():
            bare = variable.rstrip("0123456789")
            if isinstance(value, torch.Tensor) and bare != "_":
                held = self.held.setdefault((path, name, bare), [])
                held += [one.clone() for one in (value, result) if isinstance(one, torch.Tensor)]

    def call(self, owner, path, name, args):
        function = self.function(owner.module, path, name)

        def leaves(frame, event, result):
            if event == "return" and frame.f_code is function.__code__:
                self.keep(path, name, frame.f_locals, result)

        before = sys.getprofile()
        sys.setprofile(lambda *event: (leaves(*event), before and before(*event)))
        try:
            return function(owner, *args)
        finally:
            sys.setprofile(before)


class Module:
    """A module of the archive, of which attributes that its code sets are kept apart."""

    def __init__(self, run, module, path=""):
        self.__dict__.update(run=run, module=module, path=path)

    def __getattr__(self, name):
        module = self.__dict__["module"]
        if name in module._c._method_names():
            return lambda *args: self.run.call(self, self.path, name, args)
        value = getattr(module, name)
        if isinstance(value, torch.jit.ScriptModule):
            return Module(self.run, value, f"{self.path}.{name}" if self.path else name)
        return value


def held_by(program, inputs):
    """What every variable of every module's methods held, and what the whole returns."""
    run = Run()
    result = Module(run, program).forward(*inputs)
    return run.held, result
