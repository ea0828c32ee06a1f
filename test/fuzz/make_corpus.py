#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""usage: test/fuzz/make_corpus.py

Writes the hostile inputs of test/fuzz/corpus. Inputs that a fuzzer found lie beside them, and stay.
The safetensors cases follow tensor.rs and attacks/ of github.com/huggingface/safetensors.
"""
import json
import pathlib
import struct
import zlib

CORPUS = pathlib.Path(__file__).parent / "corpus"


def put(target, name, data):
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data if isinstance(data, bytes) else data.encode())


def safetensors(header, data=b"", length=None):
    text = header if isinstance(header, bytes) else header.encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def tensor(dtype="U8", shape="[2]", offsets="[0,2]"):
    return f'{{"dtype":"{dtype}","shape":{shape},"data_offsets":{offsets}}}'


def captures():
    one = '{"test":' + tensor("I32", "[2,2]", "[0,16]") + "}"
    return {
        "sound": safetensors(one, bytes(16)),
        "empty_file": b"",
        "length_alone": safetensors("", length=60),
        "header_over_limit": safetensors(one, bytes(16), length=100_000_001),
        "header_of_2_64": safetensors(one, bytes(16), length=2**64 - 1),
        "header_past_the_end": safetensors(one, bytes(16), length=1000),
        "no_utf8": safetensors(b"\xff"),
        "no_json": safetensors("{"),
        "padded": safetensors("\t\n{}\r "),
        "byte_order_mark": safetensors(b"\xef\xbb\xbf{}"),
        "null_metadata": safetensors('{"__metadata__":null}'),
        "overlap": safetensors('{"a":' + tensor() + ',"b":' + tensor() + "}", b"xx"),
        "hole": safetensors('{"a":' + tensor() + ',"b":' + tensor(offsets="[3,5]") + "}", b"xxxxx"),
        "key_twice": safetensors('{"a":' + tensor() + ',"a":' + tensor(offsets="[2,4]") + "}", b"xxxx"),
        "unknown_dtype": safetensors('{"a":' + tensor("F33") + "}", b"xx"),
        "past_the_end": safetensors('{"a":' + tensor(shape="[4]", offsets="[0,4]") + "}", b"xx"),
        "trailing_bytes": safetensors(one, bytes(16) + b"extra_bogus_data_for_polyglot_file"),
        "wrong_size": safetensors('{"test":' + tensor("I32", "[2,2]", "[0,4]") + "}"),
        "shape_over_2_63": safetensors('{"a":' + tensor("I32", "[2,18446744073709551614]", "[0,16]") + "}", bytes(16)),
        "elements_over_2_64": safetensors('{"a":' + tensor("I32", "[2,9223372036854775807]", "[0,16]") + "}", bytes(16)),
        "offsets_turned": safetensors('{"a":' + tensor(offsets="[2,0]") + "}", b"xx"),
        "part_of_a_byte": safetensors('{"a":' + tensor("F4", "[3]", "[0,1]") + "}", b"x"),
        "empty_tensors": safetensors(
            '{"a":' + tensor("F32", "[0,4611686018427387904]", "[0,0]") + ',"b":' + tensor("U8", "[]", "[0,1]") + "}", b"x"
        ),
        "calls": safetensors(
            '{"__metadata__":{"anycapture":' + json.dumps(METADATA) + "},"
            '"m:x":' + tensor("F32", "[1,2,2]", "[0,16]") + ',"m:x#2":' + tensor("BF16", "[2]", "[16,20]") + ',"m:x#10":'
            + tensor("BOOL", "[2]", "[20,22]") + "}",
            struct.pack("<4f", 0.25, 0.75, 1.0, 0.0) + bytes(6),
        ),
        "call_twice": safetensors('{"a#1":' + tensor() + ',"a#01":' + tensor(offsets="[2,4]") + "}", b"xxxx"),
        "all_dtypes": all_dtypes(),
    }


def all_dtypes():
    bits = {"F4": 4, "F6_E2M3": 6, "F6_E3M2": 6, "BOOL": 8, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8,
            "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8, "I16": 16, "U16": 16, "F16": 16, "BF16": 16, "I32": 32, "U32": 32,
            "F32": 32, "F64": 64, "I64": 64, "U64": 64, "C64": 64}
    entries, end = [], 0
    for dtype, size in bits.items():
        start, end = end, end + 4 * size // 8
        entries.append(f'"{dtype}":' + tensor(dtype, "[2,2]", f"[{start},{end}]"))
    return safetensors("{" + ",".join(entries) + "}", bytes(i * 37 % 256 for i in range(end)))


METADATA = json.dumps({
    "version": 1, "order": ["m:x"], "calls": {"m:x": [{"sequence": 0, "thread": 0, "path": "m"}]},
    "sites": {"m:x": {"path": "m", "type": "Linear", "what": "x", "dtype": "float32"}}, "model": "Net", "libtorch": "2.13.0",
    "grid": [2, 3], "prefix": 1, "tokens": ["a", "\u00e9"], "image": {"key": ":input.0", "mean": [0.5], "std": [1, 2e-3]},
    "other": {"deep": [[1, None, True, -1.5e300]]},
})


def metadata():
    return {
        "whole": METADATA,
        "least": '{"version":1}',
        "later_version": '{"version":2}',
        "key_twice": '{"version":1,"version":1,"model":"a","model":"b"}',
        "zero_byte": b'{"version":1}\0x',
        "no_utf8": b'{"version":1,"model":"\xff"}',
        "lone_surrogate": '{"version":1,"model":"\\ud800"}',
        "huge_number": '{"version":1,"x":1e999}',
        "negative_zero": '{"version":1,"image":{"key":"","mean":[-0.0,-0,5e-324]}}',
        "deep": '{"version":1,"x":' + "[" * 63 + "]" * 63 + "}",
        "too_deep": "[" * 3000,
    }


def npy(dict_text, data=b"", version=1, length=None):
    text = dict_text.encode()
    length = len(text) if length is None else length
    packed = struct.pack("<H" if version == 1 else "<I", length)
    return b"\x93NUMPY" + bytes([version, 0]) + packed + text + data


def npy_dict(dtype="<f4", shape="(2,)", fortran="False"):
    return f"{{'descr': '{dtype}', 'fortran_order': {fortran}, 'shape': {shape}, }}\n"


def arrays():
    return {
        "sound": npy(npy_dict(), bytes(8)),
        "columns": npy(npy_dict("|u1", "(2, 3, 2)", "True"), bytes(range(12))),
        "version_2": npy(npy_dict(), bytes(8), version=2),
        "version_4": npy(npy_dict(), bytes(8), version=4),
        "objects": npy(npy_dict("|O", "()"), b"\x80\x04K\x01."),
        "records": npy("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }", bytes(4)),
        "code": npy("__import__('os').system('x')"),
        "header_past_the_end": npy(npy_dict(), length=60000),
        "header_of_4_gb": npy(npy_dict(), version=2, length=2**32 - 1),
        "elements_over_2_64": npy(npy_dict("<f8", "(4611686018427387904, 16)")),
        "length_over_2_63": npy(npy_dict(shape="(9223372036854775808,)")),
        "cut_short": npy(npy_dict(), bytes(7)),
        "trailing_bytes": npy(npy_dict(), bytes(9)),
        "empty": npy(npy_dict("<f4", "(0, 7)")),
        "many_axes": npy(npy_dict("|u1", "(" + "1," * 64 + ")"), b"x"),
        "too_many_axes": npy(npy_dict("|u1", "(" + "1," * 1000 + ")", "True"), b"x"),
        "python_2": npy("{'shape':(2L,), \"fortran_order\":False,'descr':\"<i2\"}", bytes(4)),
    }


def zip_file(members, list_names=None, comment=b""):
    """Members are (name, data) or (name, data, fields that lie)."""
    body, names = b"", b""
    for name, data, *lies in members:
        fields = {"flags": 0, "method": 0, "checksum": zlib.crc32(data), "packed": len(data), "bytes": len(data)}
        if lies and lies[0].get("deflate"):
            packer = zlib.compressobj(9, zlib.DEFLATED, -15)
            data = packer.compress(data) + packer.flush()
            fields.update(method=8, packed=len(data))
        fields.update({key: value for key, value in (lies[0] if lies else {}).items() if key != "deflate"})
        name = name.encode() if isinstance(name, str) else name
        common = struct.pack("<HHHHHIIIHH", 20, fields["flags"], fields["method"], 0, 0x21, fields["checksum"],
                             fields["packed"], fields["bytes"], len(name), 0)
        names += b"PK\1\2" + struct.pack("<H", 20) + common + bytes(10) + struct.pack("<I", fields.get("at", len(body))) + name
        body += b"PK\3\4" + common + name + data
    end = struct.pack("<HHHHIIH", 0, 0, len(members), len(members), len(names), len(body), len(comment))
    return body + names + b"PK\5\6" + end + comment


def block(data, last):
    return struct.pack("<BHH", last, len(data), len(data) ^ 0xFFFF) + data


def bomb_of_shared_bytes():
    """Each member's data quotes the next one's header, and then goes on as that one's data."""
    plain = npy(npy_dict("|u1", "(100,)"), bytes(100))
    packed, entries = block(plain, True), []
    for name in (b"a.npy", b"b.npy", b"c.npy"):
        common = struct.pack("<HHHHHIIIHH", 20, 0, 8, 0, 0x21, zlib.crc32(plain), len(packed), len(plain), len(name), 0)
        header = b"PK\3\4" + common + name
        body = header + packed
        entries.append((common, len(body), name))
        array = npy(npy_dict("|u1", f"({len(header) + len(plain)},)"))
        packed = block(array, False) + block(header, False) + packed
        plain = array + header + plain
    names = b"".join(b"PK\1\2" + struct.pack("<H", 20) + common + bytes(10) + struct.pack("<I", len(body) - back) + name
                     for common, back, name in entries)
    return body + names + b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, len(entries), len(entries), len(names), len(body), 0)


def archives():
    array = npy(npy_dict("|u1", "(3,)"), b"abc")
    zeros = npy(npy_dict("|u1", "(1000000,)"), bytes(1_000_000))
    return {
        "sound": zip_file([("a.npy", array), ("b.npy", array)]),
        "deflated": zip_file([("a.npy", array, {"deflate": True})]),
        "bomb": zip_file([("a.npy", zeros, {"deflate": True})]),
        "bomb_that_lies": zip_file([("a.npy", zeros, {"deflate": True, "bytes": 132})]),
        "bomb_of_shared_bytes": bomb_of_shared_bytes(),
        "bombs_that_overlap": zip_file([(f"{i}.npy", zeros, {"deflate": True, "at": 0}) for i in range(3)]),
        "promises_4_gb": zip_file([("a.npy", array, {"bytes": 4_000_000_000})]),
        "promises_4_gb_deflated": zip_file([("a.npy", array, {"bytes": 4_000_000_000, "method": 8})]),
        "absolute_name": zip_file([("/etc/a.npy", array)]),
        "name_above": zip_file([("../a.npy", array)]),
        "name_above_inside": zip_file([("b/../../a.npy", array)]),
        "name_of_windows": zip_file([("..\\a.npy", array)]),
        "name_no_utf8": zip_file([(b"\xff.npy", array)]),
        "name_twice": zip_file([("a.npy", array), ("a.npy", array)]),
        "name_twice_for_numpy": zip_file([("a.npy", array), ("a", array)]),
        "name_of_two_endings": zip_file([("a.npy.npy", array), ("a.npy", array)]),
        "objects": zip_file([("a.npy", npy(npy_dict("|O", "()"), b"\x80\x04K\x01."))]),
        "encrypted": zip_file([("a.npy", array, {"flags": 1})]),
        "lzma": zip_file([("a.npy", array, {"method": 14})]),
        "wrong_checksum": zip_file([("a.npy", array, {"checksum": 1})]),
        "others": zip_file([("notes.txt", b"hello"), ("folder/", b""), ("a.npy", array)]),
        "comment": zip_file([("a.npy", array)], comment=b"PK\5\6 in a comment"),
        "empty": zip_file([]),
    }


def sniffed():
    return {
        "gzip": b"\x1f\x8b\x08\0\0\0\0\0\2\xff",
        "pickle": b"\x80\x04\x95\x0b\0\0\0\0\0\0\0.",
        "hdf5": b"\x89HDF\r\n\x1a\n...",
        "json": " [1, 2]",
        "text": "na\u00efve\n",
        "header_of_640_bytes": safetensors("{}" + " " * 638),
        "checkpoint": zip_file([("ck/data.pkl", b"\x80\x02."), ("ck/data/0", b"x")]),
        "torchscript": zip_file([("ts/data.pkl", b"x"), ("ts/code/x.py", b"x")]),
        "exported": zip_file([("ex/archive_format", b"x")]),
    }


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width, height, depth, color, rows, interlace=0, extra=b""):
    start = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, interlace)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", start) + extra + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def exif(order, orientation, directory=8):
    number = "<" if order == b"II" else ">"
    entry = struct.pack(number + "HHIHH", 0x0112, 3, 1, orientation, 0)
    return b"Exif\0\0" + order + struct.pack(number + "HIH", 42, directory, 1) + entry


def jpeg_of_scans(scans):
    start = b"\xff\xd8\xff\xdb\0\x43\0" + b"\1" * 64 + b"\xff\xc2\0\x0b\x08\0\x08\0\x08\1\1\x11\0"
    codes = b"\xff\xc4\0\x14\0\1" + bytes(16)
    return start + codes + b"\xff\xda\0\x08\1\1\0\0\0\0\x7f" * scans + b"\xff\xd9"


def pictures():
    return {
        "scans_3.jpg": jpeg_of_scans(3),
        "scans_200.jpg": jpeg_of_scans(200),
        "more_pixels_than_bytes.png": png(500, 500, 8, 6, b"\0"),
        "grey_interlaced.png": png(3, 3, 8, 0, bytes(40), interlace=1),
        "palette_short.png": png(2, 1, 8, 3, b"\0\0\1", extra=chunk(b"PLTE", b"\1\2\3")),
        "transparent_grey.png": png(2, 1, 8, 0, b"\0\5\6", extra=chunk(b"tRNS", b"\0\5")),
        "text_bomb.png": png(1, 1, 8, 0, b"\0\5", extra=chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(1_000_000), 9))),
        "rows_missing.png": png(2, 9, 8, 2, b"\0\1\2\3\4\5\6"),
        "no_pixels.png": png(0, 1, 8, 0, b"\0"),
        "exif_little": exif(b"II", 6),
        "exif_big": exif(b"MM", 3),
        "exif_of_9": exif(b"II", 9),
        "exif_past_the_end": exif(b"II", 6, directory=2**32 - 1),
    }


def selectors():
    texts = {
        "plain": "Attention:attn;!blocks.0.*\nblocks.0.attn",
        "classes": "blocks.[0-5].[!a]{x,y{z,}}\nblocks.0.bx",
        "regex": "re:/blocks\\.\\d+/:output\nblocks.1",
        "types": "type:torch::nn::Linear*:output.0\nalias",
        "function": "fn:soft?ax:scores[*]\nsoftmax",
        "operator": "*:@softmax;path:a.b\na.b",
        "many_stars": "*a*a*a*a*a*a*b\n" + "a" * 40,
        "many_braces": "{a,b}" * 12 + "\nx",
        "open_class": "[]\n]",
    }
    return texts


def renames():
    return {
        "plain": "encoder.layer.(*).x=blocks.$1.x\nencoder.layer.7.x",
        "two": "(*).(?)=$2.$1\na.b",
        "whole": "a.*=b\na.c",
        "nested": "((*).x)=$1$2\na.x",
        "open": "(a=b\na",
        "accented": "?=b\n\u00e9",
        "newline": "*=b\na\nb",
        "ten": "(*)=$10\na",
        "many_stars": "*a*a*a*a*a*a*a*b=c\n" + "a" * 300,
        "brackets": "a[0]=b\na[0]",
    }


def leaf(name):
    return {"as_tensor": {"name": name}}


def tensor_meta(sizes, strides, dtype=7, offset=0):
    def numbers(values):
        return [{"as_int": value} for value in values]

    return {"dtype": dtype, "sizes": numbers(sizes), "requires_grad": False, "device": {"type": "cpu", "index": None},
            "strides": numbers(strides), "storage_offset": {"as_int": offset}, "layout": 7}


def program():
    """x + w, two of three rows of it."""
    def node(target, inputs, outputs):
        named = [{"name": name, "arg": arg, "kind": 1} for name, arg in inputs.items()]
        return {"target": f"torch.ops.aten.{target}", "inputs": named, "outputs": outputs, "metadata": {},
                "name": outputs[0].get("as_tensor", {}).get("name", "")}

    nodes = [node("add.Tensor", {"self": leaf("x"), "other": leaf("w")}, [leaf("add")]),
             node("slice.Tensor", {"self": leaf("add"), "dim": {"as_int": 0}, "end": {"as_int": 2}}, [leaf("slice_1")])]
    graph = {"inputs": [leaf("w"), leaf("x")], "outputs": [leaf("slice_1")], "nodes": nodes,
             "tensor_values": {name: tensor_meta([3], [1]) for name in ("w", "x", "add", "slice_1")},
             "sym_int_values": {}, "sym_bool_values": {}, "sym_float_values": {}, "custom_obj_values": {},
             "is_single_tensor_return": False}
    one = '{"type": null, "context": null, "children_spec": []}'
    several = '{"type": "builtins.tuple", "context": "null", "children_spec": [%s]}'
    keywords = '{"type": "builtins.dict", "context": "[]", "children_spec": []}'
    root = {"inputs": [], "outputs": [], "in_spec": "[1, " + several % (several % one + ", " + keywords) + "]",
            "out_spec": "[1, " + one + "]", "forward_arg_names": ["x"]}
    signature = {"input_specs": [{"parameter": {"arg": {"name": "w"}, "parameter_name": "w"}},
                                 {"user_input": {"arg": leaf("x")}}],
                 "output_specs": [{"user_output": {"arg": leaf("slice_1")}}]}
    return {"graph_module": {"graph": graph, "signature": signature, "metadata": {}, "treespec_namedtuple_fields": {},
                             "module_call_graph": [{"fqn": "", "signature": root}]},
            "opset_version": {"aten": 10}, "range_constraints": {}, "schema_version": {"major": 8, "minor": 20},
            "verifiers": ["ATEN"], "torch_version": "2.13.0", "guards_code": []}


def weight(sizes=(3,), strides=(1,), **more):
    return {"path_name": "weight_0", "is_param": True, "use_pickle": False, "tensor_meta": tensor_meta(sizes, strides, **more)}


def exported():
    def lines(change=lambda model: None, entry=None, data=bytes(12)):
        model = program()
        change(model["graph_module"]["graph"])
        return "\n".join(map(json.dumps, (model, {"config": {"w": entry or weight()}}, {"config": {}}))).encode() + b"\n" + data

    def cycle(graph):
        graph["nodes"][0]["inputs"][1]["arg"] = leaf("slice_1")

    def nested(graph):
        for _ in range(40):
            arg = {"as_graph": {"name": "inner", "graph": json.loads(json.dumps(graph))}}
            graph["nodes"] = [{"target": "torch.ops.higher_order.cond", "inputs": [{"name": "", "arg": arg, "kind": 1}],
                               "outputs": [leaf("slice_1")], "metadata": {}, "name": "cond"}]

    return {
        "sound": lines(),
        "empty": b"\n\n\n",
        "deep": b'{"graph_module":' + b"[" * 5000 + b"\n{}\n{}\n",
        "cyclic": lines(cycle),
        "graphs_in_graphs": lines(nested),
        "no_arguments": lines(lambda graph: graph["nodes"][0].update(inputs=[])),
        "no_results": lines(lambda graph: graph["nodes"][0].update(outputs=[])),
        "unknown_operator": lines(lambda graph: graph["nodes"][0].update(target="torch.ops.aten.add.None")),
        "cut_short": lines(data=bytes(11)),
        "out_of_the_record": lines(entry=weight(offset=1)),
        "strides_over_2_63": lines(entry=weight((2, 2), (2**62, 2**62))),
        "offset_of_2_63": lines(entry=weight(offset=2**63 - 1)),
        "strides_back": lines(entry=weight(strides=(-1,))),
        "unknown_dtype": lines(entry=weight(dtype=99)),
        "path_above": lines(entry={**weight(), "path_name": "../weights/weight_0"}),
        "pickled": lines(entry={**weight(), "use_pickle": True}),
    }


def main():
    makers = {"capture": captures, "metadata": metadata, "npy": arrays, "npz": archives, "sniff": sniffed,
              "picture": pictures, "selector": selectors, "rename": renames, "exported": exported}
    for target, make in makers.items():
        for name, data in make().items():
            put(target, name, data)


main()
