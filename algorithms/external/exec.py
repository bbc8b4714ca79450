"""Somebody else's codec, in any language: a program that encodes a file and a program that decodes it.

    exec:enc="./their_encode {in} {out}",dec="./their_decode {in} {out}"

Each command is split into words as a POSIX shell does, but no shell runs it. ``{in}`` and ``{out}`` become the paths of
temporary files in an empty folder. The encoder is given the file as it is (a WAV file, as the challenge's protocol
has it); what it writes is the payload, and all that the decoder is given. The commands are never stored: a .n1c file
says no more than that it needs them, and whoever decodes it names them again.

The seconds of a call are the wall time of the program's process, its reading and writing of files included, less the
start of a process. That is the median wall time of the last runs of ``start``, a command that does nothing, of which
there is one more before each call: the system's by default, better one of the program's kind, such as
``python3 -c pass`` for a Python program. What is left is at least the interquartile range of these runs, because less
cannot be told from nothing.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
from collections import deque
from contextlib import suppress
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import IO

import numpy as np

from n1codec.codec import CodecError, FileCoder, Run, SpecError, Text

_NOTHING = "cmd /c exit" if os.name == "nt" else "true"
_RUNS = 15
_SHELL = re.compile(r"^(\||\|\||&&?|;|[0-9]*[<>]{1,2}.*|~.*|[A-Za-z_][A-Za-z0-9_]*=.*)$|\$[A-Za-z_({]|[*?]|`")
"""Words that mean something to a shell alone."""


class Exec(FileCoder):
    wire = "e"
    enc: str
    dec: str
    start: str
    params = {
        "enc": Text(help="command that encodes the file {in} into the file {out}"),
        "dec": Text(help="command that decodes the file {in} into the file {out}"),
        "start": Text(_NOTHING, help="command that does nothing, whose time is not the codec's"),
    }

    def __init__(self, **values: object) -> None:
        super().__init__(**values)
        for key in ("enc", "dec"):
            if not all(name in getattr(self, key) for name in ("{in}", "{out}")):
                raise SpecError(
                    f'exec: {key} is no command with {{in}} and {{out}} (write {key}="./program {{in}} {{out}}")'
                )
        self._words = {key: _split(key, getattr(self, key)) for key in self.params}

    def files(self) -> list[Path]:
        words = [*self._words["enc"], *self._words["dec"]]
        return [path for word in dict.fromkeys(words) if (path := Path(shutil.which(word) or word)).is_file()]

    def run_encoder(self, data: bytes) -> Run:
        return self._run("enc", data, -1)

    def run_decoder(self, data: bytes, size: int) -> Run:
        return self._run("dec", data, size + 1)

    def _run(self, key: str, data: bytes, most: int) -> Run:
        """Return what a program makes of a file of ``data``, at most ``most`` bytes of it unless that is negative."""
        start_seconds, least = _process_start(self.start)
        with TemporaryDirectory(prefix="n1-exec-") as folder:
            source, target = Path(folder, "in.wav" if key == "enc" else "in"), Path(folder, "out")
            if key == "dec":
                target = target.with_suffix(".wav")
            source.write_bytes(data)
            words = [w.replace("{in}", str(source)).replace("{out}", str(target)) for w in self._words[key]]
            with Path(folder, "said").open("w+b") as said:
                seconds, code = _spawn(words, said)
                if code:
                    how = f"exit code {code}" if code > 0 else signal.Signals(-code).name
                    said.seek(0)
                    lines = said.read().decode("utf-8", "replace").replace(folder + os.sep, "").split("\n")
                    why = next((f": {line.strip()}" for line in reversed(lines) if line.strip()), "")
                    raise CodecError(f"{words[0]} failed with {how}{why}{_hint(words)}")
            try:
                with target.open("rb") as file:
                    result = file.read(most)
            except OSError:
                raise CodecError(f"{words[0]} wrote no output{_hint(words)}") from None
        return Run(result, max(seconds - start_seconds, least), start_seconds)


def _split(key: str, command: str) -> list[str]:
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise SpecError(f"exec: {key}={command!r} cannot be read as a command: {str(error).lower()}") from None
    if not words:
        raise SpecError(f"exec: {key} is empty (leave it away for {_NOTHING!r})")
    return words


def _hint(words: list[str]) -> str:
    """Return what to do about words that only a shell would understand; nothing where there are none."""
    if any(_SHELL.search(word) for word in words):
        return " (no shell runs the command: for pipes, redirections, variables and patterns write sh -c '...')"
    return ""


@cache
def _starts(command: str) -> deque[float]:
    return deque(maxlen=_RUNS)


def _process_start(command: str) -> tuple[float, float]:
    """Run a command and return the median and the interquartile range of the wall times of its last runs, in seconds.

    A machine that gets busy is slower to start any process; the first call makes all the runs.
    """
    words, times = _split("start", command), _starts(command)
    with Path(os.devnull).open("r+b") as nowhere:
        for _ in range(max(_RUNS - len(times), 1)):
            seconds, code = _spawn(words, nowhere)
            if code:
                raise CodecError(f"exec: start={command!r} failed (name a command that does nothing)")
            times.append(seconds)
    low, middle, high = np.percentile(times, [25, 50, 75])
    return float(middle), float(high - low)


def _spawn(words: list[str], said: IO[bytes]) -> tuple[float, int]:
    """Return the wall time and the exit code of a process that is the leader of a process group of its own."""
    started = perf_counter()
    try:
        process = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            process_group=0 if os.name == "posix" else None,
        )
    except OSError as error:
        problem = "there is no such program" if isinstance(error, FileNotFoundError) else str(error.strerror).lower()
        raise CodecError(f"{words[0]}: {problem}{_hint(words)}") from None
    try:
        code = process.wait()
        return perf_counter() - started, code
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process, if it still runs, and what it started and left behind."""
    if os.name == "posix":
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    elif process.poll() is None:
        process.kill()
    process.wait()
