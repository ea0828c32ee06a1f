# SPDX-License-Identifier: MIT
"""usage: cli.py ANYCAPTURE BENCH FOLDER

Prints the README's table of the commands; BENCH has read_speed and write_speed. Needs numpy and
safetensors, 12 GiB of disk in FOLDER, 5 GiB in /dev/shm, and files that stay in the page cache. Sides
that are compared run in turn; the least of the runs counts.
"""
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import numpy
from safetensors.numpy import save_file

program = sys.argv[1]
bench, folder = map(pathlib.Path, sys.argv[2:4])


def seconds(command, expected=0):
    start = time.perf_counter()
    status = subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode
    assert status == expected, (command, status)
    return time.perf_counter() - start


def least(runs, *functions):
    """Of each function, run in turn."""
    taken = [[] for _ in functions]
    for _ in range(runs):
        for times, function in zip(taken, functions):
            times.append(function())
    return [min(times) for times in taken]


def file_of(name, gib):
    """Random float32 values in tensors of 256 MiB."""
    random = numpy.random.default_rng(len(name))
    size = (64 << 20,)
    tensors = {f"t{i}:x": random.standard_normal(size, numpy.float32) for i in range(4 * gib)}
    save_file(tensors, folder / name)
    return str(folder / name), tensors


def peak_mib(command):
    """Resident memory that is not of a file, in MiB."""
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    most = 0
    while child.poll() is None:
        try:
            for line in open(f"/proc/{child.pid}/status", encoding="utf-8"):
                if line.startswith("RssAnon:"):
                    most = max(most, int(line.split()[1]))
        except OSError:
            break
        time.sleep(0.002)
    return most / 1024


def row(what, goal, measured):
    print(f"| {what} | {goal} | {measured} |", flush=True)


def timed(function):
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def save_and_sync(path, tensors):
    save_file(tensors, path)
    with open(path, "rb") as file:
        os.fsync(file.fileno())


def savez_and_sync(path, tensors):
    with open(path, "wb") as file:
        numpy.savez(file, **tensors)
        file.flush()
        os.fsync(file.fileno())


small = folder / "small.safetensors"
save_file({f"blocks.{i}.attn:attn": numpy.zeros((1, 3, 65, 65), numpy.float32) for i in range(12)}, small)
big, _ = file_of("big.safetensors", 4)
one, tensors = file_of("one.safetensors", 1)
print("| | goal | measured |\n| --- | --- | --- |")
(inspect,) = least(50, lambda: seconds([program, str(small)]))
row("`anycapture inspect` of a small file, whole process", "15 ms", f"{inspect * 1e3:.1f} ms")

speed = 0.0


def read():
    global speed
    speed = max(speed, float(subprocess.check_output([bench / "read_speed"])))
    return 0


_, plain, full = least(
    10,
    read,
    lambda: seconds([program, "stats", big, "--no-quantiles"]),
    lambda: seconds([program, "stats", big]),
)
row("`stats --no-quantiles`, 4 GiB in the page cache, against the speed of memory", "0.5 x",
    f"{4 / plain / speed:.2f} x ({4 / plain:.1f} of {speed:.1f} GiB/s)")
row("`stats`, the same", "0.15 x", f"{4 / full / speed:.2f} x ({4 / full:.1f} GiB/s)")

two, _ = file_of("two.safetensors", 2)
other = folder / "other.safetensors"
other.write_bytes(pathlib.Path(two).read_bytes())
_, same = least(10, read, lambda: seconds([program, "diff", two, str(other)]))
row("`diff` of two 2 GiB files", "0.5 x", f"{4 / same / speed:.2f} x ({4 / same:.1f} GiB/s)")


def sides_of_writing(place):
    """Seconds to write 1 GiB: safetensors by us and by Python, npz by us and by Python."""
    out, theirs, npz, npz_theirs = (
        str(place / name) for name in ("o.safetensors", "p.safetensors", "o.npz", "p.npz"))
    return least(
        7,
        lambda: float(subprocess.check_output([bench / "write_speed", out])),
        lambda: timed(lambda: save_and_sync(theirs, tensors)),
        lambda: seconds([program, "convert", one, npz]),
        lambda: timed(lambda: savez_and_sync(npz_theirs, tensors)),
    )


# A disk's cache, full or not, is most of what is seen there; in memory it is the writer.
with tempfile.TemporaryDirectory(dir="/dev/shm") as memory:
    in_memory = sides_of_writing(pathlib.Path(memory))
on_disk = sides_of_writing(folder)


def write_row(what, first):
    memory, disk = (times[first] / times[first + 1] for times in (in_memory, on_disk))
    row(what, "1 x", f"{memory:.2f} x; with the disk {disk:.2f} x")


write_row("1 GiB in memory to safetensors, against Python's safetensors", 0)
write_row("1 GiB to npz, stored, by `convert`, against `numpy.savez`", 2)
out, npz = str(folder / "out.safetensors"), str(folder / "out.npz")
peaks = [
    peak_mib([program, "stats", big]),
    peak_mib([program, "diff", big, big]),
    peak_mib([program, "convert", big, npz]),
    peak_mib([program, "convert", big, out, "--dtype", "f16"]),
]
row("memory of `stats`, `diff`, `convert`, `convert --dtype f16`, 4 GiB, beside the page cache",
    "256 MiB", ", ".join(f"{peak:.0f}" for peak in peaks) + " MiB")
