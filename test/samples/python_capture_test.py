#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""samples/python/capture.py, against PyTorch's own hooks and against what the C++ side writes."""

import cProfile
import collections
import contextlib
import dataclasses
import io
import json
import pathlib
import sys
import tempfile
import threading
import unittest
import warnings
from unittest import mock

import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import nn

PROJECT = pathlib.Path(__file__).resolve().parents[2]
DATA = PROJECT / "samples/data"
sys.path[:0] = [str(PROJECT / "samples/python"), str(PROJECT / "test/data/hooks")]

import make_reference  # noqa: E402
import vit  # noqa: E402
from capture import Capturer  # noqa: E402


class Attention(nn.Module):
    def __init__(self, size=4):
        super().__init__()
        self.qkv = nn.Linear(size, 3 * size)

    def forward(self, x, mask=None):
        q, k, v = parts = self.qkv(x).chunk(3, dim=-1)
        attn = q @ k.transpose(-2, -1)
        if mask is not None:
            attn = attn + mask
        attn = attn.softmax(-1)
        output = attn @ v
        return output


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.attn = Attention()
        self.mlp = nn.Sequential(nn.Linear(4, 4), nn.ReLU(inplace=True))

    def forward(self, x):
        attn = self.attn(x)
        return x + self.mlp(attn)


class Net(nn.Module):
    def __init__(self, depth=2):
        super().__init__()
        self.attn = Attention()
        self.blocks = nn.Sequential(*(Block() for _ in range(depth)))

    def forward(self, x):
        return self.blocks(self.attn(x))


class Holder(nn.Module):
    """Whatever function it is given is its forward's body."""

    def __init__(self, body, inner=None):
        super().__init__()
        self.body = body
        self.inner = inner

    def forward(self, *args, **kwargs):
        result = self.body(*args, **kwargs)
        return result


class Masked(nn.Module):
    def forward(self, x, scale, mask=None, *, bias=None):
        return x * scale


class Summed(nn.Module):
    def forward(self, *parts, weight=None):
        return sum(parts) * weight


X = torch.arange(8.0).reshape(1, 2, 4)


def keys_of(model, *selectors, run=lambda model: model(X)):
    with Capturer(model, *selectors) as cap:
        run(model)
    return cap.keys()


class Saving(unittest.TestCase):
    def save(self, cap, **about):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "capture.safetensors"
            cap.save(path, **about)
            with safe_open(path, "pt") as file:
                return load_file(path), json.loads(file.metadata()["anycapture"])


class Hooks(Saving):
    def test_sees_what_hooks_see(self):
        """The keys and tensors that test/eager/python_hooks_test.cpp holds the C++ side to."""
        reference = load_file(PROJECT / "test/data/hooks/hooks_reference.safetensors")
        net = make_reference.Net()
        net.load_state_dict({name: reference[name] for name in net.state_dict()})
        net.eval()
        with Capturer(net, "*:input", "*:output", "!mha.*") as cap:
            net(reference["x"])
        tensors, _ = self.save(cap)
        seen = {key[5:]: value for key, value in reference.items() if key.startswith("seen/")}
        self.assertEqual(set(tensors), set(seen))
        self.assertEqual(len(seen), 23)
        for key, value in seen.items():
            torch.testing.assert_close(tensors[key], value, rtol=1e-5, atol=1e-6)

    def test_in_place_changes_come_too_late(self):
        model = nn.Sequential(nn.Linear(4, 4), nn.ReLU(inplace=True))
        with Capturer(model, "*:output", "*:input") as cap:
            model(X)
        self.assertTrue(cap["0:output"].equal(model[0](X)))
        self.assertTrue(cap["1:input"].equal(model[0](X)))
        self.assertFalse(cap["0:output"].requires_grad)

    def test_hooks_go_with_the_session(self):
        model = Net()
        with warnings.catch_warnings(), self.assertRaisesRegex(RuntimeError, "shapes"):
            warnings.simplefilter("error")  # the exception says why some selectors were silent
            with Capturer(model, "*:output", "*:input", "*:*") as cap:
                model(torch.ones(2, 3))
        self.assertEqual(cap.keys(), [":input", "attn:input", "attn.qkv:input"])
        for module in model.modules():
            self.assertFalse(module._forward_hooks or module._forward_pre_hooks)
        self.assertIsNone(sys.getprofile())

    def test_hears_its_own_thread(self):
        model = Net()

        def run(model):
            thread = threading.Thread(target=model, args=(X,))
            thread.start()
            thread.join()
            model.attn(X)

        self.assertEqual(keys_of(model, "*:output", "Attention:attn", run=run),
                         ["attn.qkv:output", "attn:attn", "attn:output"])

    def inputs(self, model, *args, **kwargs):
        return keys_of(model, ":input", run=lambda model: model(*args, **kwargs))

    def test_inputs_by_place(self):
        model = Masked()
        self.assertEqual(self.inputs(model, X, 2), [":input"])
        self.assertEqual(self.inputs(model, X, scale=2, mask=None), [":input"])
        self.assertEqual(self.inputs(model, X, X), [":input.0", ":input.1"])
        self.assertEqual(self.inputs(model, X, 2, X), [":input.0", ":input.2"])
        self.assertEqual(self.inputs(model, X, mask=X, scale=2), [":input.0", ":input.2"])
        self.assertEqual(self.inputs(model, scale=2, bias=X, x=X), [":input.3", ":input.0"])
        model = Holder(lambda *args, **kwargs: None)
        self.assertEqual(self.inputs(model, [X, X]), [":input.0.0", ":input.0.1"])
        self.assertEqual(self.inputs(model, {"ids": X}), [":input.0.ids"])
        self.assertEqual(self.inputs(model, 1, X), [":input"])
        self.assertEqual(self.inputs(model, X, bias=X), [":input.0", ":input.bias"])
        self.assertEqual(self.inputs(Summed(), X, weight=X), [":input.0", ":input.weight"])

    def test_outputs_by_field(self):
        @dataclasses.dataclass
        class Output:
            logits: torch.Tensor
            states: list
            loss: torch.Tensor = None

        pair = collections.namedtuple("Pair", "mean count")
        for result, keys in [
            ((X, (X, X)), ["output.0", "output.1.0", "output.1.1"]),
            ({"b": X, "a": [X, None]}, ["output.b", "output.a.0"]),
            (Output(X, [X]), ["output.logits", "output.states.0"]),
            (pair(X, 3), ["output.mean"]),
            (X.max(-1), ["output.0", "output.1"]),
        ]:
            found = keys_of(Holder(lambda x: x), ":output", run=lambda m, result=result: m(result))
            self.assertEqual(found, [f":{key}" for key in keys])


class Locals(Saving):
    def test_final_values(self):
        model = Net()
        with Capturer(model, "Attention:attn", "Attention:{parts,forward.output}") as cap:
            model(X)
        self.assertEqual(cap.keys("attn"), [f"attn:{what}" for what in (
            "parts.0", "parts.1", "parts.2", "attn", "forward.output")])
        self.assertTrue(torch.allclose(cap["attn:attn"].sum(-1), torch.ones(1, 2)))
        self.assertTrue(cap["attn:forward.output"].equal(model.attn(X)))
        self.assertEqual(cap.keys("*.attn:attn"),
                         ["attn:attn", "blocks.0.attn:attn", "blocks.1.attn:attn"])

    def test_all_locals_and_fields(self):
        model = Net()
        found = keys_of(model, "attn:*", run=lambda model: model.attn(X, X @ X.transpose(1, 2)))
        self.assertEqual(found, [f"attn:{what}" for what in (
            "x", "mask", "q", "k", "v", "parts.0", "parts.1", "parts.2", "attn", "forward.output")])
        self.assertEqual(keys_of(model, "attn:parts.1"), ["attn:parts.1"])
        self.assertEqual(keys_of(model, "attn:forward.attn"), ["attn:attn"])

    def test_only_of_a_normal_return(self):
        class Failing(nn.Module):
            def forward(self, x, fail):
                kept = x + 1
                if fail:
                    raise RuntimeError("asked for")
                with torch.no_grad():
                    if x.sum() > 0:
                        return None
                return kept

        model = Failing()
        with Capturer(model, ":kept") as cap:
            with self.assertRaises(RuntimeError):
                model(X, True)
            self.assertEqual(cap.keys(), [])
            model(X, False)
            model(-X, False)
        self.assertEqual([call[0, 0, 1].item() for call in cap.calls(":kept")], [2, 0])

    def test_decorated_closed_over_and_called_within(self):
        class Outer(nn.Module):
            def __init__(self, inner):
                super().__init__()
                self.inner = inner

            @torch.no_grad()
            def forward(self, x):
                kept = x + 1
                twice = [self.inner(y) if self.inner else y for y in (kept, x)]
                return sum(map(lambda y: y + kept + x, twice))

        model = Outer(Outer(None))
        with Capturer(model, "Outer:{kept,x}") as cap:
            model(X)
        self.assertEqual([(key, len(cap.calls(key))) for key in cap.keys()],
                         [("inner:x", 2), ("inner:kept", 2), (":x", 1), (":kept", 1)])

    def test_base_class_is_another_function(self):
        class Derived(Attention):
            def forward(self, x):
                attn = super().forward(x)
                return attn * 2

        model = Derived()
        with Capturer(model, ":attn") as cap:
            result = model(X)
        self.assertTrue(cap[":attn"].mul(2).equal(result))

    def test_earlier_profilers_come_back(self):
        seen = []

        def earlier(frame, event, arg):
            if event == "call" and frame.f_code.co_name == "forward":
                seen.append(frame)

        model = Net()
        sys.setprofile(earlier)
        try:
            model(X)
            alone = len(seen)
            with Capturer(model, "Attention:attn") as outer:
                with Capturer(model, "attn:attn") as inner:
                    model(X)
                model(X)
            self.assertIs(sys.getprofile(), earlier)
        finally:
            sys.setprofile(None)
        self.assertEqual(len(seen), 3 * alone)
        self.assertEqual(len(inner.calls("attn:attn")), 1)
        self.assertEqual(len(outer.calls("attn:attn")), 2)

    def test_cprofile_comes_back(self):
        model, profiler = Net(), cProfile.Profile()
        profiler.enable()
        try:
            before = sys.getprofile()
            with Capturer(model, "Attention:attn") as cap:
                model(X)
            self.assertIs(sys.getprofile(), before)
        finally:
            profiler.disable()
        self.assertIsNone(sys.getprofile())
        self.assertIn("attn:attn", cap.keys())


class Selecting(unittest.TestCase):
    PATHS = ["", "attn", "attn.qkv", "blocks"] + [
        f"blocks.{n}{rest}" for n in range(3) for rest in (
            "", ".attn", ".attn.qkv", ".mlp", ".mlp.0", ".mlp.1")]

    def paths(self, *selectors):
        cap = Capturer(Net(3), *selectors)
        return [m.path for m in cap._modules
                if any(not one.negative for one in cap._selectors_of[m.path])]

    def test_modules(self):
        attn = ["attn", "blocks.0.attn", "blocks.1.attn", "blocks.2.attn"]
        for selector, paths in [
            ("*", self.PATHS), (":output", [""]), ("Net", [""]), ("Attention", attn),
            ("*.attn", attn), ("type:Att*", attn), ("Atten*", attn), ("path:attn", ["attn"]),
            ("blocks.0", ["blocks.0"]), ("blocks.[01].attn", attn[1:3]),
            ("blocks.[!0].attn", attn[2:]), ("blocks.[^0].attn", attn[2:]),
            ("blocks.{0,2}.attn", [attn[1], attn[3]]),
            ("blocks.{0,{1,2}}.attn", attn[1:]), ("blocks.?.attn", attn[1:]),
            ("blocks.*.0", [f"blocks.{n}.mlp.0" for n in range(3)]),
            ("*attn", attn), ("*[nr]", attn), ("  attn ", ["attn"]),
        ]:
            self.assertEqual(self.paths(selector), paths, selector)

    def test_later_ones_take_away(self):
        model = Net()
        self.assertEqual(keys_of(model, "Attention:attn", "!blocks.*"), ["attn:attn"])
        self.assertEqual(keys_of(model, "Attention:{attn,output}", "!*:attn", "!blocks.*:output"),
                         ["attn:output"])
        self.assertEqual(keys_of(model, "Attention", "!blocks.*", "blocks.1.attn"),
                         ["attn:output", "blocks.1.attn:output"])
        self.assertEqual(keys_of(model, "attn.qkv", "!nowhere"), ["attn.qkv:output"])

    def test_a_second_path_of_a_module(self):
        model = Net(1)
        model.again = model.attn
        self.assertEqual(keys_of(model, "again:attn"), ["attn:attn"])

    def test_mistakes_are_told(self):
        for selectors, text in [
            (["Atention:attn"], 'path "Atention"; nearest: Attention; the types are Net,'),
            (["*.Attention"], 'the type or path "*.Attention"'), (["*.atn"], "nearest: *.attn"),
            (["blocks.0.atn"], "nearest: blocks.0.attn"),
            (["Attention:atn"], "has such a local variable; nearest: attn"),
            (["Attention:encode.x"], "has such a local variable"),
            (["*", "nowhere"], '"nowhere"'),
            (["Attention:attention"], "what is output, input or a local variable"),
            (["Attention:attn[0]"], "what is output, input or a local variable"),
            (["*:@softmax"], "what is output, input or a local variable"),
            ([""], "write [!]module[:what]"), (["!"], "write [!]module[:what]"),
            (["Attention:"], "write [!]module[:what]"), (["a::b"], "write [!]module[:what]"),
            ([], "the first selector must say"), (["!blocks.*"], "the first selector must say"),
        ]:
            with self.subTest(selectors=selectors), self.assertRaises(ValueError) as caught:
                Capturer(Net(), *selectors)
            self.assertIn(text, str(caught.exception))

    def test_silence_is_told(self):
        model = Net()
        with self.assertWarnsRegex(UserWarning, '"blocks.1:input": nothing that it chose fired'):
            with Capturer(model, "attn", "attn:output", "blocks.1:input"):
                model.attn(X)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with Capturer(model, "attn", "attn:output", "!blocks.1:input"):
                model(X)


class Files(Saving):
    def test_calls_order_and_sites(self):
        model = nn.ModuleDict({"odd:name": nn.Linear(4, 4)})
        with Capturer(model, "Linear:output", "Linear:input") as cap:
            model["odd:name"](X)
            model["odd:name"](X + 1)
        with self.assertRaisesRegex(KeyError, "fired 2 times"):
            cap["odd%3Aname:output"]
        with self.assertRaisesRegex(KeyError, "nearest: odd%3Aname:output"):
            cap["odd%3Aname:outptu"]
        tensors, about = self.save(cap, model="linear", grid=[1, 2], prefix=0)
        keys = ["odd%3Aname:input", "odd%3Aname:output"]
        self.assertEqual(sorted(tensors), [keys[0], f"{keys[0]}#1", keys[1], f"{keys[1]}#1"])
        self.assertTrue(tensors[f"{keys[0]}#1"].equal(X + 1))
        call = {"thread": 0, "path": "odd:name"}
        site = {"path": "odd:name", "type": "Linear", "dtype": "float32"}
        self.assertEqual(about, {
            "version": 1, "order": keys, "model": "linear", "grid": [1, 2], "prefix": 0,
            "libtorch": torch.__version__,
            "calls": {key: [{"sequence": n, **call}, {"sequence": n + 2, **call}]
                      for n, key in enumerate(keys)},
            "sites": {keys[0]: {"what": "input", **site}, keys[1]: {"what": "output", **site}}})

    def test_what_safetensors_cannot_hold(self):
        wide = torch.view_as_complex(torch.arange(6.0, dtype=torch.float64).reshape(3, 2))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # experimental, deprecated
            values = {"half": wide.to(torch.complex32),
                      "quantised": torch.quantize_per_tensor(X, 0.5, 0, torch.quint8)}
        values.update(wide=wide, single=wide.to(torch.complex64), conjugate=wide.conj(),
                      negative=wide.conj().imag, turned=X.transpose(1, 2), bool=X > 1,
                      expanded=torch.ones(1).expand(3), sparse=torch.eye(3).to_sparse(),
                      brain=X.bfloat16(), empty=torch.empty(0, 3))
        model = Holder(lambda: values)
        with Capturer(model, ":output") as cap:
            model()
        tensors, about = self.save(cap)
        self.assertEqual(len(tensors), len(values))
        for name, value in values.items():
            saved = tensors[f":output.{name}"]
            if name in ("wide", "half", "conjugate"):
                saved = torch.view_as_complex(saved)
            value = value.dequantize() if name == "quantised" else value.to_dense()
            torch.testing.assert_close(saved, value, rtol=0, atol=0)
        self.assertEqual(about["sites"][":output.wide"]["dtype"], "complex128")
        self.assertEqual(about["sites"][":output.quantised"]["dtype"], "quint8")

    def test_nothing_captured_is_nothing_saved(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "capture.safetensors"
            with self.assertRaisesRegex(KeyError, "nothing was captured"):
                Capturer(Net(), "*").save(path)
            self.assertFalse(path.exists())


class WalkThrough(unittest.TestCase):
    """What samples/find_mistake.cpp reads is what vit.py writes."""

    def test_vit_reference(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "vit_reference.safetensors"
            said = io.StringIO()
            with mock.patch("sys.argv", ["vit.py", path]), contextlib.redirect_stdout(said):
                vit.main()
            self.assertIn("a 7, seen as a 7", said.getvalue())
            with safe_open(path, "pt") as file, safe_open(DATA / path.name, "pt") as committed:
                about, known = (json.loads(one.metadata()["anycapture"])
                                for one in (file, committed))
                self.assertEqual({**about, "libtorch": ""}, {**known, "libtorch": ""})
                self.assertEqual(file.keys(), committed.keys())
                for key in file.keys():
                    torch.testing.assert_close(file.get_tensor(key), committed.get_tensor(key),
                                               rtol=1e-4, atol=1e-5)


if __name__ == "__main__":
    unittest.main()
