#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes arrays as NumPy itself does.

    pip install numpy==2.4.6
    python3 make_reference.py [FOLDER]

stored.npz and deflated.npz hold the same: every dtype that safetensors has too, with the numbers 0,
1, 2, 3, 100, 101 as (2, 3); a value, an empty array, columns before rows, names of any script. Of
the .npy files, columns, version2 and version3 can be read, all others hold what safetensors has no
dtype for. empty.npz has no array, text_in_it.npz has one of text beside one of numbers.
"""

import pathlib
import sys

import numpy as np

TYPES = "?", "u1", "i1", "i2", "u2", "f2", "i4", "u4", "f4", "f8", "i8", "u8", "c8"


def numbers(dtype):
    return np.array([[0, 1, 2], [3, 100, 101]]).astype(dtype)


def arrays():
    named = {"t." + dtype: numbers(dtype) for dtype in TYPES}
    named["value"] = np.float32(1.5)
    named["none"] = np.zeros((0, 7), np.int16)
    named["one"] = np.arange(3, dtype=np.int64)
    named["columns"] = np.asfortranarray(np.arange(24, dtype=np.int32).reshape(2, 3, 4))
    named["blocks.0.attn:attn#1"] = numbers("f4")
    named["\u6ce8\u610f/\U0001f525"] = numbers("u1")
    return named


def main():
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else __file__).absolute()
    if len(sys.argv) <= 1:
        folder = folder.parent
    np.savez(folder / "stored.npz", **arrays())
    np.savez_compressed(folder / "deflated.npz", **arrays())
    np.savez(folder / "empty.npz")
    np.savez(folder / "text_in_it.npz", numbers=numbers("f4"), labels=np.array(["a", "b"]))
    np.save(folder / "columns.npy", np.asfortranarray(numbers("f8")))
    for version in 2, 3:
        with open(folder / f"version{version}.npy", "wb") as file:
            np.lib.format.write_array(file, numbers("<u2"), version=(version, 0))
    np.save(folder / "big_endian.npy", numbers(">f4"))
    np.save(folder / "objects.npy", np.array([{"a": 1}, None], dtype=object))
    np.save(folder / "records.npy", np.zeros(2, [("a", "<f4"), ("b", "<i8")]))
    np.save(folder / "text.npy", np.array(["ab", "c"]))
    np.save(folder / "bytes.npy", np.array([b"ab", b"c"]))
    np.save(folder / "times.npy", np.array(["2020-01-01"], "M8[s]"))
    np.save(folder / "void.npy", np.zeros(2, "V2"))
    np.save(folder / "complex128.npy", numbers("c16"))
    np.save(folder / "longdouble.npy", numbers(np.longdouble))


if __name__ == "__main__":
    main()
