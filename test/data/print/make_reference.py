#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes what NumPy prints of arrays.

    pip install numpy==2.4.6
    python3 make_reference.py [FOLDER]

print_reference.json: a list of cases: name, dtype and shape as in a safetensors file, the bytes in
base64, and the text. All seeded.
"""

import base64
import json
import pathlib
import sys

import numpy as np

NAMES = {"?": "BOOL", "u1": "U8", "i1": "I8", "i2": "I16", "u2": "U16", "f2": "F16", "i4": "I32",
         "u4": "U32", "f4": "F32", "f8": "F64", "i8": "I64", "u8": "U64", "c8": "C64"}
DTYPES = {np.dtype(key): name for key, name in NAMES.items()}
NAN, INF = float("nan"), float("inf")


def typed(dtype, *lists):
    return [np.array(values, dtype) for values in lists]


def whole_numbers(rng):
    yield from typed("?", [True, False], [True, True], True, False, np.arange(24).reshape(4, 6) > 9)
    yield from typed("u1", [0, 255, 7], 200, np.arange(256))
    yield from typed("i1", [-128, 127, 0], [[-1], [2]], -128)
    yield from typed("i2", [-32768, 5], rng.integers(-500, 500, (3, 4, 5)))
    yield from typed("u2", [65535, 1])
    yield from typed("i4", np.arange(-40, 40), [-2147483648, 2147483647], np.arange(1000),
                     np.arange(1001), np.arange(1000).reshape(10, 100))
    yield from typed("u4", [4294967295, 0])
    yield from typed("i8", [-9223372036854775808, 9223372036854775807], [2**53 + 1, 1], 2**62 + 1)
    yield from typed("u8", [18446744073709551615, 0], 18446744073709551615)


def singles():
    yield from typed("f4", 0.0, -0.0, 1, 0.1, -1.5, 1e-4, 1e-5, 123456.7, 999999, 1e6, 3.4e38, NAN,
                     -INF)
    yield from typed("f8", 0.1, 1e-4, 9.9e-5, 1e15, 1e16, 1 / 3, 5e-324, NAN)
    yield from typed("f2", 0.1, 1e-4, 999.5, 1000, 65504, 6e-8, INF)
    yield from typed("c8", 0, 1 + 2j, 2j, -2j, complex(-0.0, 2), complex(NAN, -0.0),
                     complex(1, NAN), complex(0, -INF), 1e-5 + 1e6j, 0.1 - 0.25j)


def floats(rng):
    normal = rng.standard_normal
    for dtype in "f2", "f4", "f8":
        yield from typed(
            dtype, [0.0, -0.0], [1, 2, 3], [0.1, 1 / 3, -2.5], [1, 10, 1000], [1, 1001],
            [0.001, 1.002], [1e-4, 0.01], [9e-5, 0.01], [999, -7], [1e3, 2], [6e4, 1e-7],
            [NAN, 1.5], [INF, 100.25], [-INF, 1], [NAN, NAN], [INF, -INF], [NAN, -INF, 1e-5],
            [[0.5, NAN], [-0.0, 2]], 2.0 ** np.arange(-14, 15), normal(37), normal((4, 3)) * 100,
            normal((2, 3, 2, 2)))
    yield from typed("f4", [999999, 1], [1e6, 1], [16777216], [3.4e38, 1e-45], [99999.99],
                     [0.001953125, 0.5], [1e10, 1e-10, -1e5], normal((6, 40)), normal((3, 350)),
                     normal((1001,)), normal((1, 1, 1)), normal((2, 7, 8, 9)) * 1e-9)
    yield from typed("f8", [99999999.0, 1e5], [1e8], [1e100, 1e-3], [1e-300, 1e300], [np.pi * 1e5],
                     [0.1 + 0.2], [5e-324, 1], [0.123456785, 0.000244140625], normal((7, 9)))
    yield from typed("f2", [65504, 1], [6e-8, 1], [0.015625, 0.5], normal((12, 12)))


def complexes(rng):
    pairs = rng.standard_normal((2, 6, 4))
    yield from typed("c8", [1 + 2j], [0, -1j, complex(-0.0, -0.0)], [1.5 - 2.25j, 100], [1e10j, 1],
                     [complex(NAN, 1), 2 - 3j], [complex(1, NAN), complex(INF, -INF)],
                     [complex(0, INF), 1.125j], pairs[0] + 1j * pairs[1],
                     np.arange(1100) * (1 + 1j))


def empty():
    for shape in (0,), (0, 3), (3, 0), (2, 0, 5):
        yield np.zeros(shape, np.float32)
    yield np.zeros((0,), bool)


def main():
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else __file__).resolve()
    folder = folder if folder.is_dir() else folder.parent
    rng = np.random.default_rng(3)
    groups = {"whole": whole_numbers(rng), "single": singles(), "float": floats(rng),
              "complex": complexes(rng), "empty": empty()}
    lines = []
    for group, arrays in groups.items():
        for i, array in enumerate(arrays):
            lines.append(json.dumps({
                "name": f"{group}{i}", "dtype": DTYPES[array.dtype], "shape": array.shape,
                "bytes": base64.b64encode(array.tobytes()).decode(), "text": str(array)}))
    (folder / "print_reference.json").write_text("[\n" + ",\n".join(lines) + "\n]\n")


main()
