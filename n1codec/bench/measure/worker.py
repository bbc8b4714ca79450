"""A process in which one codec encodes or decodes the files of a data set, timed.

What to do comes as one line of JSON on standard input, so the number of files has no limit. The pipe then stays open
and silent: its end means that the parent is gone, even by kill -9, and ends this process, too. What was done is a log,
a row a file, flushed as it is written; what went wrong is a small JSON file beside it.

After a warm-up on one file each file is done once; that pass writes what comes of it, and tells its memory. Where it
took less than the file's share of the minimum time, the work is repeated until that is filled, and only the repeats
count.
"""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from n1codec import files
from n1codec.bench.measure import meter
from n1codec.bench.measure.work import Work
from n1codec.codec import CodecError
from n1codec.pipeline import Pipeline, get_codec
from n1codec.recordings import Place

_GRACE = 2.0
LOG_COLUMNS = ("file", "original_bytes", "compressed_bytes", "memory_bytes", "spent", "seconds", "cpu_seconds",
               "start_seconds")  # fmt: skip
"""``spent``: all of the codec's work on the file; ``seconds``: of each pass that counts, separated by blanks;
``cpu_seconds``: of one of them, on average. A row without sizes is the warm-up."""
MACHINE = "machine"
"""Status of a process that could not write; its reason is the error number."""
MACHINE_CODE = 174
"""Exit code of such a process: where the disk is full, its trouble cannot be written either."""
MOST_REPEATS = 1000
_OUT_OF_MEMORY = re.compile("not enough memory|out of memory|cannot allocate memory|bad_alloc", re.IGNORECASE)
"""How libraries say it that have exceptions of their own."""
ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLOSC_NTHREADS", "NUMEXPR_NUM_THREADS",
              "NUMBA_NUM_THREADS")  # fmt: skip


@dataclass(frozen=True)
class Job:
    """What a process is to do."""

    direction: str
    """"encode" or "decode"."""
    spec: str | None
    """The codec; None decodes with what the files name."""
    inputs: dict[str, tuple[str, str, float]]
    """Name of the original -> paths of input and output, seconds that the passes that count take at least."""
    places: dict[str, str]
    """Name of the original -> the place to encode, where it is more than the bytes of one file, as JSON."""
    warm_up: bool
    memory_limit: int | None
    cpu: int | None
    log: str
    trouble: str
    """Path of what is written if something goes wrong: {"status": ..., "reason": ...}."""

    def to_json(self) -> bytes:
        return json.dumps(asdict(self)).encode() + b"\n"


def repeat(work: Work, least: float) -> tuple[list[float], float]:
    """Do the work until that took ``least`` seconds; return those of each pass, and the process time of one."""
    before = meter.processor_seconds()
    times: list[float] = []
    total = 0.0
    while total < least and len(times) < MOST_REPEATS:
        times.append(work.run().seconds)
        total += times[-1]
    return times, (meter.processor_seconds() - before) / len(times)


class _MachineError(Exception):
    """The machine is at fault, not the codec: what comes of a file cannot be written. The cause is the OSError."""


class _Runner:
    def __init__(self, job: Job, log: Any, flush: Callable[[], None]) -> None:
        self.job, self.log, self.flush = job, log, flush
        self.given = get_codec(job.spec) if job.spec else None
        self.trouble: tuple[str, str] | None = None
        self.before: int | None = None
        """Resident memory with the codec loaded and no file."""

    def _open(self, name: str) -> Work:
        if place := self.job.places.get(name):
            work = Work(b"", self.job.direction, self.given, Place.parsed(place))
        else:
            work = Work(Path(self.job.inputs[name][0]).read_bytes(), self.job.direction, self.given)
        if self.before is None:
            _load(work.codec)
            if self.job.memory_limit is not None:  # anew, because loading a library is not the codec's work
                meter.limit_memory(self.job.memory_limit)
            self.before = meter.resident()
            if self.before:
                self.before = max(self.before - len(work.data), 0)
        return work

    def _row(self, *cells: object) -> None:
        with _machine_s_fault():
            self.log.writerow(cells)
            self.flush()

    def _do(self, name: str) -> None:
        """Do a file, write what comes of it, and note how long it took."""
        work = self._open(name)
        _, target, least = self.job.inputs[name]
        meter.reset_peak()
        before = meter.processor_seconds()
        result, first, start = work.run()
        processor = meter.processor_seconds() - before
        memory = meter.peak()
        pieces = work.finish(result)
        with _machine_s_fault():
            made = files.write(target, *pieces, durable=False)
        times, spent = [first], first
        if first < least:
            times, processor = repeat(work, least)
            spent += sum(times)
        sizes = (work.size, made) if self.job.direction == "encode" else (made, work.size)
        own = "" if memory is None or self.before is None else max(memory - self.before - len(work.data), 0)
        seconds = " ".join(f"{each:.9f}" for each in times)
        self._row(name, *sizes, own, f"{spent:.9f}", seconds, f"{processor:.9f}", f"{start:.9f}" if start else "")

    def run(self) -> None:
        names = list(self.job.inputs)
        if self.job.warm_up:
            with suppress(Exception):  # what is wrong is told with the file itself
                spent = self._open(names[0]).run().seconds
                self._row(names[0], "", "", "", f"{spent:.9f}", "", "", "")
        for name in names:
            try:
                self._do(name)
            except _MachineError:
                raise
            except (Exception, SystemExit) as error:
                self.trouble = self.trouble or _explain(name, error)


@contextmanager
def _machine_s_fault() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _MachineError from error


def _load(codec: Pipeline) -> None:
    """Import what a codec needs, so that it does not count as its work."""
    for module in dict.fromkeys(module for stage in codec.stages for module in stage.requires):
        with suppress(ImportError):
            import_module(module)


def _explain(name: str, error: BaseException) -> tuple[str, str]:
    if isinstance(error, MemoryError) or _OUT_OF_MEMORY.search(str(error)):
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
    try:
        with Path(job.log).open("a", newline="", encoding="utf-8", errors="surrogateescape") as file:
            runner = _Runner(job, csv.writer(file, lineterminator="\n"), file.flush)
            runner.run()
        if not runner.trouble:
            return 0
        status, reason = runner.trouble
        files.write_text(job.trouble, json.dumps({"status": status, "reason": reason}), durable=False)
        return 1
    except (_MachineError, OSError) as error:
        cause = error.__cause__ if isinstance(error, _MachineError) else error
        with suppress(OSError):
            trouble = {"status": MACHINE, "reason": getattr(cause, "errno", None)}
            files.write_text(job.trouble, json.dumps(trouble), durable=False)
        return MACHINE_CODE


if __name__ == "__main__":
    sys.exit(main())
