# SPDX-License-Identifier: MIT
"""Runs `anycapture run` on archives of real models and compares with what Python sees.

    python fidelity.py ANYCAPTURE FOLDER [--quick] [NAME...]

Prints a Markdown table. Exit status 1 when a site is missed, or differs by more than 1e-6 of its
largest value. FOLDER/MODEL.KIND.txt lists those, and the sites that Python has and the archive has
not, by `anycapture modules --sites`.
"""

import json
import os
import re
import subprocess
import sys
import time
import warnings

import torch
from safetensors.torch import load_file, save_file

warnings.filterwarnings("ignore")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
for operator in ("nms", "qnms"):  # torchvision's own library may want another build of torch
    torch.library.define(f"torchvision::{operator}", "(Tensor a, Tensor b, float c) -> Tensor")

import matching  # noqa: E402
import models  # noqa: E402
from exported import export, input_options, inputs_of, modules_of  # noqa: E402
from python_of_archive import held_by  # noqa: E402
from reference import Reference, by_calls, by_decorator  # noqa: E402

THREADS = 2
TOLERANCE = 1e-6


class Sites(dict):
    def __init__(self):
        super().__init__()
        self.aliases = {}


class AnyCapture:
    def __init__(self, program):
        self.program = program

    def __call__(self, *arguments):
        done = subprocess.run([self.program, *arguments], capture_output=True, text=True)
        if done.returncode > 1:
            raise RuntimeError(f"{' '.join(arguments)}: exit status {done.returncode}: {done.stderr}")
        return done

    def sites(self, archive):
        """`{path: {what}}`, under every path of a module; with the other paths in `aliases`."""
        sites = Sites()
        for module in json.loads(self("modules", archive, "--sites", "--json").stdout):
            for path in [module["path"], *module["aliases"]]:
                sites[path] = {one["key"].rsplit(":", 1)[1] for one in module.get("sites", ())}
            sites.aliases[module["path"]] = module["aliases"]
        return sites

    def run(self, archive, inputs):
        """`inputs` by their names."""
        self("run", archive, *input_options(inputs, f"{archive}.input.safetensors"), "--threads",
             str(THREADS), "-c", "*:*", "-c", "*:*[*]", "-c", "*:output", "-c", "*:input", "-o",
             f"{archive}.safetensors")
        return load_file(f"{archive}.safetensors")

    def diff(self, ours, theirs):
        done = self("diff", ours, theirs, "--rtol", "0", "--atol", "0", "--json")
        outcomes = [one for one in json.loads(done.stdout) if one["outcome"] != "only in A"]
        apart = any(not one["agrees"] for one in outcomes)
        assert done.returncode == 1 or not apart
        return outcomes


class Result:
    def __init__(self, title, kind, absent):
        self.title, self.kind, self.absent = title, kind, absent
        self.compared = 0
        self.largest = 0.0
        self.differing, self.missed, self.unmatched = [], [], []

    def add(self, outcome, theirs):
        if outcome["outcome"] == "only in B":
            self.missed.append(outcome["name"])
            return
        self.compared += 1
        if outcome["agrees"]:
            return
        apart = outcome.get("max_abs", float("inf"))
        self.largest = max(self.largest, apart)
        scale = max(1.0, theirs.abs().max().item()) if theirs.is_floating_point() else 0.0
        if not apart <= TOLERANCE * scale:
            self.differing.append(f"{outcome['name']} by {apart:.3g} {outcome['outcome']}")

    def row(self):
        largest = "0" if self.largest == 0 else f"{self.largest:.1e}"
        return (f"| {self.title} | {self.kind} | {self.compared} | {largest} | {len(self.missed)} | "
                f"{len(self.absent)} |")

    def write(self, path):
        with open(path, "w") as file:
            for about, lines in (("differs", self.differing), ("missed", self.missed),
                                 ("not in the archive", self.absent),
                                 ("compared with nothing", self.unmatched)):
                file.writelines(f"{about}: {line}\n" for line in lines)


def compare(anycapture, title, kind, archive, case, reference):
    sites, inputs = anycapture.sites(archive), case.inputs
    if kind in models.OF_EXPORT:  # a module with nodes has an output, whatever the sites say
        for path in modules_of(archive):
            sites.setdefault(path, set()).add("output")
        ours = anycapture.run(archive, inputs_of(case.module, inputs, case.keywords))
    else:
        ours = anycapture.run(archive, {str(i): one for i, one in enumerate(inputs)})
    if kind == models.SHIPPED:
        reference = by_calls(torch.jit.load(archive), inputs, ours)
        reference.held, result = held_by(torch.jit.load(archive), inputs)
        assert torch.equal(result, torch.jit.load(archive)(*inputs))
    wanted, absent = matching.of(kind)(ours, reference, sites)
    theirs = f"{archive}.reference.safetensors"
    save_file({key: value.clone(memory_format=torch.contiguous_format)
               for key, value in wanted.items()}, theirs)
    result = Result(title, kind, absent)
    result.unmatched = [key for key in ours if key not in wanted]
    for outcome in anycapture.diff(f"{archive}.safetensors", theirs):
        result.add(outcome, wanted[outcome["name"]])
    result.write(f"{archive}.txt")
    return result


def reference_of(case):
    """By hooks and frames; what the seed's decorator reads comes from it."""
    with Reference(case.module) as reference:
        case.module(*case.inputs, **case.keywords)
    if case.decorated:
        sys.path.append(os.path.join(sys.prefix, "seed"))  # at the end: it carries an old timm
        from anycapture import get_local

        cls, name = case.decorated
        for path, values in by_decorator(get_local, case.module, cls, name, case.inputs).items():
            frames = reference.calls[f"{path}:{name}"]
            assert len(values) == len(frames) and all(map(torch.equal, values, frames)), path
            reference.calls[f"{path}:{name}"] = values
    return reference


def save(case, kind, path):
    if kind in models.OF_EXPORT:
        torch.export.save(export(case, kind == models.ANY_SIZE), path)
        return
    if kind == models.SHIPPED:
        program = case.module
    elif kind == models.TRACED:
        program = torch.jit.trace(case.module, case.inputs, strict=False, check_trace=False)
    else:
        program = torch.jit.script(case.module)
    if kind == models.FROZEN:  # without what changes numbers, such as folding norms into convolutions
        program = torch.jit.freeze(program, optimize_numerics=False)
    program.save(path)


def results(anycapture, title, make, kinds, folder):
    torch.manual_seed(0)
    case = make()
    slug = re.sub(r"\W+", "_", title.lower()).strip("_")
    reference = None
    with torch.no_grad():
        for kind in kinds:
            archive = os.path.join(folder, f"{slug}.{re.sub(', ', '_', kind).replace(' ', '_')}")
            if kind in models.OF_EXPORT:
                form = models.as_exported(case, kind)
                archive += ".pt2"
                save(form, kind, archive)
                yield compare(anycapture, title, kind, archive, form, reference_of(form))
                continue
            save(case, kind, archive)
            if reference is None and kind != models.SHIPPED:
                reference = reference_of(case)
            yield compare(anycapture, title, kind, archive, case, reference)


def main():
    program, folder, *words = sys.argv[1:]
    torch.set_num_threads(THREADS)
    torch.backends.mha.set_fastpath_enabled(False)  # which torch.export does not take
    cases = models.QUICK if "--quick" in words else models.FULL
    names = [word.lower() for word in words if word != "--quick"]
    cases = [one for one in cases if not names or any(name in one[0].lower() for name in names)]
    if not cases:
        sys.exit(f"no model is called {' or '.join(names)}")
    print("| model | archive | sites compared | largest difference | misses | not in the archive |")
    print("| --- | --- | --- | --- | --- | --- |")
    wrong = []
    for title, make, kinds in cases:
        start = time.time()
        for result in results(AnyCapture(program), title, make, kinds, folder):
            print(result.row(), flush=True)
            wrong += [f"{title}, {result.kind}: {line}" for line in
                      [*result.differing, *(f"misses {one}" for one in result.missed)]]
        print(f"fidelity: {title}: {time.time() - start:.0f} s", file=sys.stderr)
    for line in wrong:
        print(f"fidelity: {line}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
