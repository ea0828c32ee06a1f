#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""usage: npz_python_test.py NPZ_TOOL

Converts .npz, .npy and .safetensors files with NPZ_TOOL, and compares them with what NumPy says.
"""

import json
import os
import pathlib
import struct
import subprocess
import sys
import tempfile
import zipfile

import numpy as np

TYPES = {
    "?": "BOOL", "u1": "U8", "i1": "I8", "i2": "I16", "u2": "U16", "f2": "F16", "i4": "I32",
    "u4": "U32", "f4": "F32", "f8": "F64", "i8": "I64", "u8": "U64", "c8": "C64",
}
SHAPES = (), (1,), (5,), (0,), (2, 3), (3, 0, 2), (2, 3, 4), (1,) * 32
tool = sys.argv[1]


def convert(source, target, *options):
    subprocess.run([tool, source, target, *options], check=True)


def complaint(source, target):
    done = subprocess.run([tool, source, target], stderr=subprocess.PIPE, text=True)
    assert done.returncode == 3, (source, done.returncode)
    assert not pathlib.Path(target).exists()
    return done.stderr


def write_safetensors(path, arrays):
    header, at = {}, 0
    for key, array in arrays.items():
        end = at + array.nbytes
        header[key] = {
            "dtype": TYPES[array.dtype.str[1:].replace("b1", "?")],
            "shape": array.shape,
            "data_offsets": [at, end],
        }
        at = end
    text = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for array in arrays.values():
            file.write(array.tobytes())


def read_safetensors(path):
    data = pathlib.Path(path).read_bytes()
    start = 8 + struct.unpack("<Q", data[:8])[0]
    numpy_types = {name: dtype for dtype, name in TYPES.items()}
    arrays = {}
    for key, about in json.loads(data[8:start]).items():
        begin, end = about["data_offsets"]
        elements = np.frombuffer(data[start + begin : start + end], numpy_types[about["dtype"]])
        arrays[key] = elements.reshape(about["shape"])
    return arrays


def expect_same(found, wanted, what):
    assert set(found) == set(wanted), (what, set(found) ^ set(wanted))
    for key, array in wanted.items():
        other = found[key]
        assert other.dtype == array.dtype, (what, key, other.dtype, array.dtype)
        assert other.shape == array.shape, (what, key, other.shape, array.shape)
        assert np.ascontiguousarray(other).tobytes() == np.ascontiguousarray(array).tobytes(), (
            what, key)


def all_kinds():
    random = np.random.default_rng(7)
    arrays = {}
    for dtype in TYPES:
        for number, shape in enumerate(SHAPES):
            size = np.dtype(dtype).itemsize * int(np.prod(shape, dtype=np.int64))
            octets = random.integers(0, 2 if dtype == "?" else 256, size, np.uint8)
            arrays[f"{dtype}:{number}#1"] = octets.view(dtype).reshape(shape)
    arrays["by/columns"] = np.asfortranarray(arrays["f4:6#1"])
    arrays["by/strides"] = arrays["i2:6#1"][::-1, 1:, ::2]
    arrays["\u6ce8\u610f \U0001f525 \u00e9.attn:attn"] = np.arange(6.0).reshape(2, 3)
    arrays[""] = np.float32([1, 2])
    arrays["many"] = random.standard_normal((300, 1000)).astype(np.float32)
    return arrays


def many_keys():
    return {f"blocks.{i}.attn:attn": np.float32([i, -i]) for i in range(10_000)}


def we_read_what_numpy_writes(folder, arrays):
    for save in np.savez, np.savez_compressed:
        save(folder / "numpy.npz", **arrays)
        convert(folder / "numpy.npz", folder / "ours.safetensors")
        expect_same(read_safetensors(folder / "ours.safetensors"), arrays, save.__name__)


def numpy_reads_what_we_write(folder, arrays):
    arrays = {key: np.array(array, order="C") for key, array in arrays.items()}
    write_safetensors(folder / "in.safetensors", arrays)
    for options in (), ("deflated",):
        convert(folder / "in.safetensors", folder / "ours.npz", *options)
        with np.load(folder / "ours.npz", allow_pickle=False) as file:
            assert file.files == list(arrays), options
            expect_same({key: file[key] for key in file.files}, arrays, options)
        with zipfile.ZipFile(folder / "ours.npz") as file:
            assert file.testzip() is None
            assert all(info.date_time == (1980, 1, 1, 0, 0, 0) for info in file.infolist())
        # And once more through us: a file from a file.
        convert(folder / "ours.npz", folder / "again.npz", *options)
        assert (folder / "again.npz").read_bytes() == (folder / "ours.npz").read_bytes()


def npy_both_ways(folder, arrays):
    for key, array in arrays.items():
        np.save(folder / "numpy.npy", array)
        convert(folder / "numpy.npy", folder / "ours.npy")
        expect_same({key: np.load(folder / "ours.npy", allow_pickle=False)}, {key: array}, "npy")


def refused(folder):
    np.savez(folder / "objects.npz", a=np.array([{}], dtype=object))
    assert "Python objects" in complaint(folder / "objects.npz", folder / "none.npz")
    np.savez(folder / "text.npz", a=np.array(["a"]))
    assert "is text" in complaint(folder / "text.npz", folder / "none.npz")
    np.savez(folder / "whole.npz", **{"x" * 200: np.arange(1000.0)})
    whole = (folder / "whole.npz").read_bytes()
    for size in range(0, len(whole), 97):
        (folder / "cut.npz").write_bytes(whole[:size])
        complaint(folder / "cut.npz", folder / "none.npz")


def same_elements(path, size):
    with zipfile.ZipFile(path) as file, file.open("large.npy") as member:
        np.lib.format.read_magic(member)
        shape, _, dtype = np.lib.format.read_array_header_1_0(member)
        assert (shape, dtype) == ((size,), np.uint8)
        left = size
        while left > 0:
            part = member.read(min(left, 1 << 24))
            assert part and part.count(0) == len(part) - (left <= len(part))
            left -= len(part)
        assert member.read() == b"" and part[-1] == 1


def large(folder):
    size = (1 << 32) + 12_345
    header = {"large": {"dtype": "U8", "shape": [size], "data_offsets": [0, size]},
              "small": {"dtype": "U8", "shape": [1], "data_offsets": [size, size + 1]}}
    text = json.dumps(header).encode()
    with open(folder / "large.safetensors", "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.seek(size - 1, os.SEEK_CUR)
        file.write(b"\1\2")
    for options in ("deflated",), ():
        convert(folder / "large.safetensors", folder / "large.npz", *options)
        same_elements(folder / "large.npz", size)
        with np.load(folder / "large.npz") as file:
            assert file["small"].tolist() == [2]
    convert(folder / "large.npz", folder / "again.npz", "deflated")
    same_elements(folder / "again.npz", size)


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for arrays in all_kinds(), many_keys(), {}:
            we_read_what_numpy_writes(folder, arrays)
            numpy_reads_what_we_write(folder, arrays)
        npy_both_ways(folder, all_kinds())
        refused(folder)
        if os.environ.get("ANYCAPTURE_TEST_LARGE") == "1":
            large(folder)
        else:
            print("without more than 4 GiB: ANYCAPTURE_TEST_LARGE is not 1")
    print("NumPy", np.__version__, "agrees")


if __name__ == "__main__":
    main()
