"""A process in which one codec encodes or decodes the files of a data set, timed.

What to do comes as one line of JSON on standard input, so the number of files has no limit. The pipe then stays open
and silent: its end means that the parent is gone, even by kill -9, and ends this process, too. What was done is a log,
a row a file and round, flushed as it is written; what went wrong is a small JSON file beside it.

Round -1 is the warm-up, on one file. Round 0 does each file once, writes what comes of it, and tells its memory. Where
it took less than the minimum time, rounds from 1 on do each file as often as fills that time; then they alone count.
"""

from __future__ import annotations

import csv
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib import import_module
from math import ceil
from pathlib import Path
from typing import Any

from n1codec.bench import meter
from n1codec.codec import CodecError
from n1codec.container import decoder, open_source, read, restore, seal, write_file
from n1codec.pipeline import Pipeline, get_codec

_GRACE = 2.0
LOG_COLUMNS = ("file", "round", "original_bytes", "compressed_bytes", "memory_bytes", "seconds", "cpu_seconds",
               "start_seconds")  # fmt: skip
"""Seconds and cpu_seconds are one number for each pass of the round, separated by blanks."""
WARM_UP, FIRST = -1, 0
END = "end"
"""In place of a round, in the last row: nothing is left to do."""
MOST_REPEATS = 1000
MOST_ROUNDS = 3  # one is not enough where the first pass was slower than the next


@dataclass(frozen=True)
class Job:
    """What a process is to do."""

    direction: str
    """"encode" or "decode"."""
    spec: str | None
    """The codec; None decodes with what the files name."""
    inputs: dict[str, tuple[str, str]]
    """Name of the original -> paths of input and output."""
    left: list[str]
    """Names of those that round 0 has still to do."""
    spent: float
    """Seconds of round 0 so far."""
    min_time: float
    memory_limit: int | None
    cpu: int | None
    log: str
    trouble: str
    """Path of what is written if something goes wrong: {"status": ..., "reason": ...}."""

    def to_json(self) -> bytes:
        return json.dumps(asdict(self)).encode() + b"\n"


class _Work:
    """One direction of one codec on one file.

    Args:
        data: the file, or the .n1c file.
    """

    def __init__(self, data: bytes, direction: str, given: Pipeline | None) -> None:
        self.data = data
        self._run: Callable[[], Any]
        if direction == "encode":
            assert given
            x, header, codec = open_source(data, given)
            self._run = lambda: codec.encode(x)
            self.finish: Callable[[Any], bytes] = lambda payload: seal(data, header, codec, payload)
        else:
            head = read(data)
            layout, codec = head.layout, decoder(head, given)
            self._run = lambda: codec.decode(head.payload, layout)
            self.finish = lambda x: restore(head, x)
        self.codec = codec

    def run(self) -> tuple[Any, meter.Times]:
        result, times = meter.timed(self._run)
        return result, times._replace(wall=times.wall - self.codec.coder.overhead)


class _Runner:
    def __init__(self, job: Job, log: Any, flush: Callable[[], None]) -> None:
        self.job, self.log, self.flush = job, log, flush
        self.given = get_codec(job.spec) if job.spec else None
        self.trouble: tuple[str, str] | None = None
        self.before: int | None = None
        """Resident memory with the codec loaded and no file."""

    def _open(self, name: str) -> _Work:
        work = _Work(Path(self.job.inputs[name][0]).read_bytes(), self.job.direction, self.given)
        if self.before is None:
            _load(work.codec)
            if self.job.memory_limit is not None:  # anew, because loading a library is not the codec's work
                meter.limit_memory(self.job.memory_limit)
            self.before = meter.resident()
            if self.before:
                self.before = max(self.before - len(work.data), 0)
        return work

    def _row(
        self, name: str, number: int | str, sizes: tuple[Any, Any, Any], times: list[meter.Times], start: float = 0.0
    ) -> None:
        columns = (" ".join(f"{seconds:.9f}" for seconds in column) for column in zip(*times, strict=True))
        self.log.writerow((name, number, *sizes, *columns, f"{start:.9f}" if start else ""))
        self.flush()

    def _first(self, name: str) -> float:
        """Do a file once, write what comes of it and return the seconds."""
        work = self._open(name)
        meter.reset_peak()
        result, times = work.run()
        memory = meter.peak()
        made = work.finish(result)
        write_file(self.job.inputs[name][1], made)
        sizes = (len(work.data), len(made)) if self.job.direction == "encode" else (len(made), len(work.data))
        own = "" if memory is None or self.before is None else max(memory - self.before - len(work.data), 0)
        self._row(name, FIRST, (*sizes, own), [times], work.codec.coder.start_seconds)
        return times.wall

    def run(self) -> None:
        job = self.job
        if job.min_time and job.left:
            with suppress(Exception):  # round 0 says what is wrong, and with which file
                _, once = self._open(job.left[0]).run()
                self._row(job.left[0], WARM_UP, ("", "", ""), [once])
        one_pass = job.spent
        for name in job.left:
            try:
                one_pass += self._first(name)
            except (Exception, SystemExit) as error:
                self.trouble = self.trouble or _explain(name, error)
        if self.trouble:
            return
        total = 0.0
        for number in range(1, MOST_ROUNDS + 1 if one_pass < job.min_time else 1):
            repeats = min(ceil((job.min_time - total) / max(one_pass, 1e-9)), MOST_REPEATS)
            seconds = 0.0
            for name in job.inputs:
                work = self._open(name)
                times = [work.run()[1] for _ in range(repeats)]
                self._row(name, number, ("", "", ""), times)
                seconds += sum(each.wall for each in times)
            total, one_pass = total + seconds, seconds / repeats
            if total >= job.min_time:
                break
        self._row("", END, ("", "", ""), [])


def _load(codec: Pipeline) -> None:
    """Import what a codec needs, so that it does not count as its work."""
    for module in dict.fromkeys(module for stage in codec.stages for module in stage.requires):
        with suppress(ImportError):
            import_module(module)


def _explain(name: str, error: BaseException) -> tuple[str, str]:
    if isinstance(error, MemoryError):
        return "memory", f"{name}: not enough memory"
    if isinstance(error, SystemExit):
        return "failed", f"{name}: it tried to end the process"
    return "failed", f"{name}: {error}" if isinstance(error, CodecError) else f"{name}: {type(error).__name__}: {error}"


def _end_with_parent() -> None:
    while os.read(0, 1):
        pass
    if hasattr(signal, "pthread_kill"):  # the main thread ends what it has started
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)
        time.sleep(_GRACE)
    os._exit(1)


def main() -> int:
    line = bytearray()
    while not line.endswith(b"\n"):
        byte = os.read(0, 1 << 16)
        if not byte:
            return 1
        line += byte
    job = Job(**json.loads(line))
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that a codec ends the processes that it started
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if job.cpu is not None:
        os.sched_setaffinity(0, {job.cpu})
    if job.memory_limit is not None:
        meter.limit_memory(job.memory_limit)
    with Path(job.log).open("a", newline="", encoding="utf-8", errors="surrogateescape") as file:
        runner = _Runner(job, csv.writer(file, lineterminator="\n"), file.flush)
        runner.run()
    if not runner.trouble:
        return 0
    status, reason = runner.trouble
    Path(job.trouble).write_text(json.dumps({"status": status, "reason": reason}), "utf-8")
    return 1


if __name__ == "__main__":
    sys.exit(main())
