#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""usage: safetensors_test.py ANYCAPTURE

Python's safetensors reads what `anycapture` writes, and `anycapture` reads what it writes: names,
dtypes, shapes, bytes, metadata, values.
"""

import json
import pathlib
import re
import tempfile
import time

import numpy as np
import safetensors
from safetensors import SafetensorError, TensorSpec, deserialize, safe_open, serialize
from safetensors import serialize_file
from safetensors.numpy import load_file, save_file

from program import complaint, convert, inspect, said, stats
from tensors import (DTYPES, NAMES, NUMPY_OWN, Tensor, arrays_of_any_bits, arrays_of_values,
                     expect_same, file_bytes, many_keys, read_safetensors, tensor_of, tensors_of,
                     write_safetensors)

HERE = pathlib.Path(__file__).parent
GOLDEN = HERE.parent / "data/format/golden.safetensors"
# What Python's safetensors 0.8 cannot: later releases may.
NOT_WRITTEN = {"F6_E2M3", "F6_E3M2"}
NOT_IN_NUMPY = {"F4", "F6_E2M3", "F6_E3M2", "F8_E5M2", "F8_E4M3", "F8_E8M0", "F8_E4M3FNUZ",
                "F8_E5M2FNUZ"}
METADATA = {name: name[::-1] for name in NAMES if name != "anycapture"}


def is_written(tensor):
    """By Python: of F4 it has pairs alone, along the last axis."""
    return tensor.dtype not in NOT_WRITTEN and (tensor.dtype != "F4" or tensor.shape[-1] % 2 == 0)


def spec_of(tensor):
    """Points into the tensor, which must outlive it."""
    dtype, shape = DTYPES[tensor.dtype].torch_name, list(tensor.shape)
    if tensor.dtype == "F4":
        dtype += "_x2"
        shape[-1] //= 2
    data = np.frombuffer(tensor.data, np.uint8)
    return TensorSpec(dtype=dtype, shape=shape, data_ptr=data.ctypes.data, data_len=data.nbytes)


def specs_of(tensors):
    return {key: spec_of(tensor) for key, tensor in tensors.items()}


def python_tensors(path):
    return {key: Tensor(about["dtype"], tuple(about["shape"]), bytes(about["data"]))
            for key, about in deserialize(pathlib.Path(path).read_bytes())}


def dtypes_known_to_python():
    try:
        deserialize(file_bytes('{"a":{"dtype":"?","shape":[],"data_offsets":[0,0]}}'))
    except SafetensorError as error:
        return set(re.findall(r"`(\w+)`", str(error).split("expected one of")[1]))
    raise AssertionError("Python's safetensors takes the dtype ?")


def all_dtypes_are_covered():
    header = (HERE.parents[1] / "include/anycapture/safetensors.h").read_text()
    ours = re.findall(r"^  k(\w+),$", header.split("enum class Dtype")[1].split("}")[0], re.M)
    assert sorted(map(str.upper, ours)) == sorted(name.replace("_", "") for name in DTYPES), ours
    known = dtypes_known_to_python()
    assert known == set(DTYPES), ("dtypes that one side has not", known ^ set(DTYPES))


def we_read(path, tensors, metadata, copy):
    """By what `inspect` says, and by the bytes of a copy."""
    said_of = inspect(path)
    assert said_of["metadata"] == metadata
    rows = {row["name"]: row for row in said_of["tensors"]}
    assert len(rows) == len(said_of["tensors"]) and set(rows) == set(tensors)
    for key, tensor in tensors.items():
        row = rows[key]
        found = row["dtype"], tuple(row["shape"]), row["bytes"]
        assert found == (DTYPES[tensor.dtype].torch_name, tensor.shape, len(tensor.data)), key
    convert(path, copy)
    expect_same(read_safetensors(copy), tensors, path)


def python_reads(path, tensors, metadata):
    expect_same(python_tensors(path), tensors, path)
    for backend in "mmap", "pread":
        with safe_open(path, framework="np", backend=backend) as file:
            assert set(file.keys()) == set(tensors)
            assert (file.metadata() or {}) == metadata
            for key, tensor in tensors.items():
                part = file.get_slice(key)
                assert tuple(part.get_shape()) == tensor.shape
                assert part.get_dtype() == tensor.dtype


def slices_of(array):
    """Parts that are not empty: Python's safetensors refuses others."""
    yield ...
    if array.ndim > 0:
        yield slice(0, 1)
    if array.ndim > 0 and array.shape[-1] > 1:
        yield ..., slice(1, None)
    if array.ndim > 1 and array.shape[1] > 1:
        yield slice(None), slice(1, 2)


def numpy_reads(path, arrays):
    """Arrays of dtypes that Python's safetensors gives to NumPy: whole, one by one, and parts."""
    expect_same(load_file(path), arrays, path)
    with safe_open(path, framework="np") as file:
        expect_same({key: file.get_tensor(key) for key in file.keys()}, arrays, path)
        for key, array in arrays.items():
            for index in slices_of(array) if array.size else ():
                part = file.get_slice(key)[index]
                assert part.tobytes() == array[index].tobytes(), (path, key, index)


def both_ways(folder, arrays, metadata):
    """Python -> us -> Python -> us: the same content, and at the end the same bytes."""
    tensors = tensors_of(arrays)
    python, ours, again = (folder / name for name in ("py.safetensors", "us.safetensors",
                                                      "again.safetensors"))
    written = {key: tensor for key, tensor in tensors.items() if is_written(tensor)}
    serialize_file(specs_of(written), python, metadata=metadata)
    we_read(python, written, metadata or {}, ours)
    python_reads(ours, written, metadata or {})
    read = python_tensors(ours)
    python.write_bytes(serialize(specs_of(read), metadata=metadata))
    convert(python, again)
    assert again.read_bytes() == ours.read_bytes()

    numpy = {key: array for key, array in arrays.items() if tensors[key].dtype not in NOT_IN_NUMPY}
    save_file(numpy, python, metadata=metadata)
    we_read(python, tensors_of(numpy), metadata or {}, ours)
    numpy_reads(ours, numpy)
    save_file(load_file(ours), python, metadata=metadata)
    convert(python, again)
    assert again.read_bytes() == ours.read_bytes()


def what_python_cannot(folder):
    """What it reads all the same, byte for byte; and what would be news."""
    path, copy, refused = folder / "raw.safetensors", folder / "us.safetensors", []
    for name in sorted(NOT_WRITTEN | NOT_IN_NUMPY):
        arrays = arrays_of_any_bits([name])
        write_safetensors(path, tensors_of(arrays))
        we_read(path, tensors_of(arrays), {}, copy)
        python_reads(copy, tensors_of(arrays), {})
        key, array = next(iter(arrays.items()))
        for known, what, use in [(NOT_WRITTEN, "write", lambda: spec_of(tensor_of(array))),
                                 (NOT_IN_NUMPY, "give NumPy", lambda: load_file(copy)[key])]:
            try:
                use()
            except (SafetensorError, AttributeError, ValueError) as error:
                assert name in known, (name, error)
                refused.append(f"{what} {name}")
            else:
                if name in known:
                    print(f"Python's safetensors {safetensors.__version__} can {what} {name} now")
    print("Python's safetensors cannot", ", ".join(sorted(refused)))


def values_are_the_same(folder):
    """`stats`, `--show` and --dtype against NumPy."""
    path, ours = folder / "raw.safetensors", folder / "us.safetensors"
    arrays = arrays_of_values(sorted(set(DTYPES) - {"C64"}))
    write_safetensors(path, tensors_of(arrays))
    rows = stats(path)
    for key, array in arrays.items():
        row, numbers = rows[key], array.astype(np.float64)
        finite = numbers[np.isfinite(numbers)]
        found = [row[name] for name in ("count", "nan", "inf", "zeros", "min", "max")]
        assert found == [array.size, np.isnan(numbers).sum(), np.isinf(numbers).sum(),
                         (numbers == 0).sum(), finite.min(), finite.max()], (key, found)
        np.testing.assert_allclose([row["mean"], row["std"], row["median"]],
                                   [finite.mean(), finite.std(), np.median(finite)], rtol=1e-12)
        for name, part in ("min", finite.min()), ("max", finite.max()):
            assert numbers[tuple(row[name + "_index"])] == part
    for name, array in arrays_of_any_bits(sorted(NUMPY_OWN)).items():
        if array.ndim < 32:
            write_safetensors(path, {name: tensor_of(array)})
            shown = said("inspect", "--show", name, path)
            assert shown.split("\n", 1)[1] == str(array) + "\n", (name, shown, str(array))

    floats = {key: array for key, array in arrays.items() if array.dtype.kind not in "biu"}
    write_safetensors(path, tensors_of(floats))
    for option, name in ("f16", "F16"), ("bf16", "BF16"), ("f32", "F32"), ("f64", "F64"):
        said("convert", path, ours, "--dtype", option)
        with np.errstate(over="ignore"):
            wanted = {key: array.astype(np.float64).astype(DTYPES[name].numpy)
                      for key, array in floats.items()}
        found = load_file(ours)
        assert set(found) == set(wanted)
        for key, array in wanted.items():
            np.testing.assert_array_equal(found[key].astype(np.float64), array.astype(np.float64),
                                          err_msg=f"{key} as {option}")
            assert found[key].dtype == array.dtype and found[key].shape == array.shape


def captures_come_back(folder):
    """A file with AnyCapture's metadata, through Python's hands."""
    tensors, python, ours = load_file(GOLDEN), folder / "py.safetensors", folder / "us.safetensors"
    with safe_open(GOLDEN, framework="np") as file:
        metadata = file.metadata()
    assert json.loads(metadata["anycapture"])["version"] == 1
    np.testing.assert_array_equal(tensors["blocks.0.attn:attn#1"],
                                  np.float32([[[1, 0], [0.125, 0.875]]]), strict=True)
    save_file(tensors, python, metadata=metadata)
    assert {**inspect(python), "file": ""} == {**inspect(GOLDEN), "file": ""}
    convert(python, ours)
    assert ours.read_bytes() == GOLDEN.read_bytes()
    convert(GOLDEN, ours, "--keys", "*:attn", "--dtype", "bf16")
    assert set(load_file(ours)) == {"blocks.0.attn:attn", "blocks.0.attn:attn#1"}
    with safe_open(ours, framework="np") as file:
        part = json.loads(file.metadata()["anycapture"])
        assert part["order"] == ["blocks.0.attn:attn"], part
        assert file.get_slice("blocks.0.attn:attn").get_dtype() == "BF16"


def names_are_found(folder):
    arrays = {name: np.arange(i, i + 3) for i, name in enumerate(NAMES)}
    path = folder / "names.safetensors"
    save_file(arrays, path)
    for name, array in arrays.items():
        if "\0" not in name:  # which no argument can hold
            assert "\n" + str(array) + "\n" in said("inspect", "--show", name, path), name
    save_file({"__metadata__": np.arange(3)}, path)  # Python writes it, and cannot read it either
    complaint("inspect", path)


def npz_comes_out(folder):
    arrays = {**arrays_of_any_bits(sorted(NUMPY_OWN)), "columns": np.asfortranarray(np.eye(3))}
    np.savez(folder / "in.npz", **arrays)
    convert(folder / "in.npz", folder / "us.safetensors")
    python_reads(folder / "us.safetensors", tensors_of(arrays), {})
    numpy_reads(folder / "us.safetensors", arrays)


def how_long_many_keys_take(folder):
    def seconds(act):
        start = time.perf_counter()
        act()
        return time.perf_counter() - start

    arrays, path, ours = many_keys(), folder / "many.safetensors", folder / "us.safetensors"
    print(f"10,000 keys: Python writes {seconds(lambda: save_file(arrays, path)):.3f} s, "
          f"reads {seconds(lambda: load_file(path)):.3f} s; "
          f"anycapture inspect {seconds(lambda: said('inspect', path)):.3f} s, "
          f"convert {seconds(lambda: convert(path, ours)):.3f} s")


def main():
    all_dtypes_are_covered()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        both_ways(folder, arrays_of_any_bits(DTYPES), None)
        both_ways(folder, arrays_of_any_bits(DTYPES, seed=8), METADATA)
        both_ways(folder, {name: np.arange(i, i + 3) for i, name in enumerate(NAMES)}, METADATA)
        both_ways(folder, many_keys(), {})
        both_ways(folder, {}, {"a": ""})
        both_ways(folder, {"big": np.random.default_rng(3).random((1 << 12, 1 << 11))}, None)
        what_python_cannot(folder)
        values_are_the_same(folder)
        captures_come_back(folder)
        names_are_found(folder)
        npz_comes_out(folder)
        how_long_many_keys_take(folder)
    print("safetensors", safetensors.__version__, "agrees")


if __name__ == "__main__":
    main()
