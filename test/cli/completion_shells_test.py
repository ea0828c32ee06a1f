# SPDX-License-Identifier: MIT
"""usage: completion_shells_test.py SHELL PROGRAM SCRIPT

Types into a real, interactive bash, zsh or fish on a terminal, presses TAB, and reads what the line
has become. SHELL may be bash-completion: a bash that loads SCRIPT as that package does.
"""

import json
import os
import pty
import select
import shutil
import struct
import sys
import tempfile
import time
from pathlib import Path

KEYS = [
    "blocks.0:output",
    "blocks.0.attn:attn",
    "blocks.0.attn:attn#1",
    "blocks.10.attn:attn",
    "encoder layer:output[0]",
    "it's:a \"b\" $HOME `c` \\d",
    "único:é 中",
    "z#=:x@y:{a,b}",
    "under:a:tab\tin it",
]

# What is typed before TAB, and what the line is behind it.
CASES = [
    ("anycapture plo", "anycapture plot "),
    ("anycapture pla", "anycapture plain.safetensors "),
    ("anycapture conv", "anycapture convert "),
    ("anycapture stats --no", "anycapture stats --no-quantiles "),
    ("anycapture inspect --t", "anycapture inspect --tree "),
    ("anycapture inspect pl", "anycapture inspect plain.safetensors "),
    ("anycapture inspect ot", "anycapture inspect other.txt "),  # nothing that is meant
    ("anycapture inspect fol", "anycapture inspect folder/"),
    ("anycapture inspect folder/", "anycapture inspect folder/inner.safetensors "),
    ("anycapture convert plain.safetensors out.npz --dtype b",
     "anycapture convert plain.safetensors out.npz --dtype bf16 "),
    ("anycapture convert plain.safetensors out.npz --dtype=b",
     "anycapture convert plain.safetensors out.npz --dtype=bf16 "),
    ("anycapture completion z", "anycapture completion zsh "),
    ("anycapture inspect plain.safetensors blocks.0:",
     "anycapture inspect plain.safetensors blocks.0:output "),
    ("anycapture inspect plain.safetensors blocks.0:o",
     "anycapture inspect plain.safetensors blocks.0:output "),
    ("anycapture plain.safetensors blocks.1",
     "anycapture plain.safetensors blocks.10.attn:attn "),
    ("anycapture stats plain.safetensors blocks.0:output blocks.1",
     "anycapture stats plain.safetensors blocks.0:output blocks.10.attn:attn "),
    # What several keys share.
    ("anycapture inspect plain.safetensors bl", "anycapture inspect plain.safetensors blocks."),
    ("anycapture convert plain.safetensors out.npz --keys=blocks.1",
     "anycapture convert plain.safetensors out.npz --keys=blocks.10.attn:attn "),
    # In quotes.
    ("anycapture inspect plain.safetensors 'blocks.0:o",
     "anycapture inspect plain.safetensors 'blocks.0:output' "),
    ('anycapture inspect plain.safetensors "blocks.0:o',
     'anycapture inspect plain.safetensors "blocks.0:output" '),
    ("anycapture inspect plain.safetensors 'encoder l",
     "anycapture inspect plain.safetensors 'encoder layer:output[0]' "),
    ("anycapture inspect 'my maps.safetensors' blocks.0:",
     "anycapture inspect 'my maps.safetensors' blocks.0:output "),
    ("anycapture inspect my\\ maps.safetensors blocks.0:",
     "anycapture inspect my\\ maps.safetensors blocks.0:output "),
    ("anycapture inspect ~/plain.safetensors blocks.0:",
     "anycapture inspect ~/plain.safetensors blocks.0:output "),
    ("anycapture inspect $HOME/plain.safetensors blocks.0:",
     "anycapture inspect $HOME/plain.safetensors blocks.0:output "),
    ("anycapture inspect ~/pl", "anycapture inspect ~/plain.safetensors "),
    # Nothing, and no message either.
    ("anycapture inspect plain.safetensors un", "anycapture inspect plain.safetensors un"),
    ("anycapture inspect none.safetensors b", "anycapture inspect none.safetensors b"),
    ("anycapture inspect broken.safetensors b", "anycapture inspect broken.safetensors b"),
    ("anycapture inspect $(touch ran) b", "anycapture inspect $(touch ran) b"),
    ("anycapture diff plain.safetensors plain.safetensors --rtol ",
     "anycapture diff plain.safetensors plain.safetensors --rtol "),
]

# What is typed for a key, of which quotes may be open; the line, when it is run, must name that key.
ROUND_TRIPS = [
    ("'blocks.1", 3), ('"blocks.1', 3),
    ("enc", 4), ("'enc", 4), ('"enc', 4), ("encoder\\ l", 4), ("encoder\\ layer:", 4),
    ("it", 5), ("'it", 5), ('"it', 5), ("it\\'s:a\\ ", 5), ('"it\'s:a ', 5),
    ("ú", 6), ("único:", 6), ("'único:", 6),
    ("z", 7), ("z#=:x@", 7), ("'z#=:x@", 7),
]


def safetensors(path, keys):
    header = {}
    for i, key in enumerate(keys):
        header[key] = {"dtype": "U8", "shape": [1], "data_offsets": [i, i + 1]}
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + bytes(len(keys)))


def prepare_bash(folder, script, dump):
    dump = f"bind -x '\"\\C-t\": {dump('$READLINE_LINE')}; READLINE_LINE= READLINE_POINT=0'"
    (folder / ".rc").write_text(f"PS1='> '\nsource {script}\n{dump}\n")
    (folder / ".inputrc").write_text("set enable-bracketed-paste off\n")
    return ["bash", "--noprofile", "--rcfile", folder / ".rc", "-i"]


def prepare_bash_completion(folder, script, dump):
    command = prepare_bash(folder, "/usr/share/bash-completion/bash_completion", dump)
    shutil.copy(script, new_folder(folder, "share/bash-completion/completions") / "anycapture")
    return command


def prepare_zsh(folder, script, dump):
    shutil.copy(script, new_folder(folder, "functions") / "_anycapture")
    (folder / ".zshrc").write_text(
        "PS1='> '\n"
        f"fpath=({folder}/functions $fpath)\nautoload -Uz compinit\ncompinit -u -D\n"
        f"dump() {{ {dump('$BUFFER')}; BUFFER= }}\n"
        "zle -N dump\nbindkey -e\nbindkey '^T' dump\n")
    return ["zsh", "-i"]


def prepare_fish(folder, script, dump):
    shutil.copy(script, new_folder(folder, ".config/fish/completions") / "anycapture.fish")
    (folder / ".config/fish/config.fish").write_text(
        "set fish_greeting\nset fish_autosuggestion_enabled 0\n"
        "function fish_prompt; echo -n '> '; end\n"
        f"function dump; set -l line (commandline | string collect); {dump('$line')}; commandline ''; end\n"
        "bind \\ct dump\n")
    return ["fish", "-i"]


SHELLS = {"bash": prepare_bash, "bash-completion": prepare_bash_completion, "zsh": prepare_zsh,
          "fish": prepare_fish}


def new_folder(parent, name):
    (parent / name).mkdir(parents=True)
    return parent / name


class Shell:
    """A shell on a terminal of its own. Ctrl-T there writes the line to a file, and empties it."""

    def __init__(self, name, folder, script):
        self.name = name
        self.line = folder / ".line"
        self.result = folder / ".result"
        command = SHELLS[name](folder, script, lambda line: f'printf %s "{line}" >{self.line}.new; '
                                                            f"mv {self.line}.new {self.line}")
        environment = {
            "HOME": folder, "ZDOTDIR": folder, "XDG_CONFIG_HOME": folder / ".config",
            "XDG_DATA_DIRS": folder / "share", "TERM": "xterm", "LC_ALL": "C.UTF-8",
            "PATH": f"{folder}/bin:{os.environ['PATH']}"}
        self.shown = b""
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.chdir(folder)
            os.execvpe(command[0], command, environment)
        self.wait(lambda: b"> " in self.shown)

    def wait(self, done, seconds=30):
        end = time.monotonic() + seconds
        while not done():
            if time.monotonic() > end:
                raise TimeoutError(f"the shell does not go on, it showed {self.shown[-2000:]!r}")
            if select.select([self.terminal], [], [], 0.02)[0]:
                self.shown += os.read(self.terminal, 65536)

    def press(self, keys):
        self.shown = b""
        os.write(self.terminal, keys.encode())

    def line_after(self, keys):
        self.line.unlink(missing_ok=True)
        self.press(keys + "\x14")
        self.wait(self.line.exists)
        return self.line.read_text()

    def output_of(self, keys):
        self.result.unlink(missing_ok=True)
        self.press(f"{keys} >{self.result}.new; mv {self.result}.new {self.result}\r")
        self.wait(self.result.exists)
        return self.result.read_text()

    def end(self):
        self.press("exit\r")
        try:
            self.wait(lambda: False)
        except OSError:  # the terminal is closed
            os.waitpid(self.pid, 0)


def make_files(folder, program):
    (new_folder(folder, "bin") / "anycapture").symlink_to(program)
    for name in ("plain", "my maps", "folder/inner"):
        (folder / name).parent.mkdir(exist_ok=True)
        safetensors(folder / f"{name}.safetensors", KEYS)
    new_folder(folder, "output")  # a part of a key is no folder
    for name in ("plain.txt", "other.txt", "broken.safetensors"):
        (folder / name).write_text("nothing of the kind")


def differences(shell, folder):
    for typed, expected in CASES:
        line = shell.line_after(typed + "\t")
        if line != expected:
            yield f"{typed!r} became {line!r}, not {expected!r}; shown: {shell.shown!r}"
    for typed, key in ROUND_TRIPS:
        said = shell.output_of(f"anycapture inspect plain.safetensors --json {typed}\t")
        keys = [tensor["key"] for tensor in json.loads(said)["tensors"]] if said else said
        if keys != [KEYS[key]]:
            yield f"{typed!r} named {keys!r}, not {KEYS[key]!r}; shown: {shell.shown!r}"
    said = shell.output_of("anycapture inspect plain.safetensors --show blocks.0.attn:attn#\t")
    if not said.startswith("blocks.0.attn:attn#1"):
        yield f"a later call was not completed: {said}; shown: {shell.shown!r}"
    shell.line_after("anycapture inspect plain.safetensors blocks.0\t\t")
    for listed in ("output", "attn", "uint8 [1]")[:2 if shell.name.startswith("bash") else 3]:
        if listed.encode() not in shell.shown:
            yield f"{listed!r} was not listed: {shell.shown!r}"
    (folder / "bin/anycapture").unlink()
    line = shell.line_after("anycapture inspect p\t")
    said = [word for word in (b"ommand", b"found", b"o such file") if word in shell.shown]
    if line != "anycapture inspect p" or said:
        yield f"without the program: {line!r}; shown: {shell.shown!r}"
    if (folder / "ran").exists():
        yield "a command in the line was run"


def main(name, program, script):
    with tempfile.TemporaryDirectory() as path:
        folder = Path(path)
        make_files(folder, program)
        shell = Shell(name, folder, script)
        found = list(differences(shell, folder))
        shell.end()
    for line in found:
        print(line)
    return 1 if found else 0


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1], Path(sys.argv[2]).resolve(), Path(sys.argv[3]).resolve()))
