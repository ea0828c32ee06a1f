#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""usage: malformed_test.py ANYCAPTURE

What Python's safetensors refuses, `anycapture` refuses, and the other way round, but for what
STRICTER lists.
"""

import pathlib
import random
import struct
import tempfile

import numpy as np
import safetensors
from safetensors import SafetensorError, deserialize, safe_open
from safetensors.numpy import save

from program import complaint, complaint_of, inspect, run
from tensors import DTYPES, file_bytes

ONE = '"dtype":"U8","shape":[1],"data_offsets":[0,1]'


def one(fields, data=b"x"):
    return file_bytes('{"a":{' + fields + "}}", data)


def named(text, data=b"x"):
    """A file whose only key is the JSON text."""
    return file_bytes(b'{"' + text + b'":{' + ONE.encode() + b"}}", data)


def entry(shape, start, end, dtype="U8"):
    return f'{{"dtype":"{dtype}","shape":{shape},"data_offsets":[{start},{end}]}}'


def two(a, b, data):
    return file_bytes(f'{{"a":{a},"b":{b}}}', data)


def length(number, behind=b"{}"):
    return struct.pack("<Q", number) + behind


LIMIT = 100_000_000
CHANGED = 400
SOUND = {
    "no tensors": file_bytes("{}"),
    "spaces and line ends around": file_bytes(" \n\t{}\r\n "),
    "a header at the limit": file_bytes("{}".ljust(LIMIT)),
    "metadata null": file_bytes('{"__metadata__":null}'),
    "metadata last": file_bytes('{"a":{' + ONE + '},"__metadata__":{"k":"v"}}', b"x"),
    "keys not by offset": two(entry([1], 1, 2), entry([1], 0, 1), b"xy"),
    "empty tensors between": two(entry([0], 2, 2), entry([2], 0, 2), b"xy"),
    "a thousand axes": one(ONE.replace("[1]", str([1] * 1000))),
    "a field unknown": one('"z":{"y":[[1],null,1e-999,18446744073709551616]},' + ONE),
    "a field unknown, 125 deep": one('"z":' + "[" * 125 + "]" * 125 + "," + ONE),
    "an escaped pair": named(b"\\ud83d\\ude00"),
    "an escaped zero": named(b"\\u0000\\/"),
    "an escaped field": one(ONE.replace("dtype", "\\u0064type")),
    "DEL": named(b"\x7f"),
    "no characters": named("\uffff\U0010ffff".encode()),
}
BROKEN = {
    "an empty file": b"",
    "seven bytes": b"1234567",
    "a length alone": length(0, b""),
    "a header cut short": length(3),
    "a header over the limit": file_bytes("{}".ljust(LIMIT + 1)),
    "a length over the limit": length(LIMIT + 1),
    "a length of 2^64 - 1": length(2**64 - 1),
    "a zip file": b"PK\3\4" + bytes(100),
    "a byte order mark": file_bytes(b"\xef\xbb\xbf{}"),
    "a zero behind": file_bytes("{}\0"),
    "a form feed behind": file_bytes("{}\f"),
    "a no-break space behind": file_bytes("{}\u00a0"),
    "a comment behind": file_bytes("{}//"),
    "a list": file_bytes("[]"),
    "null": file_bytes("null"),
    "a comma at the end": one(ONE + ","),
    "single quotes": named(b"'").replace(b'"', b"'"),
    "NaN": one('"z":NaN,' + ONE),
    "a number too large": one('"z":1e999,' + ONE),
    "a field unknown, 126 deep": one('"z":' + "[" * 126 + "]" * 126 + "," + ONE),
    "no UTF-8": named(b"\xff"),
    "an overlong form": named(b"\xc0\x80"),
    "surrogates in UTF-8": named(b"\xed\xa0\xbd\xed\xb8\x80"),
    "half an escaped pair": named(b"\\ud800"),
    "an escaped pair, reversed": named(b"\\udc00\\ud800"),
    "no escape": named(b"\\x"),
    "a tab in a name": named(b"\t"),
    "a zero in a name": named(b"\0"),
    "metadata twice": file_bytes('{"__metadata__":{},"__metadata__":{}}'),
    "metadata null, and twice": file_bytes('{"__metadata__":null,"__metadata__":{}}'),
    "metadata of numbers": file_bytes('{"__metadata__":{"k":1}}'),
    "metadata of nulls": file_bytes('{"__metadata__":{"k":null}}'),
    "metadata as a list": file_bytes('{"__metadata__":[]}'),
    "metadata as a tensor": file_bytes('{"__metadata__":{' + ONE + "}}", b"x"),
    "a tensor null": file_bytes('{"a":null}'),
    "a tensor without fields": one(""),
    "no dtype": one('"shape":[1],"data_offsets":[0,1]'),
    "no shape": one('"dtype":"U8","data_offsets":[0,1]'),
    "no offsets": one('"dtype":"U8","shape":[1]'),
    "a field twice": one('"dtype":"U8",' + ONE),
    "a dtype unknown": one(ONE.replace("U8", "C128")),
    "a dtype in small letters": one(ONE.replace("U8", "u8")),
    "a shape of floats": one(ONE.replace("[1]", "[1.0]")),
    "a shape with an exponent": one(ONE.replace("[1]", "[1e0]")),
    "a shape of texts": one(ONE.replace("[1]", '["1"]')),
    "a shape below zero": one(ONE.replace("[1]", "[-1]")),
    "a shape of minus zero": one('"dtype":"U8","shape":[-0],"data_offsets":[0,0]', b""),
    "a shape of 2^64": one('"dtype":"U8","shape":[0,18446744073709551616],'
                           '"data_offsets":[0,0]', b""),
    "a shape that overflows": one('"dtype":"U8","shape":[4294967296,4294967296,0],'
                                  '"data_offsets":[0,0]', b""),
    "half a byte": one(ONE.replace("U8", "F4")),
    "a size that does not fit": one(ONE.replace("U8", "F32")),
    "one offset": one(ONE.replace("[0,1]", "[0]")),
    "three offsets": one(ONE.replace("[0,1]", "[0,1,2]")),
    "offsets reversed": one(ONE.replace("[0,1]", "[1,0]")),
    "an offset of 2^64": one(ONE.replace("[0,1]", "[0,18446744073709551616]")),
    "a hole in front": one(ONE.replace("[0,1]", "[1,2]"), b"xx"),
    "a hole between": two(entry([1], 0, 1), entry([1], 2, 3), b"xxx"),
    "an overlap": two(entry([2], 0, 2), entry([2], 1, 3), b"xxx"),
    "the same bytes twice": two(entry([1], 0, 1), entry([1], 0, 1), b"x"),
    "an empty tensor within another": two(entry([2], 0, 2), entry([0], 1, 1), b"xx"),
    "data cut short": one(ONE, b""),
    "data behind": one(ONE, b"xx"),
}
TWICE = ("the format disallows duplicate keys, of which Python takes the last, and no two readers "
         "need take the same")
LENIENT = "the format has no such form: Python's reader takes it by the way that it was generated"
SAME = entry([1], 0, 1)
# What our message says, and why.
STRICTER = {
    "a key twice": (file_bytes(f'{{"a":{SAME},"a":{SAME}}}', b"x"), "is there twice", TWICE),
    "a key twice, once escaped": (file_bytes(f'{{"a":{SAME},"\\u0061":{SAME}}}', b"x"),
                                  "is there twice", TWICE),
    "a metadata entry twice": (file_bytes('{"__metadata__":{"k":"1","k":"2"}}'), "is there twice",
                               TWICE),
    "a field unknown, twice": (one('"z":1,"z":2,' + ONE), "is there twice", TWICE),
    "a tensor as a list": (file_bytes('{"a":["U8",[1],[0,1]]}', b"x"),
                           "is an array, must be an object", LENIENT),
    "a dtype as an object": (one(ONE.replace('"U8"', '{"U8":null}')),
                             "is an object, must be a string", LENIENT),
    "a shape of 2^63": (
        one('"dtype":"U8","shape":[0,9223372036854775808],"data_offsets":[0,0]', b""),
        "more than 2^63 - 1",
        "neither LibTorch nor NumPy has such a length: Python fails when it makes the array"),
}


def python_takes(data, path):
    def takes(read):
        try:
            read()
            return True
        except SafetensorError:
            return False

    def opened():
        with safe_open(path, framework="np") as file:
            return file.keys()

    verdict = takes(lambda: deserialize(data))
    assert takes(opened) == verdict, "Python's two readers differ"
    return verdict


def we_take(path):
    done = run("inspect", "--json", path)
    if done.returncode != 0:
        complaint_of(done)
    return done.returncode == 0


def content(data):
    return {key: (DTYPES[about["dtype"]].torch_name, about["shape"])
            for key, about in deserialize(data)}


def compare(path, cases, expected):
    for what, data in cases.items():
        path.write_bytes(data)
        verdicts = python_takes(data, path), we_take(path)
        print(f"{what:32} {'  '.join('taken  ' if taken else 'refused' for taken in verdicts)}")
        assert verdicts == expected, (what, verdicts)


def compare_stricter(path):
    print("\nintended differences:")
    for what, (data, message, reason) in STRICTER.items():
        path.write_bytes(data)
        python = python_takes(data, path)
        assert message in complaint("inspect", path), what
        assert python or not safetensors.__version__.startswith("0.8."), what
        print(f"{what:32} {'taken  ' if python else 'refused'}  refused: {reason}")


def whole_file():
    return save({"a": np.arange(3, dtype=np.int16), "b.c:d": np.zeros((2, 0), np.float32),
                 "e": np.ones(())}, metadata={"k": "v"})


def compare_cut(path):
    whole = whole_file()
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        assert not python_takes(whole[:size], path) and not we_take(path), size


def compare_changed(path):
    """Files with one byte or two of the header changed: the same verdict, the same content."""
    generator, whole, taken, stricter = random.Random(5), whole_file(), 0, 0
    end = 8 + struct.unpack("<Q", whole[:8])[0]
    anywhere = range(8, end)
    in_names = [at for at in anywhere if whole[at] in b"abcdekv.: "]
    letters = b'{}[]",:0123456789abeknullU8FI\\ -.\x00\xff'
    for number in range(CHANGED):
        data = bytearray(whole)
        for _ in range(1 + number % 2):
            data[generator.choice(anywhere if number % 3 else in_names)] = generator.choice(letters)
        path.write_bytes(data)
        python, ours = python_takes(bytes(data), path), we_take(path)
        if python and not ours:
            assert "is there twice" in complaint("inspect", path), bytes(data)
            stricter += 1
            continue
        assert python == ours, (bytes(data), python, ours)
        if ours:
            rows = inspect(path)["tensors"]
            found = {row["name"]: (row["dtype"], row["shape"]) for row in rows}
            assert found == content(bytes(data)), bytes(data)
            taken += 1
    assert taken >= CHANGED / 20, taken
    print(f"{CHANGED} changed headers: {taken} taken by both, {stricter} by Python alone, for a "
          "key twice")


def main():
    with tempfile.TemporaryDirectory() as name:
        path = pathlib.Path(name) / "x.safetensors"
        print(f"{'':32} {'Python':7}  anycapture")
        compare(path, SOUND, (True, True))
        compare(path, BROKEN, (False, False))
        compare_stricter(path)
        compare_cut(path)
        compare_changed(path)


if __name__ == "__main__":
    main()
