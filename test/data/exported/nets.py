# SPDX-License-Identifier: MIT
"""The models of make_archives.py. Line numbers and lines of this file stand in the archives."""

import dataclasses
from collections import OrderedDict
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch._higher_order_ops.map import map as map_rows
from torch._higher_order_ops.scan import scan
from torch._higher_order_ops.while_loop import while_loop
from torch.nn.functional import linear, scaled_dot_product_attention


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
        self.same = nn.Identity()

    def forward(self, x):
        B, N, C = x.shape
        qkv = self.qkv(x).reshape(
            B, N, 3, self.heads, C // self.heads
        ).permute(2, 0, 3, 1, 4)
        q, k, v = qkv.unbind(0)
        q, k = q * self.scale, self.same(k)
        attn = (
            q
            @ k.transpose(-2, -1)
        )
        attn = attn.softmax(dim=-1)
        attn = self.drop(attn)
        x = (attn @ v).transpose(1, 2).reshape(
            B, N, C)
        unread = attn.sum()  # torch.export leaves it out
        x = self.proj(x)
        return x


class Block(nn.Module):
    def __init__(self, dim: int, heads: int, rescales: bool):
        super().__init__()
        self.norm = nn.LayerNorm(dim)  # called twice
        self.attn = Attention(dim, heads)
        self.mlp = nn.Sequential(nn.Linear(dim, dim * 2), nn.GELU(), nn.Linear(dim * 2, dim))
        self.rescales = rescales

    def forward(self, x):
        shortcut = x
        x = self.attn(self.norm(x))
        x = shortcut + x
        h = self.norm(x)
        if self.rescales:
            h = _rescale(h, 2.0)
        x += self.mlp(h)
        return x


class Vit(nn.Module):
    """Attention maps nested in blocks, tied weights, a buffer that counts, an argument by keyword,
    outputs in a dict, a tuple and as a number."""

    def __init__(self, dim: int = 8, heads: int = 2, depth: int = 2):
        super().__init__()
        self.embed = nn.Linear(dim, dim, bias=False)
        self.blocks = nn.ModuleList([Block(dim, heads, i == 1) for i in range(depth)])
        self.head = nn.Linear(dim, dim, bias=False)
        self.head.weight = self.embed.weight
        self.register_buffer("calls", torch.zeros((), dtype=torch.int64))

    def forward(self, x, *, bias):
        self.calls.add_(1)
        x = self.embed(x) + bias["a"]
        hidden = []
        for block in self.blocks:
            x = block(x)
            hidden.append(x.mean(1))
        logits = self.head(x[:, 0]) * self.calls
        return {"logits": logits, "hidden": tuple(hidden), "tokens": x.shape[1], "depth": 2}


class Fused(nn.Module):
    """One call of the fused op."""

    def __init__(self, causal: bool = False, scale: float = None, grouped: bool = False):
        super().__init__()
        self.options = dict(is_causal=causal, scale=scale, enable_gqa=grouped)

    def forward(self, q, k, v, mask=None):
        out = scaled_dot_product_attention(q, k, v, attn_mask=mask, **self.options)
        return out


class Sdpa(nn.Module):
    def __init__(self):
        super().__init__()
        self.plain = Fused()
        self.causal = Fused(causal=True)
        self.masked = Fused(scale=0.3)
        self.biased = Fused()
        self.grouped = Fused(grouped=True)

    def forward(self, q, k, v, mask, bias):
        x = self.plain(q, k, v) + self.causal(q, k, v)
        x = x + self.masked(q, k, v, mask) + self.biased(q, k, v, bias)
        return x + self.grouped(q, k[:, :2], v[:, :2])


class Branch(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x):
        scores = self.linear(x)
        attn = scores.softmax(-1)
        return attn[:, 1:] * 2


class Cond(nn.Module):
    """A branch on a value, with weights, and inside it one on a size; and a plain twin."""

    def __init__(self):
        super().__init__()
        self.branch = Branch()
        self.after = nn.Linear(3, 2)

    def forward(self, x):
        def small(x):
            return self.branch(x), x[:, :3].sum(0)

        def big(x):
            return torch.cond(x.amax() > 3, lambda x: (x[:, :3] * 2, x[0, :3] + 1),
                              lambda x: (x[:, 1:] - 1, x[1, :3] * 3), (x,))

        y, z = torch.cond(x.sum() < 1, small, big, (x,))
        out = self.after(y)
        return out, z

    def plain(self, x):
        if x.sum() < 1:
            y, z = self.branch(x), x[:, :3].sum(0)
        elif x.amax() > 3:
            y, z = x[:, :3] * 2, x[0, :3] + 1
        else:
            y, z = x[:, 1:] - 1, x[1, :3] * 3
        return self.after(y), z


class WhileLoop(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, n, x):
        def more(i, x):
            return i < n

        def body(i, x):
            y = self.linear(x)
            return i + 1, y.tanh()

        i, x = while_loop(more, body, (torch.zeros((), dtype=torch.int64), x))
        return i, x * 2

    def plain(self, n, x):
        i = torch.zeros((), dtype=torch.int64)
        while i < n:
            i, x = i + 1, self.linear(x).tanh()
        return i, x * 2


class Map(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x, y):
        def row(x, y):
            return self.linear(x) + y, x.sum()

        return map_rows(row, x, y)

    def plain(self, x, y):
        return torch.stack([self.linear(one) + y for one in x]), torch.stack([one.sum() for one in x])


class Scan(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, first, x):
        def step(state, x):
            state = (self.linear(state) + x).tanh()
            return state, state * 2

        return scan(step, first, x)

    def plain(self, first, x):
        state, rows = first, []
        for one in x:
            state = (self.linear(state) + one).tanh()
            rows.append(state * 2)
        return state, torch.stack(rows)


class Regions(nn.Module):
    """Without gradients, in another precision, and one in the other."""

    def __init__(self):
        super().__init__()
        self.a = nn.Linear(4, 4)
        self.b = nn.Linear(4, 4)

    def forward(self, x):
        with torch.no_grad():
            still = self.a(x)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            low = self.b(still)
            with torch.autocast("cpu", enabled=False):
                high = self.a(low.float())
            with torch.no_grad():
                low = self.b(low) * high
        last = self.a(low.float()) + still
        return low, last


class Mutation(nn.Module):
    """Writes to a buffer, to a part of another, and to what it is given."""

    def __init__(self):
        super().__init__()
        self.register_buffer("mean", torch.zeros(4))
        self.register_buffer("ring", torch.zeros(3, 4))
        self.register_buffer("at", torch.zeros((), dtype=torch.int64), persistent=False)

    def forward(self, x, state):
        self.mean.mul_(0.5).add_(x.mean(0))
        self.ring[0].copy_(x[0])
        self.at += 1
        state["h"].add_(self.ring.sum(0))
        return x - self.mean, self.ring * self.at


class Functionalized(nn.Module):
    """Operators of test/support/twice_op.cpp, one that writes to its argument."""

    def __init__(self):
        super().__init__()
        self.register_buffer("total", torch.ones(2, 4))

    def forward(self, x):
        y = torch.ops.anycapture_test.twice(x)
        part = y[:2]
        torch.ops.anycapture_test.accumulate(part, x[1:])
        torch.ops.anycapture_test.accumulate(self.total, x[:2])
        return y + 1, self.total * 2


DTYPES = {one: getattr(torch, one) for one in (
    "float64 float32 float16 bfloat16 int64 int32 int16 int8 uint64 uint32 uint16 uint8 bool complex64 "
    "complex128 float8_e4m3fn float8_e5m2 float8_e4m3fnuz float8_e5m2fnuz float8_e8m0fnu").split()}


class Weights(nn.Module):
    """Of all dtypes; as views of one another, transposed, with steps, empty, without dimensions; one
    that the state_dict has not, and constants."""

    def __init__(self):
        super().__init__()
        for name, dtype in DTYPES.items():
            values = torch.tensor([0.0, 1.0, 2.0, 0.5, 4.0, 1.0])
            self.register_buffer(f"as_{name}", values.to(dtype))
        whole = torch.randn(5, 6)
        self.whole = nn.Parameter(whole)
        self.same = self.whole
        self.register_buffer("across", whole.t())
        self.register_buffer("steps", whole[1:4, ::2])
        self.register_buffer("spread", torch.randn(4, 1).expand(4, 3))
        self.register_buffer("channels_last", torch.randn(1, 2, 3, 2).to(memory_format=torch.channels_last))
        self.register_buffer("empty", torch.zeros(0, 3))
        self.register_buffer("one", torch.tensor(2.5))
        self.register_buffer("unsaved", torch.randn(3), persistent=False)
        self.constant = torch.randn(3)

    def forward(self, x):
        dtypes = {name: getattr(self, f"as_{name}").to(torch.float32 if "float8" in name else dtype, copy=True)
                  for name, dtype in DTYPES.items()}
        views = {
            "product": x @ self.whole + self.same[0],
            "across": self.across @ self.across.t(),
            "steps": self.steps * 2,
            "spread": self.spread + self.unsaved,
            "channels_last": self.channels_last.relu(),
            "empty": self.empty.sum(),
            "one": self.one + self.constant + torch.tensor([1.0, -2.0, 3.5]),
        }
        return dtypes, views


class Pair(NamedTuple):
    left: Tensor
    right: Tensor


@dataclasses.dataclass
class State:
    hidden: Tensor
    cell: Tensor = None


class Types(nn.Module):
    """What it takes and what it gives, in all that torch.export knows; some that are no tensors."""

    def forward(self, pair, state, d, rows, n, ratio, flag, missing=None):
        x = pair.left * n + pair.right * ratio
        x = x + (1 if flag else 0) + d["a"] + d["b"][0]
        x = x if missing is None else x + missing
        return (
            Pair(x + 1, x + 2),
            State(state.hidden * 2, state.cell - 1),
            OrderedDict(z=x, y=[rows[0] + rows[1], x * 3]),
            {"none": None, "n": n, "ratio": ratio, "flag": flag},
        )


class Symbols(nn.Module):
    """Arithmetic with sizes and with a number, and a number that comes out of a tensor."""

    def forward(self, x, n):
        b = x.shape[0]
        taken = x[:n]
        halves = x.reshape(b * 2, -1)
        scaled = x * (b / 2) + torch.sym_min(n, 3) - torch.sym_max(n, b) + b ** 2
        count = (x > 0).sum().item()
        torch._check(count >= 0)
        torch._check(count <= 40)
        made = torch.ones(count, 2) * count
        either = torch.sym_ite(n > 2, b, n)
        return (taken, halves, scaled, made, torch.arange(b + 1), torch.full((n, b), 0.5),
                b // 2, b % 2, -n, b / 2, either, n * 3 + 1)


class Residual(nn.Module):
    """Outputs that an activation in place overwrites; operators that LibTorch 1.13 has, too."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(2, 4, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(4)
        self.act = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(4, 2, 1)
        self.norm = nn.LayerNorm(2)
        self.query = nn.Linear(2, 4)
        self.key = nn.Linear(2, 4)

    def forward(self, x):
        shortcut = x
        x = self.conv1(x)
        x = self.bn1(x)
        x = self.act(x)
        x = self.conv2(x)
        x += shortcut
        x = self.act(x)
        tokens = self.norm(x.flatten(2).transpose(1, 2))
        q, k = self.query(tokens), self.key(tokens)
        attn = torch.softmax(q @ k.transpose(1, 2) * 0.5, dim=-1)
        return attn @ tokens, x


class Vmapped(nn.Module):
    def forward(self, x, y):
        return torch.vmap(lambda a: a * y + a.flip(0))(x)


class Effects(nn.Module):
    """A call that must keep its place: it gets a token."""

    def forward(self, x):
        y = x + 1
        torch.ops.aten._print("")
        return y * 2


class Training(nn.Module):
    """With its loss, and in the archive its gradients."""

    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(3, 4)
        self.last = nn.Linear(4, 2)

    def forward(self, x, target):
        h = linear(self.hidden(x).tanh(), self.last.weight, self.last.bias)
        return nn.functional.mse_loss(h, target), h.detach()


class Gate(nn.Module):
    """Of what it returns, one is what it takes."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x, state):
        gated = self.linear(x).sigmoid() * state["h"]
        return x, {"gated": gated, "state": state["h"]}


class Signatures(nn.Module):
    """Exported with the signatures of its gates."""

    def __init__(self):
        super().__init__()
        self.gates = nn.ModuleList([Gate(), Gate()])

    def forward(self, x, h):
        for gate in self.gates:
            x, state = gate(x + 1, {"h": h})
            h = state["gated"] + state["state"]
        return x, h


class Swapped(nn.Module):
    """Returns in another order than it computes."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x):
        attn = self.linear(x).softmax(-1)
        x = x + attn * 2
        return x, attn


class Base(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x):
        h = self.linear(x)
        return h * 2


class Derived(Base):
    """Two functions called forward, of one module, with a variable of one name."""

    def forward(self, x):
        h = x + 10
        y = super().forward(h)
        return y


class Idioms(nn.Module):
    """Lines that do not tell, or only just, which of their values a variable gets."""

    def __init__(self):
        super().__init__()
        self.swapped = Swapped()
        self.derived = Derived()
        self.linear = nn.Linear(4, 4)

    def early(self, x):
        a = x + 1
        b = a.sum()
        return a if b.dim() == 0 else b

    def pair(self, x):
        a = x * 2
        b = x * 3
        return b, a

    def forward(self, x):
        y, attn = self.swapped(x)
        early = self.early(y)
        p, q = self.pair(early)
        first = self.pair(p)[0]
        h = q * 2; i = h + first  # noqa: E702
        top = i.max(-1)[0]
        values, indices = i.topk(2)
        half = i.chunk(2, -1)[1]
        d = dict(a=self.linear(i))
        u = self.pair(d["a"])
        j, *rest = i.unbind(0)
        direct = self.linear.forward(i)
        s = self.derived(direct)
        t = i.clone()
        t[:, 0] = 1
        k = t * 2
        k.mul_(2)
        a, b = j, k
        a, b = b, a
        total = top.sum() + values.sum() + indices.sum() + half.sum() + u[0].sum() + u[1].sum()
        return attn, s, total + rest[0].sum(), t, a, b


class Sizes(nn.Module):
    def forward(self, x, y):
        return x.reshape(-1, 8) * 2, y + 1


class Shared(nn.Module):
    """A module under several paths, and two that have one weight."""

    def __init__(self):
        super().__init__()
        self.a = nn.Linear(4, 4)
        self.b = self.a
        self.several = nn.Sequential(self.a, nn.ReLU(), self.a)
        self.embed = nn.Linear(4, 4, bias=False)
        self.head = nn.Linear(4, 4, bias=False)
        self.head.weight = self.embed.weight

    def forward(self, x):
        y = self.b(self.a(x))
        return self.head(self.embed(self.several(y)))


class Cached(nn.Module):
    """The fused op on keys that are written again in place, and on a query that is written later."""

    def __init__(self):
        super().__init__()
        self.register_buffer("keys", torch.zeros(1, 2, 3, 8))

    def forward(self, x):
        weights = []
        for i in range(3):
            q = x * (i + 1)
            self.keys[:, :, i:i + 1] = q
            self.keys.mul_(0.5)
            keys = self.keys[:, :, :i + 1]
            weights.append((q @ keys.transpose(-2, -1) * 8 ** -0.5).softmax(-1))
            x = scaled_dot_product_attention(q, keys, keys)
            q.zero_()
        return weights, x


class Gate(nn.Module):
    def forward(self, x):
        x, gate = x.chunk(2, dim=-1)
        return gate, x


class Halves(nn.Module):
    def forward(self, x):
        return x.chunk(2, dim=-1)


class Order(nn.Module):
    """What returns in another order than it computes; lines without nodes of their own between
    statements; what nobody reads; writes in place that a decomposed graph has not."""

    def __init__(self, recurrent=True):
        super().__init__()
        self.gate = Gate()
        self.halves = Halves()
        self.recurrent = recurrent
        self.rnn = nn.LSTM(4, 4, batch_first=True)
        self.unread = nn.Linear(4, 4)

    def swapped(self, x):
        a, b = x.chunk(2, dim=-1)
        return b, a

    def forward(self, x):
        parts = []
        gate, rest = self.gate(x)
        low, high = self.halves(x)
        right, left = self.swapped(x)
        last, first = x.chunk(2, dim=-1)[::-1]
        joined = torch.cat(
            [gate, rest],
            dim=-1,
        )
        parts.append(joined * 2)
        mixed=torch.cat(  # noqa: E225
            [low, high],
            dim=-1)
        after=mixed*2  # noqa: E225
        long = self.unread.forward(after).reshape(
            -1, 4
        ).relu()
        sums = (mixed + after).reshape(
            -1, 4
        )
        parts.append(sums * 3)
        unread = self.unread(sums)  # noqa: F841
        y = sums * 1
        y[:, 0] += 2
        y[:,1]=3  # noqa: E231
        z = sums - 1
        torch.relu_(z)
        results = parts, right * left, last - first, y, z, long
        if self.recurrent:
            out, state = self.rnn(x)
            return results, out * 2, state[1]
        return results
