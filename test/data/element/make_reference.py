#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes what ml_dtypes and NumPy read from codes of small floats, and how PyTorch casts to them.

    pip install torch==2.13.0 numpy==2.4.6 ml_dtypes==0.6.0
    python3 make_reference.py [FOLDER]

element_reference.safetensors: `values/F8_E4M3`, the values of all codes in order, for floats of up
to 8 bits; `cast/F8_E4M3`, float32 numbers in, and `cast_to/F8_E4M3`, the codes that come out. The
metadata has FNV-1a hashes of all values of F16 and BF16 as float32, NaN left out. All seeded.
"""

import json
import pathlib
import sys

import ml_dtypes
import numpy as np
import torch

KINDS = {
    "F4": (4, ml_dtypes.float4_e2m1fn, None),
    "F6_E2M3": (6, ml_dtypes.float6_e2m3fn, None),
    "F6_E3M2": (6, ml_dtypes.float6_e3m2fn, None),
    "F8_E5M2": (8, ml_dtypes.float8_e5m2, torch.float8_e5m2),
    "F8_E4M3": (8, ml_dtypes.float8_e4m3fn, torch.float8_e4m3fn),
    "F8_E8M0": (8, ml_dtypes.float8_e8m0fnu, torch.float8_e8m0fnu),
    "F8_E4M3FNUZ": (8, ml_dtypes.float8_e4m3fnuz, torch.float8_e4m3fnuz),
    "F8_E5M2FNUZ": (8, ml_dtypes.float8_e5m2fnuz, torch.float8_e5m2fnuz),
    "F16": (16, np.float16, torch.float16),
    "BF16": (16, ml_dtypes.bfloat16, torch.bfloat16),
}


def values_of(bits, kind):
    codes = np.arange(1 << bits, dtype=np.uint16 if bits == 16 else np.uint8)
    return codes.view(kind).astype(np.float32)


def fnv1a(data):
    value = 0xCBF29CE484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001B3 % (1 << 64)
    return f"{value:016x}"


def numbers_to_cast(values, rng):
    """Around the ties of neighbours, beyond the largest, and anything."""
    finite = np.unique(np.abs(values[np.isfinite(values)]).astype(np.float64))
    few = finite if len(finite) <= 256 else np.sort(rng.choice(len(finite) - 1, 200))
    if few is not finite:
        pairs = np.stack([finite[few], finite[few + 1]])
    else:
        pairs = np.stack([finite[:-1], finite[1:]])
    beyond = 2 * finite[-1] - finite[-2]
    with np.errstate(over="ignore"):
        ties = np.append(pairs.mean(axis=0), (finite[-1] + beyond) / 2).astype(np.float32)
        edges = np.array([0, finite[-1], beyond, beyond * 4, np.inf], np.float32)
        wide = (rng.standard_normal(100) * 10.0 ** rng.integers(-44, 38, 100)).astype(np.float32)
    near = rng.choice(finite, 100).astype(np.float32) * rng.uniform(0.9, 1.1, 100)
    numbers = np.concatenate([edges, ties, np.nextafter(ties, np.float32(0)),
                              np.nextafter(ties, np.float32(np.inf)), wide,
                              near.astype(np.float32)])
    return np.concatenate([numbers, -numbers[: len(numbers) // 2]])


def save(path, tensors, metadata):
    names = {np.dtype(np.float32): "F32", np.dtype(np.uint16): "U16", np.dtype(np.uint8): "U8"}
    header, data = {"__metadata__": metadata}, b""
    for key, value in tensors.items():
        end = len(data) + value.nbytes
        header[key] = {"dtype": names[value.dtype], "shape": list(value.shape),
                       "data_offsets": [len(data), end]}
        data += value.tobytes()
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)


def main():
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else __file__).resolve()
    folder = folder if folder.is_dir() else folder.parent
    rng = np.random.default_rng(7)
    tensors, metadata = {}, {"torch": torch.__version__, "ml_dtypes": ml_dtypes.__version__}
    for name, (bits, kind, torch_kind) in KINDS.items():
        values = values_of(bits, kind)
        if bits == 16:
            metadata[name] = fnv1a(values[~np.isnan(values)].tobytes())
        else:
            tensors[f"values/{name}"] = values
        if torch_kind is not None:
            numbers = numbers_to_cast(values, rng)
            codes = torch.from_numpy(numbers).to(torch_kind)
            codes = codes.view(torch.int16 if bits == 16 else torch.uint8).numpy()
            tensors[f"cast/{name}"] = numbers
            tensors[f"cast_to/{name}"] = codes.view(np.uint16 if bits == 16 else np.uint8)
    save(folder / "element_reference.safetensors", tensors, metadata)


main()
