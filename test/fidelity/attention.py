# SPDX-License-Identifier: MIT
"""Compares `anycapture run ARCHIVE -c '*:attention'` with the weights that Python computes.

    python attention.py ANYCAPTURE FOLDER [--quick]

Each model is run twice with the same weights: as it is saved, fused ops and fast paths among it,
and in Python as one that computes its weights with a softmax, of which every result is recorded
(timm with fused_attn off, transformers with attn_implementation="eager", torch.nn's
MultiheadAttention with need_weights=True). Without --quick those of a fused op or a fast path are
compared with TorchLens' reconstruction, too. As a control each map is compared with another layer's,
which must be found to differ. Prints a Markdown table, and the control below it. Exit status 1 when
a map is missed or differs by more than 1e-6, or does not differ from another layer's.
"""

import copy
import dataclasses
import json
import os
import sys

import torch
from safetensors import safe_open
from torch import nn
from torch.overrides import TorchFunctionMode

import fidelity
import models
from exported import input_options, inputs_of
from fidelity import AnyCapture, save

TOLERANCE = 1e-6


class Softmaxes(TorchFunctionMode):
    """What every softmax over the last axis gave, in order, and what it would have been where an op
    has none."""

    OPS = (torch.softmax, torch.Tensor.softmax, nn.functional.softmax)

    def __init__(self):
        super().__init__()
        self.results = []
        self.inside = False

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if function is nn.functional.scaled_dot_product_attention:
            self.results.append(self.of_fused(*args, **kwargs))
        if function not in self.OPS or self.inside:
            return function(*args, **kwargs)
        self.inside = True
        try:
            result = function(*args, **kwargs)
        finally:
            self.inside = False
        axis = kwargs.get("dim", args[1] if len(args) > 1 else None)
        if axis in (-1, result.dim() - 1):
            self.results.append(result.clone())
        return result


    @staticmethod
    def of_fused(query, key, value, attn_mask=None, dropout_p=0.0, is_causal=False, scale=None,
                 enable_gqa=False):
        assert attn_mask is None or attn_mask.is_floating_point() or attn_mask.dtype == torch.bool
        scores = query @ key.transpose(-2, -1) * (scale or query.size(-1) ** -0.5)
        if is_causal:
            attn_mask = torch.ones(scores.shape[-2:], dtype=torch.bool).tril()
        if attn_mask is not None and attn_mask.dtype == torch.bool:
            scores = scores.masked_fill(~attn_mask, float("-inf"))
        elif attn_mask is not None:
            scores = scores + attn_mask
        return torch._softmax(scores, -1, False)


@dataclasses.dataclass
class Maps:
    title: str
    case: models.Case  # as it is saved
    plain: callable  # the weights, in order, that a run without fused ops gives
    kinds: list
    source: str  # of the weights in the archive


def recorded(case):
    with Softmaxes() as softmaxes:
        case.module(*case.inputs)
    return softmaxes.results


def timm_pair(title, name, side, kinds, **options):
    fused = models.timm_model(name, side, fused=True, **options)
    plain = models.Case(copy.deepcopy(fused.module), fused.inputs)
    for module in plain.module.modules():
        if hasattr(module, "fused_attn"):
            module.fused_attn = False
    return Maps(title, fused, lambda: recorded(plain), kinds, "fused op")


def use_attention(model, kind):
    for module in model.modules():
        if hasattr(module, "config"):
            module.config._attn_implementation = kind


def transformers_pair(title, make):
    plain, fused = make(), make()
    use_attention(fused.module, "sdpa")
    fused.module.load_state_dict(plain.module.state_dict())
    fused.inputs = plain.inputs
    return Maps(title, fused, lambda: recorded(plain), [models.TRACED, models.EXPORTED], "fused op")


def own(title, make, kinds, source="softmax", attention=None):
    case = make()
    if attention:
        use_attention(case.module, attention)
    return Maps(title, case, lambda: recorded(case), kinds, source)


class Encoder(nn.Module):
    """torch.nn's layers, which in eval mode without grad are one op each."""

    def __init__(self, norm_first):
        super().__init__()
        layer = nn.TransformerEncoderLayer(48, 4, 96, batch_first=True, norm_first=norm_first)
        self.layers = nn.ModuleList([layer])

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return x


def encoder(title, norm_first):
    case = models.Case(models.randomised(Encoder(norm_first)), (torch.randn(2, 9, 48),))
    layer = case.module.layers[0]

    def plain():
        x = case.inputs[0]
        x = layer.norm1(x) if norm_first else x
        return [layer.self_attn(x, x, x, need_weights=True, average_attn_weights=False)[1]]

    return Maps(title, case, plain, [models.TRACED, models.EXPORTED], "fast path")


class SelfAttention(nn.Module):
    def __init__(self, need_weights):
        super().__init__()
        self.attn = nn.MultiheadAttention(48, 4, batch_first=True)
        self.need_weights = need_weights

    def forward(self, x):
        return self.attn(x, x, x, need_weights=self.need_weights)[0]


def multihead(title, need_weights, kinds, source):
    case = models.Case(models.randomised(SelfAttention(need_weights)), (torch.randn(2, 9, 48),))

    def plain():
        x = case.inputs[0]
        return [case.module.attn(x, x, x, need_weights=True, average_attn_weights=False)[1]]

    return Maps(title, case, plain, kinds, source)


S, T, X = models.SCRIPTED, models.TRACED, models.EXPORTED
QUICK = [
    lambda: timm_pair("timm ViT", "vit_tiny_patch16_224", 64, [S, T, X], img_size=64, depth=3),
    lambda: timm_pair("timm Swin, windows", "swin_tiny_patch4_window7_224", 112, [S, T, X], img_size=112,
                      depths=(2, 2), num_heads=(2, 4), embed_dim=32),
    lambda: transformers_pair("transformers BERT, padding", models.bert),
    lambda: transformers_pair("transformers GPT-2, causal", models.gpt2),
    lambda: encoder("torch.nn TransformerEncoderLayer", False),
    lambda: encoder("torch.nn TransformerEncoderLayer, norm first", True),
    lambda: multihead("torch.nn MultiheadAttention", False, [S, T, X], "fused op, fast path"),
    lambda: multihead("torch.nn MultiheadAttention, need_weights", True, [S, X], "softmax"),
]
FULL = QUICK + [
    lambda: timm_pair("timm DeiT, distilled", "deit_tiny_distilled_patch16_224", 64, [S, X], img_size=64,
                      depth=3),
    lambda: timm_pair("timm BEiT, relative bias", "beit_base_patch16_224", 64, [S, T, X], img_size=64,
                      depth=2),
    lambda: timm_pair("timm EVA-02, rotary", "eva02_tiny_patch14_224", 56, [S, X], img_size=56, depth=2),
    lambda: own("timm CaiT, talking heads", models.cait, [S, X]),
    lambda: own("timm MaxViT", models.maxvit, [S, X]),
    lambda: own("timm LeViT", models.levit, [S, X]),
    lambda: own("vit-pytorch ViT", models.lucid_vit, [T, X]),
    lambda: own("vit-pytorch CaiT", models.lucid_cait, [T, X]),
    lambda: transformers_pair("transformers Whisper encoder", models.whisper),
    lambda: transformers_pair("transformers CLIP", models.clip),
    lambda: own("transformers T5 encoder, relative bias", models.t5, [T, X]),
    # Of another run its later layers' maps would differ: their inputs do, by the fused op's last bits.
    lambda: own("all-MiniLM-L6-v2, its weights", models.minilm, [T, X], "fused op", "sdpa"),
]


def save_exported(case, path):
    """Without fast paths, which torch.export does not take."""
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        save(case, models.EXPORTED, path)
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)


def save_inputs(case, kind, path):
    """Gives the options of `anycapture run`."""
    if kind == models.EXPORTED:
        return input_options(inputs_of(case.module, case.inputs, case.keywords), path)
    fidelity.save_file({str(i): one.contiguous() for i, one in enumerate(case.inputs)}, path)
    return ["--input", path]


def captured(program, archive, options):
    """The maps in the order in which they fired."""
    program("run", archive, *options, "--threads", str(fidelity.THREADS), "-c", "*:attention",
            "-o", f"{archive}.safetensors")
    with safe_open(f"{archive}.safetensors", "pt") as file:
        about = json.loads(file.metadata()["anycapture"])
        calls = [(call["sequence"], key if n == 0 else f"{key}#{n}") for key in about["order"]
                 if key.endswith(":attention") for n, call in enumerate(about["calls"][key])]
        return [(key, file.get_tensor(key)) for _, key in sorted(calls)]


def differences(ours, theirs, whose):
    """The largest as it is shown, and what is wrong."""
    wrong, largest = [], 0.0
    if len(ours) != len(theirs) or not ours:
        wrong.append(f"{len(ours)} maps, {len(theirs)} in {whose}")
    for (key, our), their in zip(ours, theirs):
        alike = our.shape == their.shape
        apart = (our - their).abs().max().item() if alike else float("inf")
        largest = max(largest, apart)
        if not apart <= TOLERANCE:
            wrong.append(f"{key} differs from {whose}'s by {apart:.3g}")
    return "0" if largest == 0 else f"{largest:.1e}", wrong


class Control:
    """Comparisons that must fail: of a map with the next of its shape, which another layer has."""

    def __init__(self, whose):
        self.whose = whose
        self.compared = self.differing = 0
        self.least = float("inf")

    def wrong_layer(self, ours, theirs):
        """What was taken for the same."""
        alike = []
        for shape in dict.fromkeys(one.shape for one in theirs):
            same = [i for i, one in enumerate(theirs) if one.shape == shape]
            for i, other in zip(same, same[1:] + same[:1]):
                if i == other:  # the only one of its shape
                    continue
                self.compared += 1
                key, our = ours[i]
                if differences([(key, our)], [theirs[other]], self.whose)[1]:
                    self.differing += 1
                    self.least = min(self.least, (our - theirs[other]).abs().max().item())
                else:
                    alike.append(f"{key} passes for map {other} in {self.whose}, another layer's")
        return alike

    def __str__(self):
        return (f"{self.differing} of {self.compared} differ from what {self.whose} has there, "
                f"by at least {self.least:.1e}")


def compare(program, maps, kind, folder, controls, reconstructed=None):
    slug = "".join(c if c.isalnum() else "_" for c in maps.title.lower())
    archive = os.path.join(folder, f"attention_{slug}.{kind}")
    exported, case, source = kind == models.EXPORTED, maps.case, maps.source
    if exported:
        case, archive = models.as_exported(case, kind), f"{archive}.pt2"
        source = "softmax" if source == "softmax" else "fused op"
        save_exported(case, archive)
    else:
        save(case, kind, archive)
    ours = captured(program, archive, save_inputs(case, kind, f"{archive}.input.safetensors"))
    against = {"Python": maps.plain()}
    if reconstructed and maps.source != "softmax":
        against["TorchLens"] = reconstructed(maps.case)
    shown, wrong = {}, []
    for whose, theirs in against.items():
        shown[whose], found = differences(ours, theirs, whose)
        # Of maps that are not each other's a control would say nothing.
        wrong += found or controls.setdefault(whose, Control(whose)).wrong_layer(ours, theirs)
    print(f"| {maps.title} | {kind} | {source} | {len(ours)} | {shown['Python']} | "
          f"{shown.get('TorchLens', '')} |", flush=True)
    return [f"{maps.title}, {kind}: {line}" for line in wrong]


def main():
    program, folder, *words = sys.argv[1:]
    torch.set_num_threads(fidelity.THREADS)
    if "--quick" in words:
        reconstructed = None
    else:
        from reconstruction import reconstructed
    print("| attention of | archive | computed by | maps | largest difference | from TorchLens |")
    print("| --- | --- | --- | --- | --- | --- |")
    wrong, controls = [], {}
    with torch.no_grad():
        for make in QUICK if "--quick" in words else FULL:
            torch.manual_seed(0)
            maps = make()
            for kind in maps.kinds:
                wrong += compare(AnyCapture(program), maps, kind, folder, controls, reconstructed)
    print(f"\nControl, each map against another layer's: {'; '.join(map(str, controls.values()))}.")
    for line in wrong:
        print(f"attention: {line}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
