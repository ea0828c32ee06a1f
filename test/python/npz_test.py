#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""usage: npz_test.py ANYCAPTURE

NumPy reads what `anycapture convert` writes, and it reads what NumPy writes. With
ANYCAPTURE_TEST_LARGE=1 also an array of more than 4 GiB, which takes a minute and 10 GB of disk.
"""

import json
import os
import pathlib
import struct
import tempfile
import zipfile

import numpy as np

from program import convert, refusal, said
from tensors import (DTYPES, NAMES, NO_ZIP_NAMES, NUMPY_OWN, arrays_of_any_bits, arrays_of_values,
                     expect_same, many_keys, read_safetensors, tensors_of, write_safetensors)


def all_kinds():
    arrays = arrays_of_any_bits(sorted(NUMPY_OWN))
    arrays["by/columns"] = np.asfortranarray(np.arange(24.0, dtype=np.float32).reshape(2, 3, 4))
    arrays["by/strides"] = np.arange(24, dtype=np.int16).reshape(2, 3, 4)[::-1, 1:, ::2]
    arrays["many"] = np.random.default_rng(7).standard_normal((300, 1000)).astype(np.float32)
    return arrays


def any_names():
    return {name: np.float64([i, -i]) for i, name in enumerate(NAMES) if name not in NO_ZIP_NAMES}


def we_read_what_numpy_writes(folder, arrays):
    for save in np.savez, np.savez_compressed:
        save(folder / "numpy.npz", **arrays)
        convert(folder / "numpy.npz", folder / "ours.safetensors")
        expect_same(read_safetensors(folder / "ours.safetensors"), tensors_of(arrays),
                    save.__name__)


def numpy_reads_what_we_write(folder, arrays):
    arrays = {key: np.array(array, order="C") for key, array in arrays.items()}
    write_safetensors(folder / "in.safetensors", tensors_of(arrays))
    for options in (), ("--compress",):
        convert(folder / "in.safetensors", folder / "ours.npz", *options)
        with np.load(folder / "ours.npz", allow_pickle=False) as file:
            assert len(file.files) == len(arrays), options
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


def names_that_no_zip_file_has(folder):
    for name in NO_ZIP_NAMES:
        write_safetensors(folder / "in.safetensors", tensors_of({name: np.arange(3)}))
        assert ": rename it" in refusal(folder / "in.safetensors", folder / "none.npz"), name
    for name in "..", "../x", "a/../b", "/etc/passwd":  # those that NumPy writes all the same
        np.savez(folder / "out.npz", **{name: np.arange(3)})
        assert "leads out of the folder" in refusal(folder / "out.npz", folder / "none.npz"), name
    np.savez(folder / "both.npz", **{"\u00e9\x01": np.arange(3)})  # which libzip cannot open
    assert "has a name that libzip refuses" in refusal(folder / "both.npz", folder / "none.npz")


def dtypes_that_numpy_has_not(folder):
    """Neither way are they taken for others: NumPy itself loads them as void."""
    for key, array in arrays_of_values(sorted(set(DTYPES) - NUMPY_OWN)).items():
        write_safetensors(folder / "in.safetensors", tensors_of({key: array}))
        text = refusal(folder / "in.safetensors", folder / "none.npz")
        assert "NumPy" in text and "--dtype" in text, text
        convert(folder / "in.safetensors", folder / "ours.npz", "--dtype", "f32")
        with np.load(folder / "ours.npz", allow_pickle=False) as file:
            np.testing.assert_array_equal(file[key], array.astype(np.float32), strict=True)
        np.savez(folder / "void.npz", a=array)
        refusal(folder / "void.npz", folder / "none.npz")


def refused(folder):
    np.savez(folder / "objects.npz", a=np.array([{}], dtype=object))
    assert "Python objects" in refusal(folder / "objects.npz", folder / "none.npz")
    np.savez(folder / "text.npz", a=np.array(["a"]))
    assert "is text" in refusal(folder / "text.npz", folder / "none.npz")
    np.savez(folder / "whole.npz", **{"x" * 200: np.arange(1000.0)})
    whole = (folder / "whole.npz").read_bytes()
    for size in range(0, len(whole), 97):
        (folder / "cut.npz").write_bytes(whole[:size])
        refusal(folder / "cut.npz", folder / "none.npz")


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
    for options in ("--compress",), ():
        said("convert", folder / "large.safetensors", folder / "large.npz", *options)
        same_elements(folder / "large.npz", size)
        with np.load(folder / "large.npz") as file:
            assert file["small"].tolist() == [2]
    said("convert", folder / "large.npz", folder / "again.npz", "--compress")
    same_elements(folder / "again.npz", size)


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for arrays in all_kinds(), any_names(), many_keys(), {}:
            we_read_what_numpy_writes(folder, arrays)
            numpy_reads_what_we_write(folder, arrays)
        npy_both_ways(folder, all_kinds())
        names_that_no_zip_file_has(folder)
        dtypes_that_numpy_has_not(folder)
        refused(folder)
        if os.environ.get("ANYCAPTURE_TEST_LARGE") == "1":
            large(folder)
        else:
            print("without more than 4 GiB: ANYCAPTURE_TEST_LARGE is not 1")
    print("NumPy", np.__version__, "agrees")


if __name__ == "__main__":
    main()
