# SPDX-License-Identifier: MIT
"""Which value of Python's each site of an archive is to be compared with."""

import re

import torch

import models
from reference import local


# transformers compares positions under vmap, where Python's variables hold one at a time, but not
# while it is traced.
VMAPPED = ("q_idx", "kv_idx")


def is_site(sites, path, what):
    there = sites.get(path, ())
    return any(what[:end.start()] in there for end in re.finditer(r"\.|$", what))


def split(key):
    """`path:what#n` as path and what."""
    return re.sub(r"#\d+$", "", key).rsplit(":", 1)


def nearest(value, candidates):
    """The candidate that is the same, else the one that is closest."""
    alike = [one for one in candidates if one.shape == value.shape and one.dtype == value.dtype]
    for one in alike:
        if torch.equal(one, value):
            return one
    distances = [(one.double() - value.double()).abs().max().item() for one in alike]
    return alike[distances.index(min(distances))] if alike else candidates[0]


def assignment(what):
    """`attn` of `attn[0]` or `attn.1[0]`; None of others."""
    found = re.fullmatch(r"(.*?)(\.\d+)*\[\d+\]", what)
    return found and found[1]


def scripted(ours, reference, sites):
    """By name: every output, input and last value of a variable. What a variable was assigned, `x[0]`,
    is one of those that it held."""
    wanted, absent = {}, []
    for key, values in reference.calls.items():
        if not is_site(sites, *split(key)):
            absent.append(key)
            continue
        for n, value in enumerate(values):
            wanted[f"{key}#{n}" if n else key] = value
    held = {f"{path}:{local(function, name)}": values
            for (path, function, name), values in reference.held.items()}
    for key, value in ours.items():
        path, what = split(key)
        name = assignment(what)
        if name and f"{path}:{name}" in held:
            wanted[key] = nearest(value, held[f"{path}:{name}"])
    return wanted, absent


def shipped(ours, reference, sites):
    """What every variable of a module's own methods was in the end, too, is one of what it held."""
    wanted, absent = scripted(ours, reference, sites)
    held = {f"{path}:{local(function, name)}": values
            for (path, function, name), values in reference.held.items()}
    for key, value in ours.items():
        if key not in wanted and "#" not in key and key in held:
            wanted[key] = nearest(value, held[key])
    return wanted, absent


def traced(ours, reference, sites):
    """A trace leaves out what is not used, calls a second call `forward1` and names a value as the code
    that reads it first does. So each value of the archive must be one that the module's output, input
    or variable of that name had. A module of a trace also takes what its code finds elsewhere, and
    returns what others take from inside it: that must be some value that Python had."""
    wanted, absent, found = {}, [], {}
    of_module, of_name, of_any = {}, {}, list(reference.weights)
    for key, values in reference.calls.items():
        path, what = split(key)
        of_module.setdefault((path, what.split(".")[0]), []).extend(values)
    for (path, _, name), values in reference.held.items():
        of_module.setdefault((path, name), []).extend(values)
        of_name.setdefault(name, []).extend(values)
        of_any += values
    for key, value in ours.items():
        path, what = split(key)
        kind = re.fullmatch(r"(?:forward\d+\.)?(output|input)(\..*)?", what)
        name = kind[1] if kind else re.sub(r"^forward\d*\.", "", assignment(what) or "")
        candidates = of_module.get((path, name))
        if not candidates or name in VMAPPED:
            continue
        wanted[key] = nearest(value, candidates)
        if not same(value, wanted[key]):  # `of_name`: a variable of a function in between
            wanted[key] = nearest(value, of_any if kind else of_name[name])
        found.setdefault((path, name), []).append(value)
    for key, values in reference.calls.items():
        path, what = split(key)
        name = what.split(".")[0]
        theirs = found.get((path, name), [])
        if all(any(same(one, value) for one in theirs) for value in values):
            continue
        if theirs or not is_site(sites, path, name):
            absent.append(key)
        else:
            wanted[key] = values[0]  # which diff will miss
    return wanted, absent


def frozen(ours, reference, sites):
    """All functions have become one, of the root: a name is that of any of them."""
    of_name = {}
    for (_, _, name), values in reference.held.items():
        of_name.setdefault(name, []).extend(values)
    wanted, absent = {}, []
    for key, values in reference.calls.items():
        path, what = split(key)
        if path == "" and what.split(".")[0] in ("output", "input"):
            wanted[key] = values[0]
        else:
            absent.append(key)
    for key, value in ours.items():
        name = assignment(split(key)[1])
        name = name and name.rsplit(".", 1)[-1]
        if name in of_name:
            wanted[key] = nearest(value, of_name[name])
    return wanted, absent


def number(key):
    """Of the call: 1 of `path:what#1`."""
    return int(key.partition("#")[2] or 0)


def whole(key):
    """Path, name and call of what the key is a part of: `output` for `output.0`, `x` for `x.1`. None
    of what has its right name for certain: inputs and outputs of the root; of assignments."""
    path, what = split(key)
    name = re.match(r"(forward\.)?[^.]*", what)[0]
    if "[" in what or (path == "" and name in ("output", "input")):
        return None
    return path, name, number(key)


def by_given(calls):
    """With the root's inputs numbered among those that were given, as the archive knows no others."""
    places = sorted({int(split(key)[1].split(".")[1]) for key in calls
                     if re.match(r":input\.\d", key)})
    return {re.sub(r"^:input\.(\d+)", lambda found: f":input.{places.index(int(found[1]))}", key):
            values for key, values in calls.items()}


def exported(ours, reference, sites):
    """By name, as scripted ones. But the graph does not say at which place of a tuple a module returns a
    value or takes one, nor what a variable is that holds several, and has none that nothing reads:
    where there are several, or the names are not the same, each value of the archive must be one of
    those that Python has there in that call, and there must be one. Modules with the same weights are one, and each
    of its values must be one of any of them. Only functions called `forward` are known to the
    archive, and a site may have the name of another: `relu`."""
    functions = {(path, function) for path, function, _ in reference.held}
    first = {path: one for one, paths in sites.aliases.items() for path in paths}
    sites = {path: {what for what in whats if (path, what) not in functions}
             for path, whats in sites.items()}
    reference.calls = by_given(reference.calls)
    wanted, absent = scripted(ours, reference, sites)
    theirs, captured = {}, {}
    for key, values in reference.calls.items():
        for n, value in enumerate(values):
            numbered = f"{key}#{n}" if n else key
            if whole(numbered):
                theirs.setdefault(whole(numbered), {})[numbered] = value
    for key in ours:
        if whole(key):
            captured.setdefault(whole(key), []).append(key)
    for path, name, n in [call for call in theirs if call[0] in first]:
        moved = theirs.pop((path, name, n))
        for call in captured:
            if call[:2] == (first[path], name):
                theirs.setdefault(call, {}).update(moved)
    for call, keys in captured.items():
        values = theirs.get(call, {})
        if not values or list(values) == keys and len(keys) == 1:
            continue
        for key in values:
            wanted.pop(key, None)
        wanted.update((key, nearest(ours[key], list(values.values()))) for key in keys)
        found = [wanted[key] for key in keys]
        unread = {key for key, value in values.items() if not any(one is value for one in found)}
        absent = [key for key in absent if key not in values] + sorted(unread)
    return wanted, absent


def same(a, b):
    return a.dtype == b.dtype and torch.equal(a, b)


def of(kind):
    return {models.TRACED: traced, models.FROZEN: frozen, models.SHIPPED: shipped,
            models.EXPORTED: exported, models.ANY_SIZE: exported}.get(kind, scripted)
