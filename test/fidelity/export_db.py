# SPDX-License-Identifier: MIT
"""Runs PyTorch's own examples of torch.export in AnyCapture, and compares bit for bit.

    python export_db.py ANYCAPTURE FOLDER [NAME...]

Each case of torch._export.db is exported and saved as FOLDER/NAME.pt2. Its outputs must be those of
the model and those of the exported program, both in Python. One line a case:

    agrees          all its outputs that are tensors
    differs         an output is missing, or is another
    refused         `anycapture run` failed: its message
    not exportable  by Python: its reason

Exit status 1 when a case differs or is refused.
"""

import collections
import copy
import os
import subprocess
import sys
import warnings

import torch
from safetensors.torch import load_file
from torch import Tensor
from torch._export.db.case import SupportLevel
from torch._export.db.examples import all_examples

from exported import input_options, inputs_of, leaves, same_bits

warnings.filterwarnings("ignore")

AGREES, DIFFERS, REFUSED, NOT_EXPORTABLE = "agrees", "differs", "refused", "not exportable"
SEED = 67280421310721  # that of a LibTorch that was given none: some examples draw random numbers


def first_line(text):
    return next(iter(str(text).strip().splitlines()), "")


def export(case):
    return torch.export.export(case.model, case.example_args, case.example_kwargs,
                               dynamic_shapes=case.dynamic_shapes, strict=False)


def outputs_of(model, case):
    """Of a call that may change its inputs, and a model that may change itself."""
    torch.manual_seed(SEED)
    args, kwargs = copy.deepcopy((case.example_args, case.example_kwargs))
    with torch.no_grad():
        return dict(leaves("output", copy.deepcopy(model)(*args, **kwargs)))


def differences(wanted, found):
    """Of tensors; `found` has the names of a file."""
    for name, value in wanted.items():
        if not isinstance(value, Tensor):
            continue
        got = found.get(f":{name}")
        if got is None:
            yield f":{name} is missing"
        elif (got.dtype, got.shape) != (value.dtype, value.shape):
            yield f":{name} is {got.dtype} {list(got.shape)}, not {value.dtype} {list(value.shape)}"
        elif not same_bits(value, got):
            yield f":{name} has other values: {got.flatten()[:3]}, not {value.flatten()[:3]}"


def run(program, name, case, folder):
    """Outcome and remark."""
    path = os.path.join(folder, f"{name}.pt2")
    try:
        exported = export(case)
        torch.export.save(exported, path)
    except Exception as error:  # whatever it is, it is the reason
        level = "" if case.support_level is SupportLevel.SUPPORTED else f"{case.support_level.name}: "
        return NOT_EXPORTABLE, level + first_line(error)

    inputs = inputs_of(case.model, case.example_args, case.example_kwargs)
    out = os.path.join(folder, f"{name}.safetensors")
    if os.path.exists(out):
        os.remove(out)
    done = subprocess.run(
        [program, "run", path, *input_options(inputs, os.path.join(folder, f"{name}.input.safetensors")),
         "-c", ":output", "-o", out], capture_output=True, text=True)
    eager, graph = outputs_of(case.model, case), outputs_of(exported.module(), case)
    assert list(eager) == list(graph), (list(eager), list(graph))
    tensors = [value for value in eager.values() if isinstance(value, Tensor)]
    if done.returncode != 0 and not (done.returncode == 4 and not tensors):
        return REFUSED, f"exit status {done.returncode}: {first_line(done.stderr)}"
    found = load_file(out) if os.path.exists(out) else {}
    of_eager, of_graph = list(differences(eager, found)), list(differences(graph, found))
    if of_eager or of_graph:
        return DIFFERS, "; ".join([*(f"from the model: {one}" for one in of_eager),
                                   *(f"from the program in Python: {one}" for one in of_graph)])
    others = ", ".join(f"{name} {value!r}" for name, value in eager.items()
                       if not isinstance(value, Tensor))
    remark = f"{len(tensors)} tensors"
    return AGREES, f"{remark}; not compared, for it is no tensor: {others}" if others else remark


def main():
    program, folder, *names = sys.argv[1:]
    os.makedirs(folder, exist_ok=True)
    cases = {name: case for name, case in all_examples().items() if not names or name in names}
    if not cases:
        sys.exit(f"no example is called {' or '.join(names)}")
    counts = collections.Counter()
    for name, case in sorted(cases.items()):
        outcome, remark = run(program, name, case, folder)
        counts[outcome] += 1
        print(f"{outcome:<15} {name}: {remark}", flush=True)
    print(f"{len(cases)} examples of torch {torch.__version__}: " + ", ".join(
        f"{counts[outcome]} {outcome}" for outcome in (AGREES, DIFFERS, REFUSED, NOT_EXPORTABLE)))
    return 1 if counts[DIFFERS] or counts[REFUSED] else 0


if __name__ == "__main__":
    sys.exit(main())
