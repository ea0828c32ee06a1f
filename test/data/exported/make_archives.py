# SPDX-License-Identifier: MIT
"""Makes the archives of torch.export beside it, and what goes into them and comes out in Python.

    python make_archives.py [GROUP...]      (torch 2.13.0, safetensors)

NAME.pt2 is a model of nets.py. Each run of it has its inputs in RUN.input.safetensors, by the names of the
arguments, those that are no tensors in its metadata; and in RUN.reference.safetensors what
samples/python/capture.py captures in the model, by AnyCapture's keys, the outputs that are no
tensors in the metadata. What the model writes to its inputs is there as `after.NAME`. RUN is NAME
and, for other inputs of the same archive, NAME_and_more; the runs of an archive start from the
same state.

Weights and inputs are random, of a fixed seed. The archives hold lines of nets.py, under a path that
names no machine.
"""

import copy
import io
import json
import os
import re
import sys
import zipfile

import torch
import torch.utils._pytree as pytree
from safetensors.torch import save_file
from torch.export import Dim
from torch.export.experimental import _export_forward_backward

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../../fidelity"))
sys.path.insert(0, os.path.join(HERE, "../../../samples/python"))
import nets  # noqa: E402
from capture import Capturer, _storable  # noqa: E402
from exported import inputs_of, leaves, same_bits  # noqa: E402

OWN_RECORDS = (".data/serialization_id", "byteorder")  # of any archive


def scrubbed(text):
    """Without paths of this machine, and without what differs from run to run."""
    torch_folder = os.path.dirname(torch.__file__)
    text = text.replace(HERE + "/", "").replace(torch_folder, "torch")
    text = re.sub(r'(\\"graph_id\\": )\d+', r"\g<1>0", text)
    text = re.sub(r"<eval_with_key>\.\d+", "<eval_with_key>.0", text)
    assert os.path.expanduser("~") not in text and sys.prefix not in text
    return text


def save(name, program):
    """As torch.export.save does, which aligns the records; scrubbed."""
    file = io.BytesIO()
    torch.export.save(program, file)
    writer = torch._C.PyTorchFileWriter(os.path.join(HERE, f"{name}.pt2"))
    with zipfile.ZipFile(file) as archive:
        for entry in archive.infolist():
            record, data = entry.filename.split("/", 1)[1], archive.read(entry)
            if record == "models/model.json":
                data = scrubbed(data.decode()).encode()
            if record not in OWN_RECORDS:
                writer.write_record(record, data, len(data))
    writer.write_end_of_file()


def save_tensors(path, values):
    """Those that are no tensors as JSON in the metadata."""
    tensors = {name: _storable(value.detach()).clone() for name, value in values.items()
               if isinstance(value, torch.Tensor)}
    others = {name: value for name, value in values.items() if name not in tensors}
    save_file(tensors, os.path.join(HERE, path),
              metadata={"values": json.dumps(others, sort_keys=True)} if others else None)


@torch.no_grad()
def computed(model, args, kwargs):
    """By key. `plain` is a `forward` without what only torch.export can watch, with other locals."""
    values, is_plain = {}, hasattr(model, "plain")
    if is_plain:
        model.forward = model.plain
    with Capturer(model, "*:output", "*:input", "*:*") as capture:
        result = model(*args, **kwargs)
    for key in capture.keys():
        if is_plain and re.match(r":(?!output|input)", key):
            continue
        for index, value in enumerate(capture.calls(key)):
            values[f"{key}#{index}" if index else key] = value
    return values | {f":{name}": value for name, value in leaves("output", result)}


@torch.no_grad()
def check(program, args, kwargs, values):
    """That Python computes the same with the archive."""
    for name, value in leaves("output", program.module()(*args, **kwargs)):
        there = values[f":{name}"]
        assert same_bits(value, there) if isinstance(value, torch.Tensor) else value == there, name


def make(name, model, *runs, dynamic=None, decomposed=False, training=False, loads=True, preserved=(),
         strict=False):
    """A run is what is added to the name, arguments and keyword arguments; the first is the example.
    `loads`: whether Python loads it. `preserved`: modules whose signatures are kept."""
    _, args, kwargs = runs[0]
    program = torch.export.export(model.train(training), *copy.deepcopy((args, kwargs)),
                                  dynamic_shapes=dynamic, strict=strict,
                                  preserve_module_call_signature=preserved)
    if training:
        program = _export_forward_backward(program)
    elif decomposed:
        program = program.run_decompositions()
    save(name, program)
    for more, *given in runs:
        inputs = inputs_of(model, *given)
        save_tensors(f"{name}{more}.input.safetensors", inputs)
        used, (args, kwargs) = copy.deepcopy((model, given))
        values = computed(used, args, kwargs)
        for key, value in inputs_of(model, args, kwargs).items():
            if isinstance(value, torch.Tensor) and not same_bits(value, inputs[key]):
                values[f"after.{key}"] = value
        save_tensors(f"{name}{more}.reference.safetensors", values)
        if not training:
            loaded = torch.export.load(os.path.join(HERE, f"{name}.pt2")) if loads else program
            check(loaded, *copy.deepcopy(given), values)


def accumulate(total, x):
    total.add_(x)


def operators():
    """Those of test/support/twice_op.cpp."""
    library = torch.library.Library("anycapture_test", "DEF")
    library.define("twice(Tensor x) -> Tensor")
    library.define("accumulate(Tensor(a!) total, Tensor x) -> ()")
    library.impl("twice", lambda x: x * 2, "CompositeExplicitAutograd")
    library.impl("accumulate", accumulate, "CompositeExplicitAutograd")
    return library


def given(more, *args, **kwargs):
    return more, args, kwargs


def vit():
    sizes = {0: Dim("batch", max=16), 1: Dim("tokens", min=2, max=32)}
    make("vit", nets.Vit(), *(given(more, torch.randn(*size, 8), bias={"a": torch.randn(8)})
                              for more, size in (("", (2, 3)), ("_longer", (3, 5)), ("_one", (1, 2)))),
         dynamic={"x": sizes, "bias": {"a": None}})
    make("vit_static", nets.Vit(depth=1), given("", torch.randn(2, 3, 8), bias={"a": torch.randn(8)}))


def sdpa():
    q, k, v = torch.randn(3, 2, 4, 5, 8).unbind()
    mask = torch.rand(2, 1, 5, 5) > 0.3
    mask[0, 0, 3] = False
    make("sdpa", nets.Sdpa(), given("", q, k, v, mask, torch.randn(5, 5)))


def control_flow():
    x = torch.randn(3, 4)
    make("cond", nets.Cond(), given("", x - x.mean()), given("_big", x.abs() + 3.5),
         given("_middle", x.abs() / x.abs().max() + 1))
    make("while_loop", nets.WhileLoop(), given("", torch.tensor(3), x), given("_never", torch.tensor(0), x))
    make("map", nets.Map(), given("", x, torch.randn(4)))
    make("scan", nets.Scan(), given("", torch.randn(4), x))
    make("vmap", nets.Vmapped(), given("", x, torch.randn(4)))


def regions():
    # "wrap_with_autocast_1 is missing val field", says Python of what it wrote
    make("regions", nets.Regions(), given("", torch.randn(3, 4)), loads=False)


def written():
    run = given("", torch.randn(3, 4), {"h": torch.randn(4)})
    make("mutation", nets.Mutation(), run)
    make("mutation_decomposed", nets.Mutation(), run, decomposed=True)
    make("functionalized", nets.Functionalized(), given("", torch.randn(3, 4)), decomposed=True)
    make("residual", nets.Residual(), given("", torch.randn(1, 2, 4, 4)))
    make("effects", nets.Effects(), given("", torch.randn(3)), decomposed=True)
    make("training", nets.Training(), given("", torch.randn(2, 3), torch.randn(2, 2)), training=True)


def values():
    make("weights", nets.Weights(), given("", torch.randn(2, 5)))
    pytree._register_namedtuple(nets.Pair, serialized_type_name="nets.Pair")
    torch.export.register_dataclass(nets.State, serialized_type_name="nets.State")
    x = torch.randn(8, 2, 3)
    make("types", nets.Types(), given("", nets.Pair(x[0], x[1]), nets.State(x[2], x[3]),
                                      {"a": x[4], "b": [x[5]]}, (x[6], x[7]), 2, 0.5, True))
    make("symbols", nets.Symbols(), given("", torch.randn(4, 6), 3), given("_more", torch.randn(7, 6), 5),
         dynamic={"x": {0: Dim.DYNAMIC(min=2, max=8)}, "n": Dim.DYNAMIC(min=2, max=8)})


def idioms():
    x = torch.randn(3, 4)
    make("idioms", nets.Idioms(), given("", x))
    make("idioms_strict", nets.Idioms(), given("", x), strict=True)
    make("idioms_decomposed", nets.Idioms(), given("", x), decomposed=True)


def sizes():
    """A size that is made of another, and one of any."""
    make("sizes", nets.Sizes(), given("", torch.randn(6, 4), torch.randn(2, 4)),
         dynamic={"x": {0: 2 * Dim("half", min=2, max=8)}, "y": {0: Dim.AUTO}})


def shared():
    make("shared", nets.Shared(), given("", torch.randn(2, 4)))
    make("shared_strict", nets.Shared(), given("", torch.randn(2, 4)), strict=True)


def signatures():
    make("signatures", nets.Signatures(), given("", torch.randn(2, 4), torch.randn(2, 4)),
         preserved=("gates.0", "gates.1"))


def attention():
    make("attention_decomposed", nets.Attention(8, 2), given("", torch.randn(2, 3, 8)), decomposed=True)
    make("cached", nets.Cached(), given("", torch.randn(1, 2, 1, 8)))


def order():
    x = torch.randn(2, 3, 4)
    make("order", nets.Order(), given("", x))
    make("order_strict", nets.Order(), given("", x), strict=True)
    make("order_decomposed", nets.Order(recurrent=False), given("", x), decomposed=True)


def main():
    library = operators()  # as long as it lives
    for group in (vit, sdpa, control_flow, regions, written, values, signatures, idioms, sizes, shared,
                  attention, order):
        if not sys.argv[1:] or group.__name__ in sys.argv[1:]:
            torch.manual_seed(5)
            group()
    del library


if __name__ == "__main__":
    main()
