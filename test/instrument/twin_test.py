#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Locals of an instrumented C++ model against those of its Python original: vit.h and vit.py.

    twin_test.py TWIN ANYCAPTURE

TWIN, built from twin.cpp, writes what the C++ model computes, ANYCAPTURE compares.
"""

import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

import torch
from safetensors.torch import load_file, save_file

PROJECT = pathlib.Path(__file__).resolve().parents[2]
DATA = PROJECT / "samples/data"
sys.path.append(str(PROJECT / "samples/python"))

import vit  # noqa: E402
from capture import Capturer  # noqa: E402

TWIN, ANYCAPTURE = sys.argv[1:3]
BOTH = ["*:*", "*:input", "*:output"]
# What has no name on the other side, or stands for another value there. Built-in modules of C++ are
# heard where they are children of a Sequential alone.
PYTHON = [*BOTH, "!Linear", "!LayerNorm", "!Conv2d", "!Attention:qkv", "!Sequential:forward.input"]
PORT = [*BOTH, "!*:{return,x}", "!Attention:{parts,attend.attn,attend.return}", "Attention:x",
        "Mlp:x", ":x[0]"]
# The port's name of each: it splits a `forward` in two, and where Python's `x` has a new value, its own
# is left or has one more.
RENAMED = {"attend.q": "q", "attend.k": "k", "attend.v": "v", "y": "x", "x[0]": "x"}
LOCALS = {"": ["image", "cls", "x"], "patch_embed": ["image"], "blocks": []}
for block in (f"blocks.{n}" for n in range(4)):
    LOCALS |= {block: ["x"], f"{block}.attn": ["x", "q", "k", "v", "attn", "mixed"], f"{block}.mlp": ["x"]}


def outcomes(port, original):
    renamed = [word for old, new in RENAMED.items() for word in ("--map", f"(*):{old}=$1:{new}")]
    done = subprocess.run([ANYCAPTURE, "diff", port, original, *renamed, "--rtol", "1e-4", "--atol",
                           "1e-5", "--json"], capture_output=True, text=True)
    return done.returncode, json.loads(done.stdout or "null"), done.stderr


class Twins(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.input, self.port, self.original = (
            f"{folder.name}/{name}.safetensors" for name in ("input", "port", "original"))
        image = load_file(DATA / "vit_reference.safetensors")[":input"]
        save_file({":input": image}, self.input)
        subprocess.run([TWIN, self.input, self.port, *PORT], check=True)
        self.model, self.image = vit.load(DATA / "digits_vit.safetensors"), image

    def compare(self):
        with torch.no_grad(), Capturer(self.model, *PYTHON) as cap:
            self.model(self.image)
        cap.save(self.original)
        return outcomes(self.port, self.original)

    def test_every_local_is_that_of_python(self):
        status, found, said = self.compare()
        keys = {f"{path}:{what}" for path, names in LOCALS.items()
                for what in ["input", "output", *names]}
        self.assertEqual({one["name"] for one in found}, keys)
        self.assertEqual([one for one in found if not one["agrees"]], [], said)
        self.assertEqual(status, 0)

    def test_a_mistake_shows_in_the_locals_that_it_made_wrong(self):
        with torch.no_grad():
            for rows in (self.model.blocks[2].attn.qkv.weight, self.model.blocks[2].attn.qkv.bias):
                q, k, v = rows.chunk(3)
                rows.copy_(torch.cat([k, q, v]))
        status, found, _ = self.compare()
        self.assertEqual(status, 1)
        wrong = [one["name"] for one in found if not one["agrees"]]
        self.assertFalse([key for key in wrong if key.startswith(("patch_embed:", "blocks.0", "blocks.1"))])
        here = {key.split(":")[1] for key in wrong if key.startswith("blocks.2.attn:")}
        self.assertEqual(here, {"q", "k", "attn", "mixed", "output"})  # neither v nor x


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
