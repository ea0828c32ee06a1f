# SPDX-License-Identifier: MIT
"""The program `anycapture`, whose path is the test's argument."""

import json
import pathlib
import subprocess
import sys


def run(*arguments):
    return subprocess.run([sys.argv[1], *map(str, arguments)], capture_output=True)


def said(*arguments):
    done = run(*arguments)
    assert done.returncode == 0 and not done.stderr, (arguments, done.returncode, done.stderr)
    return done.stdout.decode()


def convert(source, target, *options):
    assert said("convert", source, target, *options) == ""


def inspect(path):
    return json.loads(said("inspect", "--json", path))


def stats(path):
    return {row["name"]: row for row in json.loads(said("stats", "--json", path))}


def complaint(*arguments):
    """The one line with which it refuses a file."""
    return complaint_of(run(*arguments))


def complaint_of(done):
    text = done.stderr.decode()
    assert done.returncode == 3, (done.args, done.returncode, text)
    assert not done.stdout and text.startswith("anycapture: ") and text.count("\n") == 1, text
    return text


def refusal(source, target, *options):
    """Of a conversion, which leaves nothing."""
    text = complaint("convert", source, target, *options)
    assert not pathlib.Path(target).exists()
    return text
