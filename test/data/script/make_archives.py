# SPDX-License-Identifier: MIT
"""Makes the archives beside it, and reference.safetensors with what Python computes in them.

    python make_archives.py      (torch 2.13.0, safetensors)

Weights and inputs are random, of a fixed seed. The archives hold this file's source text, under
paths that name no machine.
"""

import os
import sys
import zipfile
from typing import Dict, NamedTuple, Optional, Tuple

import torch
from torch import Tensor, nn

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../../../samples/python"))
from capture import Capturer  # noqa: E402


def _rescale(x, scale: float):
    y = x * scale
    z = y + 1
    return z


class Attention(nn.Module):
    def __init__(self, dim: int, heads: int):
        super().__init__()
        self.heads = heads
        self.scale = (dim // heads) ** -0.5
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)
        self.drop = nn.Dropout(0.1)

    def forward(self, x):
        B, N, C = x.shape
        qkv = self.qkv(x).reshape(B, N, 3, self.heads, C // self.heads).permute(2, 0, 3, 1, 4)
        q, k, v = qkv.unbind(0)
        attn = (q @ k.transpose(-2, -1)) * self.scale
        attn = attn.softmax(dim=-1)
        attn = self.drop(attn)
        x = (attn @ v).transpose(1, 2).reshape(
            B, N, C)
        unread = attn.sum()  # TorchScript leaves it out
        return self.proj(x)


class Block(nn.Module):
    def __init__(self, dim: int, heads: int, rescales: bool):
        super().__init__()
        self.norm = nn.LayerNorm(dim)
        self.attn = Attention(dim, heads)
        self.mlp = nn.Sequential(nn.Linear(dim, dim * 2), nn.GELU(), nn.Linear(dim * 2, dim))
        self.rescales = rescales

    def forward(self, x, mask: Optional[Tensor] = None):
        shortcut = x
        x = self.attn(self.norm(x))
        x = shortcut + x
        if mask is not None:
            masked = x * mask
            x = masked
        if self.rescales:
            h = _rescale(x, 2.0)
        else:
            h = x
        x += self.mlp(h)
        return x


class Vit(nn.Module):
    """Attention maps nested in blocks, branches, a loop, a free function, a value under two names."""

    def __init__(self, dim: int = 8, heads: int = 2, depth: int = 3):
        super().__init__()
        self.blocks = nn.ModuleList([Block(dim, heads, i == 1) for i in range(depth)])
        self.head = nn.Linear(dim, 4)

    def forward(self, x):
        for block in self.blocks:
            x = block(x)
        i = 0
        while i < 2:
            x = x * 1.5
            i += 1
        cls = x[:, 0]
        out = self.head(cls)
        return {"logits": out, "cls": cls}

    @torch.jit.export
    def encode(self, x, times: int = 1):
        y = x * times
        return y, x + 1


@torch.jit.interface
class Activation(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        pass


class Clamp(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        clamped = x.clamp(-1.0, 1.0)
        return clamped * 2


class Child(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x):
        h = self.linear(x)
        return h * 2


def doubled(self, inputs: Tuple[Tensor], result: Tensor):
    twice = result * 2
    return twice


class Flow(nn.Module):
    """A fork, a shared module, one of interface type, a hook, another method, a state, an early
    return, a write in place."""

    activation: Activation

    def __init__(self):
        super().__init__()
        self.a = Child()
        self.b = Child()
        self.shared = self.a
        self.activation = Clamp()
        self.state = torch.zeros(1, 4)

    def helper(self, x):
        less = x - 1
        return less

    def forward(self, x, early: bool = False, scale: Optional[Tensor] = None):
        future = torch.jit.fork(self.a, x)
        g = self.b(x)
        r = torch.jit.wait(future)
        s = r + g + self.state
        s = self.activation(s)
        s = self.helper(s)
        self.state = s.mean(0, keepdim=True)
        w = self.shared(s) if not early else s
        first = w * 2
        if early:
            return first, {"w": w}
        late = first + 1
        late.relu_()
        if scale is not None:
            late = late * scale
        return late, {"w": w}


class Pair(NamedTuple):
    hidden: Tensor
    gates: Tuple[Tensor, Tensor]


class Cell(nn.Module):
    """Values that hold several tensors."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(3, 6)

    def forward(self, x: Tensor, states: Dict[str, Tensor]) -> Pair:
        both = self.linear(x).chunk(2, -1)
        gates = (both[0].sigmoid(), both[1].tanh())
        pair = Pair(gates[0] * gates[1] + states["h"], gates)
        return pair


def plainly(function):
    return function


@plainly
def _mirrored(x):
    y = x * 3
    y = y.flip(-1).contiguous()
    return y


class Odd(nn.Module):
    """A function under a decorator, attributes under other names, two results under one name, a module
    that computes nothing."""

    def __init__(self):
        super().__init__()
        self.register_buffer("bias", torch.arange(4.0))
        self.register_buffer("step", torch.ones(4))
        self.same = nn.Identity()

    def forward(self, x, moving: bool = False):
        step = self.step
        if moving:
            shift = x.mean(0)
        else:
            shift = self.bias
        y = self.same(x) + shift * step
        spread = torch.var_mean(y, dim=1)
        y = _mirrored(y)
        return y - spread[1].unsqueeze(1)


class Squash(nn.Module):
    """Without weights."""

    def forward(self, x):
        squashed = x.tanh()
        return squashed * 2


class Mlp(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 4)
        self.act = Squash()

    def forward(self, x):
        return self.act(self.linear(x))


class Holder(nn.Module):
    """Shares its first child with another one, which has its weights second."""

    def __init__(self, shared: nn.Module):
        super().__init__()
        self.shared = shared
        self.own = nn.Linear(4, 4)

    def forward(self, x):
        unread = self.shared(x) * 2  # of this the archive keeps the call, and no variable
        y = self.shared(self.own(x))
        return y


class Sharing(nn.Module):
    """Modules that share a child, which the archive splits in two; a list of modules."""

    def __init__(self):
        super().__init__()
        mlp = Mlp()
        self.first = Holder(mlp)
        self.second = Holder(mlp)
        self.last = nn.ModuleList([Squash()])

    def forward(self, x):
        x = self.second(self.first(x))
        for squash in self.last:
            x = squash(x)
        return x


def scrub(path: str) -> None:
    """The same archive, deflated, with the paths of this machine replaced at their length."""
    places = {HERE: "source", os.path.dirname(os.path.dirname(torch.__file__)): "site-packages"}
    with zipfile.ZipFile(path) as archive:
        entries = [(one.filename, archive.read(one)) for one in archive.infolist()]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries:
            for place, generic in places.items():
                filler = "/" * (len(place) - len(generic) - 1)
                data = data.replace(place.encode(), ("/" + filler + generic).encode())
            archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)


def archive(name: str, program: torch.jit.ScriptModule) -> None:
    path = os.path.join(HERE, name)
    program.save(path)
    scrub(path)


def without_source(source: str, target: str) -> None:
    """Some exporters leave out what says where in the Python source a line comes from."""
    with zipfile.ZipFile(os.path.join(HERE, source)) as whole:
        entries = [(one.filename, whole.read(one)) for one in whole.infolist()]
    with zipfile.ZipFile(os.path.join(HERE, target), "w") as stripped:
        for name, data in entries:
            if not name.endswith(".debug_pkl"):
                stripped.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)


class Twice(nn.Module):
    """Asks for an operator that LibTorch has not: test/support/twice_op.cpp."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        doubled = torch.ops.anycapture_test.twice(x)
        return doubled + 1


class Nothing(nn.Module):
    """Takes no inputs."""

    def forward(self) -> torch.Tensor:
        return torch.arange(3) * 2


def custom_op() -> None:
    library = torch.library.Library("anycapture_test", "DEF")
    library.define("twice(Tensor x) -> Tensor")
    library.impl("twice", lambda x: x * 2, "CompositeExplicitAutograd")
    archive("custom_op.pt", torch.jit.script(Twice().eval()))


def main() -> None:
    custom_op()
    archive("nothing.pt", torch.jit.script(Nothing().eval()))
    torch.manual_seed(3)
    captures = {}

    def run(name: str, module: nn.Module, inputs: tuple, **keywords) -> None:
        with Capturer(module, "*:output", "*:input", "*:*") as capture, torch.no_grad():
            module(*inputs, **keywords)
        for key in capture.keys():
            captures[f"{name}/{key}"] = capture.calls(key)

    vit = Vit().eval()
    x = torch.randn(2, 5, 8)
    archive("vit_scripted.pt", torch.jit.script(vit))
    archive("vit_traced.pt", torch.jit.trace(vit, x, strict=False))
    archive("vit_frozen.pt", torch.jit.freeze(torch.jit.script(vit)))
    without_source("vit_scripted.pt", "vit_stripped.pt")
    run("vit", vit, (x,))

    flow = Flow().eval()
    y = torch.randn(3, 4)
    flow.b.register_forward_hook(doubled)
    archive("flow.pt", torch.jit.script(flow))
    flow.state = torch.zeros(1, 4)
    run("flow", flow, (y,))
    flow.state = torch.zeros(1, 4)
    run("flow_early", flow, (y, True))
    flow.state = torch.zeros(1, 4)
    run("flow_scaled", flow, (y,), scale=torch.full((4,), 3.0))

    cell = Cell().eval()
    z = torch.randn(2, 3)
    archive("cell.pt", torch.jit.script(cell))
    run("cell", cell, (z, {"h": torch.ones(2, 3)}))

    odd = Odd().eval()
    w = torch.randn(3, 4)
    archive("odd_scripted.pt", torch.jit.script(odd))
    archive("odd_traced.pt", torch.jit.trace(odd, w))
    run("odd", odd, (w,))
    run("odd_moving", odd, (w, True))

    sharing = Sharing().eval()
    u = torch.randn(2, 4)
    archive("sharing.pt", torch.jit.script(sharing))
    run("sharing", sharing, (u,))

    tensors = {"vit/x": x, "flow/x": y, "cell/x": z, "odd/x": w, "sharing/x": u}
    for key, calls in captures.items():
        for index, value in enumerate(calls):
            tensors[key if index == 0 else f"{key}#{index}"] = value
    from safetensors.torch import save_file

    save_file({key: value.contiguous().clone() for key, value in tensors.items()},
              os.path.join(HERE, "reference.safetensors"))


if __name__ == "__main__":
    main()
