# SPDX-License-Identifier: MIT
"""Captures intermediate tensors of a PyTorch model into the file that AnyCapture for C++ writes.
Copy it beside your model; it needs torch and safetensors.

    with Capturer(model, "Attention:attn", "*.mlp:output", "!blocks.0.*") as cap:
        model(x)
    cap["blocks.1.attn:attn"]            # path : what
    cap.save("reference.safetensors")    # for anycapture::compare() in C++

A selector is `[!]module[:what]`; a later one with `!` takes away. `module` is a type (`Attention`),
or a path or glob over paths (`*.attn`, `blocks.[0-5].mlp`, `blocks.{0,11}.*`): `*` crosses dots, a
leading `*.` may match nothing; `type:` and `path:` remove doubt, an empty one is the model itself.
`what` is `output` (also when left out), `input`, or a local variable of `forward`, also as a glob:
its value when `forward` returns. A local that is called `output` is `forward.output`.

Fields of tuples, dicts and dataclasses are `output.0`, `output.logits`; of several arguments,
`input.0`, `input.1` by place. What is captured is copied at once, on the thread of the session.
"""

from __future__ import annotations

import dataclasses
import difflib
import dis
import fnmatch
import inspect
import json
import re
import sys
import threading
import warnings
from collections.abc import Iterable, Iterator, Mapping
from types import CodeType, FrameType
from typing import Any, NamedTuple

import torch
from safetensors.torch import save_file
from torch import Tensor, nn


def _alternatives(glob: str) -> tuple[str, ...]:
    """The globs that its braces spell out, as fnmatch reads them."""
    if braces := re.search(r"\{([^{}]*)\}", glob):
        ways = (glob[:braces.start()] + way + glob[braces.end():] for way in braces[1].split(","))
        return tuple(one for way in ways for one in _alternatives(way))
    glob = glob.replace("[^", "[!")
    return (glob, glob[2:]) if glob.startswith("*.") else (glob,)


def _fits(glob: str, text: str) -> bool:
    return any(fnmatch.fnmatchcase(text, one) for one in _alternatives(glob))


def _nearest(word: str, names: Iterable[str]) -> str:
    close = difflib.get_close_matches(word, dict.fromkeys(names), n=3)
    return f"; nearest: {', '.join(close)}" if close else ""


def _tensors(name: str, value: Any) -> Iterator[tuple[str, Tensor]]:
    """The tensors inside a value by name: `output`, or `output.0`, `output.logits.1`."""
    fields: Iterable[tuple[Any, Any]] = ()
    if isinstance(value, Tensor):
        yield name, value
    elif isinstance(value, Mapping):
        fields = value.items()
    elif isinstance(value, (tuple, list)):
        fields = zip(getattr(value, "_fields", range(len(value))), value)
    elif dataclasses.is_dataclass(value):
        fields = ((f.name, getattr(value, f.name, None)) for f in dataclasses.fields(value))
    for field, inner in fields:
        yield from _tensors(f"{name}.{field}", inner)


def _inputs(code: CodeType | None, args: tuple, kwargs: dict[str, Any]) -> Any:
    """The arguments by place, as C++ passes them; a lone tensor is itself."""
    values: dict[Any, Any] = dict(enumerate(args))
    places = code.co_varnames[1:code.co_argcount + code.co_kwonlyargcount] if code else ()
    for name, value in kwargs.items():
        place = places.index(name) if name in places else name
        values[name if place in values else place] = value  # taken where *args came first
    holding = [value for value in values.values() if any(_tensors("", value))]
    return holding[0] if len(holding) == 1 and isinstance(holding[0], Tensor) else values


def _storable(value: Tensor) -> Tensor:
    """As safetensors holds it: complex numbers of 16 or 64 bits a part get a last axis of 2."""
    value = value.dequantize() if value.is_quantized else value
    value = value.to_dense() if value.layout != torch.strided else value
    parts = value.dtype in (torch.complex32, torch.complex128)
    return (torch.view_as_real(value) if parts else value).cpu().contiguous()


class _Module(NamedTuple):
    path: str
    type: str
    names: list[str]  # all its paths
    module: nn.Module
    code: CodeType | None  # of `forward` as it was written, below its decorators

    def locals(self) -> list[str]:
        names = self.code.co_varnames + self.code.co_cellvars if self.code else ()
        return list(dict.fromkeys(names))[1:]


class _Selector:
    def __init__(self, text: str) -> None:
        self.text = text
        rest = r"(?::(?!attention\b)([^:@#\[\]]+))?"
        parts = re.fullmatch(r"(?=.*[^!])(!?)(type:|path:|)([^:]*)" + rest, text)
        if not parts:
            raise ValueError(f'selector "{text}": write [!]module[:what]; what is output, input or '
                             "a local variable")
        self.negative, self.form, self.module, what = bool(parts[1]), *parts.group(2, 3, 4)
        what = what or ("{output,input,forward}" if self.negative else "output")
        # The full names of locals tell them from inputs and outputs.
        self.whats = [one if re.match(r"(output|input|forward)(\.|$)", one) else f"forward.{one}"
                      for one in _alternatives(what)]

    def reads(self, local: str) -> bool:
        name = f"forward.{local}"
        return any(_fits(what, name) or what.startswith(f"{name}.") for what in self.whats)

    def asks(self, what: str) -> bool:
        return any(_fits(one, what) or _fits(f"{one}.*", what) for one in self.whats)


class Capturer:
    """A session: inside `with`, what its selectors choose is kept. It stays readable afterwards."""

    def __init__(self, model: nn.Module, *selectors: str) -> None:
        paths: dict[nn.Module, list[str]] = {}
        for path, module in model.named_modules(remove_duplicate=False):
            paths.setdefault(module, []).append(path)
        self._modules = [
            _Module(names[0], type(module).__name__, names, module,
                    getattr(inspect.unwrap(getattr(module, "forward", print)), "__code__", None))
            for module, names in paths.items()]
        self._selectors = [_Selector(text.strip()) for text in selectors]
        if not self._selectors or self._selectors[0].negative:
            raise ValueError("the first selector must say what to capture")
        self._selectors_of: dict[str, list[_Selector]] = {m.path: [] for m in self._modules}
        for selector in self._selectors:
            for found in self._found(selector):
                self._selectors_of[found.path].append(selector)
        self._calls: dict[str, list[Tensor]] = {}
        self._about: dict[str, dict[str, Any]] = {"calls": {}, "sites": {}}
        self._sequence = 0
        self._fired: set[_Selector] = set()

    def _found(self, selector: _Selector) -> list[_Module]:
        """Its modules. Raises ValueError when there are none, or no local of that name in them."""
        word, paths = selector.module, [path for m in self._modules for path in m.names]
        found = [m for m in self._modules
                 if selector.form != "type:" and any(_fits(word, path) for path in m.names)]
        if selector.form != "path:" and "." not in word and not (found and set("*?[{") & set(word)):
            found = [m for m in self._modules if m in found or _fits(word, m.type)]
        if not found and not selector.negative:
            types, ends = [m.type for m in self._modules], [p.rpartition(".")[2] for p in paths]
            raise ValueError(f'selector "{selector.text}": no module has the type or path "{word}"'
                             + _nearest(word, [*types, *paths, *(f"*.{end}" for end in ends)])
                             + f"; the types are {', '.join(dict.fromkeys(types))}")
        there = [name for m in found for name in m.locals()]
        only_locals = all(what.startswith("forward.") for what in selector.whats)
        if only_locals and not selector.negative and not any(map(selector.reads, there)):
            raise ValueError(f'selector "{selector.text}": no forward that it matches has such a '
                             f"local variable{_nearest(selector.whats[0][8:], there)}")
        return found

    def _fire(self, m: _Module, name: str, value: Any) -> None:
        if threading.get_ident() != self._thread:
            return
        for what, tensor in _tensors(name, value):
            choosing: set[_Selector] = set()  # no selector when a later one takes away
            for selector in self._selectors_of[m.path]:
                if selector.asks(what):
                    choosing = set() if selector.negative else choosing | {selector}
            if not choosing:
                continue
            self._fired |= choosing
            what = re.sub(r"^forward\.(?!(output|input|attention|return)(\.|$))", "", what)
            key = re.sub("[%:#]", lambda c: f"%{ord(c[0]):X}", m.path) + ":" + what
            self._calls.setdefault(key, []).append(tensor.detach().clone())
            self._about["sites"][key] = {"path": m.path, "type": m.type, "what": what,
                                         "dtype": str(tensor.dtype).replace("torch.", "")}
            self._about["calls"].setdefault(key, []).append(
                {"sequence": self._sequence, "thread": 0, "path": m.path})
            self._sequence += 1

    def _profile(self, frame: FrameType, event: str, arg: Any) -> None:
        if callable(self._earlier):
            self._earlier(frame, event, arg)
        code = frame.f_code
        # An exception that leaves a function is the same event, at another instruction.
        if (event == "return" and id(code) in self._codes
                and dis.opname[code.co_code[frame.f_lasti]].startswith("RETURN_")):
            values = frame.f_locals
            for m, name in self._codes[id(code)].get(id(values.get(code.co_varnames[0])), ()):
                self._fire(m, f"forward.{name}", values.get(name))

    def __enter__(self) -> Capturer:
        self._thread = threading.get_ident()
        self._codes: dict[int, dict[int, list[tuple[_Module, str]]]] = {}
        self._handles: list[Any] = []
        for m in self._modules:
            asking = [one for one in self._selectors_of[m.path] if not one.negative]
            whats = {what.split(".")[0] for selector in asking for what in selector.whats}
            if "input" in whats:
                self._handles.append(m.module.register_forward_pre_hook(
                    lambda module, args, kwargs, m=m:
                        self._fire(m, "input", _inputs(m.code, args, kwargs)), with_kwargs=True))
            if "output" in whats:
                self._handles.append(m.module.register_forward_hook(
                    lambda module, args, output, m=m: self._fire(m, "output", output)))
            if read := [(m, name) for name in m.locals() if any(one.reads(name) for one in asking)]:
                self._codes.setdefault(id(m.code), {})[id(m.module)] = read
        self._earlier: Any = sys.getprofile()
        if self._codes:
            sys.setprofile(self._profile)
        return self

    def __exit__(self, error: type[BaseException] | None, *_: Any) -> None:
        if self._codes:  # cProfile's is no function: it is enabled again
            getattr(self._earlier, "enable", lambda: sys.setprofile(self._earlier))()
        for handle in self._handles:
            handle.remove()
        for selector in self._selectors:
            if error is None and not selector.negative and selector not in self._fired:
                warnings.warn(f'selector "{selector.text}": nothing that it chose fired; was '
                              "forward called, and as model(x)?", stacklevel=2)

    def keys(self, glob: str = "*") -> list[str]:
        """The keys or paths that match, by first capture."""
        return [key for key in self._calls if _fits(glob, key) or _fits(f"{glob}:*", key)]

    def calls(self, key: str) -> list[Tensor]:
        """The tensors of all calls, in order."""
        if key not in self._calls:
            raise KeyError(f"{key} was not captured{_nearest(key, self._calls)}")
        return self._calls[key]

    def __getitem__(self, key: str) -> Tensor:
        """The tensor of a key that fired once."""
        if len(calls := self.calls(key)) != 1:
            raise KeyError(f"{key} fired {len(calls)} times: read it with calls()")
        return calls[0]

    def save(self, path: Any, **about: Any) -> None:
        """Writes a capture file. `about`: what it says of itself, such as `model="vit_small"`."""
        if not self._calls:
            raise KeyError("nothing was captured, so nothing was saved")
        about = {"version": 1, "order": list(self._calls), **self._about,
                 "libtorch": str(torch.__version__), **about}
        save_file({f"{key}#{n}" if n else key: _storable(tensor)
                   for key, calls in self._calls.items() for n, tensor in enumerate(calls)},
                  path, {"anycapture": json.dumps(about)})
