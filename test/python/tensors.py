# SPDX-License-Identifier: MIT
"""Tensors of every dtype, shape and name, and safetensors files by hand."""

import json
import pathlib
import struct
from typing import NamedTuple

import ml_dtypes
import numpy as np


class Dtype(NamedTuple):
    bits: int
    numpy: np.dtype

    @property
    def torch_name(self):
        return self.numpy.name


# By the names of the format.
DTYPES = {name: Dtype(bits, np.dtype(dtype)) for name, bits, dtype in [
    ("F4", 4, ml_dtypes.float4_e2m1fn), ("F6_E2M3", 6, ml_dtypes.float6_e2m3fn),
    ("F6_E3M2", 6, ml_dtypes.float6_e3m2fn), ("BOOL", 8, bool), ("U8", 8, np.uint8),
    ("I8", 8, np.int8), ("F8_E5M2", 8, ml_dtypes.float8_e5m2),
    ("F8_E4M3", 8, ml_dtypes.float8_e4m3fn), ("F8_E8M0", 8, ml_dtypes.float8_e8m0fnu),
    ("F8_E4M3FNUZ", 8, ml_dtypes.float8_e4m3fnuz), ("F8_E5M2FNUZ", 8, ml_dtypes.float8_e5m2fnuz),
    ("I16", 16, np.int16), ("U16", 16, np.uint16), ("F16", 16, np.float16),
    ("BF16", 16, ml_dtypes.bfloat16), ("I32", 32, np.int32), ("U32", 32, np.uint32),
    ("F32", 32, np.float32), ("F64", 64, np.float64), ("I64", 64, np.int64),
    ("U64", 64, np.uint64), ("C64", 64, np.complex64)]}
NAMES_OF = {dtype.numpy: name for name, dtype in DTYPES.items()}
NUMPY_OWN = {name for name, dtype in DTYPES.items() if dtype.numpy.kind != "V"
             and dtype.numpy.type.__module__ == "numpy"}

SHAPES = (), (1,), (5,), (0,), (2, 3), (8,), (3, 0, 2), (0, 1 << 40), (2, 3, 4), (1,) * 32

# What no npz of ours holds: a zero byte, ways out of the folder, more than 65,535 bytes, control
# characters beside others than ASCII.
NO_ZIP_NAMES = ("\0", "a\0b", "..", "../x", "a/../b", "/", "/etc/passwd", "\\", "\\u0041",
                "x" * 70_000, "\u00e9\x01")
NAMES = NO_ZIP_NAMES + (
    "", " ", "a b", "a/b", "a\\b", "a/", ".", "...", "\x01\x1f\x7f", "\x80\x9f", "\t\n\r", '"', "'",
    "\u00e9", "e\u0301", "\u03ba\u03cc\u03c3\u03bc\u03b5", "\u65e5\u672c\u8a9e", "\U0001f525",
    "\U0001f469\u200d\U0001f469\u200d\U0001f467", "\U0010ffff", "\uffff", "\ufffd", "\ufeff",
    "\u2028", "\u202e\u05d0\u0628", "__metadata__x", "x__metadata__", "__METADATA__", "dtype",
    "anycapture", "{}", "[ab]", "*", "!x", "%3A", ":", ":#2", "#", "#1", "a#", "a#0", "a#1", "a#01",
    "a:b#18446744073709551616", "a.npy", "y" * 60_000)


class Tensor(NamedTuple):
    dtype: str
    shape: tuple
    data: bytes


def packed(array):
    """As a file holds it: elements of less than a byte fill bytes from the lowest bit on."""
    bits = DTYPES[NAMES_OF[array.dtype]].bits
    data = np.ascontiguousarray(array).tobytes()
    if bits >= 8:
        return data
    codes = np.frombuffer(data, np.uint8).reshape(-1, 1)
    return np.packbits(np.unpackbits(codes, axis=1, bitorder="little")[:, :bits],
                       bitorder="little").tobytes()


def tensor_of(array):
    return Tensor(NAMES_OF[array.dtype], array.shape, packed(array))


def tensors_of(arrays):
    return {key: tensor_of(array) for key, array in arrays.items()}


def arrays_of_any_bits(dtypes, shapes=SHAPES, seed=7):
    """Every bit pattern, NaN with payloads too; no shape that does not fill whole bytes."""
    random = np.random.default_rng(seed)
    arrays = {}
    for name in dtypes:
        bits, dtype = DTYPES[name]
        codes = 2 if name == "BOOL" else 1 << min(bits, 8)
        for number, shape in enumerate(shapes):
            count = int(np.prod(shape, dtype=np.int64))
            if count * bits % 8 == 0:
                octets = random.integers(0, codes, dtype.itemsize * count, np.uint8)
                arrays[f"{name}:{number}#1"] = octets.view(dtype).reshape(shape)
    return arrays


def arrays_of_values(dtypes):
    """Values whose mean can be computed, with what specials the dtype has."""
    normal = np.random.default_rng(11).standard_normal((6, 8))
    arrays = {}
    for name in dtypes:
        dtype = DTYPES[name].numpy
        if dtype.kind in "iub":
            arrays[f"values.{name}"] = np.abs(normal * 40).astype(dtype)
            continue
        values = normal.copy()
        values[0, :6] = 0, -0.0, 6, np.nan, np.inf, -np.inf
        with np.errstate(invalid="ignore"):
            arrays[f"values.{name}"] = values.astype(dtype)
    return arrays


def many_keys():
    return {f"blocks.{i}.attn:attn": np.float32([i, -i]) for i in range(10_000)}


def file_bytes(header, data=b""):
    text = header if isinstance(header, bytes) else header.encode()
    return struct.pack("<Q", len(text)) + text + data


def write_safetensors(path, tensors):
    header, parts, at = {}, [], 0
    for key, (dtype, shape, data) in tensors.items():
        end = at + len(data)
        header[key] = {"dtype": dtype, "shape": shape, "data_offsets": [at, end]}
        parts.append(data)
        at = end
    pathlib.Path(path).write_bytes(file_bytes(json.dumps(header), b"".join(parts)))


def read_safetensors(path):
    data = pathlib.Path(path).read_bytes()
    start = 8 + struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:start])
    header.pop("__metadata__", None)
    return {key: Tensor(about["dtype"], tuple(about["shape"]),
                        data[start + about["data_offsets"][0] : start + about["data_offsets"][1]])
            for key, about in header.items()}


def expect_same(found, wanted, what):
    """Of tensors or arrays: the keys, dtypes, shapes and bytes."""
    assert set(found) == set(wanted), (what, set(found) ^ set(wanted))
    for key, value in wanted.items():
        other = found[key]
        assert other.dtype == value.dtype, (what, key, other.dtype, value.dtype)
        assert other.shape == value.shape, (what, key, other.shape, value.shape)
        assert bytes_of(other) == bytes_of(value), (what, key)


def bytes_of(value):
    return value.data if isinstance(value, Tensor) else np.ascontiguousarray(value).tobytes()
