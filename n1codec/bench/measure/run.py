"""One codec over the files of a data set: a process that encodes, a process that decodes, and a comparison.

The decoder is given the .n1c files alone. Whether a file came back is decided here, by comparing bytes, and not by
the codec or by the container's checksum.

Everything happens in a working folder that outlives this process. Both processes log each file as it is done, so a
run that was killed goes on with the files that are not done yet.
"""

from __future__ import annotations

import csv
import errno
import filecmp
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from shutil import rmtree
from statistics import median, quantiles
from threading import Event
from typing import Any

from n1codec import files
from n1codec.batch import SUFFIX
from n1codec.bench.measure import cases, counters, machine
from n1codec.bench.measure.cases import Case, Source, byte_entropy
from n1codec.bench.measure.worker import LOG_COLUMNS, MACHINE, MACHINE_CODE, ONE_THREAD, Job

_POLL = 0.05
_GRACE = 2.0


@dataclass(frozen=True)
class Settings:
    """How a codec is measured."""

    timeout: float
    """Seconds that encoding and decoding of all files may take together, start-up included."""
    min_time: float
    """Seconds: in each direction, files are coded again until the codec's own work on all of them has taken so long.
    With 0 each file is coded once, and there is no warm-up before."""
    jobs: int
    """How many codecs are measured at the same time."""

    memory_limit: int | None = None
    """Bytes that a codec may allocate beyond what loading it took; None for no limit."""
    cpus: tuple[int, ...] = ()
    """The processors that a codec may run on; empty for any."""

    counters: bool = False
    """Count instructions on some files."""

    @property
    def key(self) -> str:
        """The settings that change the figures, as text. A file is measured again if its row has another key."""
        pin = "+".join(map(str, self.cpus)) or "off"
        return f"min_time={self.min_time:g} pin={pin}" + (" counters=callgrind" if self.counters else "")

    @staticmethod
    def key_of(text: str) -> str:
        """Return the key within the text of the settings that stands in a result row."""
        return " ".join(word for word in text.split() if not word.startswith(("memory=", "timeout=")))

    @property
    def text(self) -> str:
        """All settings, as they stand in a result row."""
        memory = "off" if self.memory_limit is None else self.memory_limit
        return f"{self.key} memory={memory} timeout={self.timeout:g}"


@dataclass(frozen=True)
class Progress:
    """A file that was encoded or decoded for the first time."""

    case: Case
    phase: str
    """"encode" or "decode"."""
    file: str
    original_bytes: int
    compressed_bytes: int


@dataclass(frozen=True)
class Outcome:
    """How measuring a codec ended."""

    case: Case
    status: str
    """That of the first row which is not ok, or "ok"."""
    reason: str
    rows: list[dict[str, Any]]
    """The rows to store: one per file that was decoded, and one more if the codec failed as a whole."""
    seconds: float
    """What measuring it took, from start to end."""
    own_seconds: float
    """The part of these seconds that the codec itself worked, warm-up included."""


class Stopped(Exception):
    """The sweep was told to stop; the working folder is as far as it got."""


class _Failed(Exception):
    """The codec is at fault. The message is the reason that its row gives, ``status`` the row's status."""

    def __init__(self, status: str, reason: str) -> None:
        super().__init__(reason)
        self.status = status


def run(
    case: Case,
    sources: Sequence[Source],
    folder: Path,
    settings: Settings,
    report: Callable[[Progress], None],
    stop: Event,
    cpu: int | None = None,
) -> Outcome:
    """Measure and verify one codec. A fault of the codec becomes a row of the outcome and is never raised.

    Args:
        sources: the files to encode and decode.
        folder: the working folder. Files that an earlier run finished there are not done again.
        report: called for each file as it is done, from the calling thread.
        stop: set by another thread to end this.
        cpu: the processor that the codec runs on; None for any.

    Raises:
        Stopped: ``stop`` was set.
        OSError: the machine is at fault: the disk is full, a file cannot be read.
    """
    problem = _Failed(*case.problem) if case.problem else None
    rows: list[dict[str, Any]] = []
    started, own_seconds = time.monotonic(), [0.0]
    if not problem:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            _clean(folder, sources)
            rows = _measure(case, sources, folder, settings, report, stop, cpu, own_seconds)
        except _Failed as error:
            problem = error
    shared = {
        "mode": case.mode,
        "spec": case.spec,
        "family": case.family,
        "jobs": settings.jobs,
        "settings": settings.text,
        "codec_version": case.version,
        "libraries": case.libraries,
        **machine.fingerprint(),
        "timestamp": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    if problem:
        rows.append({"status": problem.status, "reason": _printable(problem), "verified": 0})
    rows = [shared | row for row in rows]
    worst = next((row for row in rows if row["status"] != "ok"), {"status": "ok", "reason": ""})
    return Outcome(case, worst["status"], worst["reason"], rows, time.monotonic() - started, sum(own_seconds))


def _clean(folder: Path, sources: Sequence[Source]) -> None:
    """Remove what an earlier run left in the working folder, if a file has changed since."""
    note = folder / "sources.json"
    before = json.loads(note.read_text("utf-8")) if note.exists() else {}
    now = {source.name: source.columns["crc32"] for source in sources}
    if any(before.get(name, crc) != crc for name, crc in now.items()):
        for path in (folder / "encoded", folder / "decoded"):
            rmtree(path, ignore_errors=True)
    files.write_text(note, json.dumps(before | now), durable=False)


def _measure(
    case: Case,
    sources: Sequence[Source],
    folder: Path,
    settings: Settings,
    report: Callable[[Progress], None],
    stop: Event,
    cpu: int | None,
    own_seconds: list[float],
) -> list[dict[str, Any]]:
    """Encode and decode the files, compare, and return the rows: see :func:`run`.

    Args:
        own_seconds: the seconds of the codec's own work are appended, also where a direction fails.

    Raises:
        _Failed: encoding failed as a whole. Where decoding does, that is a row, behind those of files that came back.
    """
    deadline = time.monotonic() + settings.timeout
    encoded = _Step("encode", case, folder, sources, {s.name: s.path.resolve() for s in sources})
    encoded.finish(settings, deadline, report, stop, cpu, own_seconds)
    packed = {s.name: encoded.output(s.name).resolve() for s in sources}
    decoded = _Step("decode", case, folder, sources, packed)
    try:
        decoded.finish(settings, deadline, report, stop, cpu, own_seconds)
    except _Failed as error:
        problem: _Failed | None = error
    else:
        problem = None
    rows = []
    for source in sources:
        if source.name not in decoded.done:
            continue
        path = decoded.outputs / source.name
        lost = cases.distortion(case, source, path) if case.lossy else {}
        good = lost is not None if case.lossy else cases.same(source, path)
        wrong = "is further from the original than was promised" if case.lossy else "differs from the original"
        rows.append(
            source.columns
            | {"status": "ok" if good else "mismatch", "verified": int(good)}
            | {"reason": "" if good else f"what was decoded {wrong}"}
            | (lost or {})
            | {"compressed_bytes": packed[source.name].stat().st_size}
            | {"byte_entropy_after": byte_entropy(packed[source.name].read_bytes())}
            | encoded.timing(source.name)
            | decoded.timing(source.name)
        )
    filecmp.clear_cache()
    if settings.counters and not case.external and not problem:
        _count(case, sources, packed, rows, deadline)
    if problem:
        rows.append({"status": problem.status, "reason": _printable(problem), "verified": 0})
    return rows


def _count(
    case: Case, sources: Sequence[Source], packed: dict[str, Path], rows: list[dict[str, Any]], deadline: float
) -> None:
    """Count the instructions that both directions take on a few files, and add them to these files' rows."""
    step = max(len(sources) // counters.MOST_FILES, 1)
    for source, row in list(zip(sources, rows, strict=True))[::step][: counters.MOST_FILES]:
        what = source.place.absolute().as_json() if source.place else str(source.path.resolve())
        coded = str(packed[source.name].resolve())
        for direction, spec, path in (("encode", case.spec, what), ("decode", None, coded)):
            left = max(deadline - time.monotonic(), 1.0)
            row[f"{direction}_instructions"] = counters.count(direction, spec, path, left) or ""


class _Step:
    """One direction of one codec: what was done already, the process that does the rest, and what it measured.

    Args:
        direction: "encode" or "decode".
        inputs: {name of the original: file to encode or decode}.
    """

    def __init__(
        self, direction: str, case: Case, folder: Path, sources: Sequence[Source], inputs: dict[str, Path]
    ) -> None:
        self.direction, self.case, self.folder, self.inputs = direction, case, folder, inputs
        self.sizes = {source.name: source.bytes for source in sources}
        self.places = {source.name: source.place.absolute().as_json() for source in sources if source.place}
        self.outputs = folder / f"{direction}d"
        self.outputs.mkdir(exist_ok=True)
        self.log = folder / f"{direction}.csv"
        self.trouble = folder / f"{direction}.json"
        self.done: dict[str, dict[str, str]] = {}
        """The files that are done: {name: row of the log}."""
        self.own_seconds = 0.0
        """Seconds that the codec itself worked, warm-up included."""
        self._read = 0
        self._resume()

    def output(self, name: str) -> Path:
        """Return where the output for a file goes."""
        return self.outputs / (name + SUFFIX if self.direction == "encode" else name)

    def _resume(self) -> None:
        """Take up an earlier run: keep the whole rows of its log whose output is there, in full length."""
        rows = self._new_rows() if self.log.exists() else []
        size = "compressed_bytes" if self.direction == "encode" else "original_bytes"
        there = {name: str(path.stat().st_size) for name in self.inputs if (path := self.output(name)).exists()}
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, LOG_COLUMNS, lineterminator="\n")
        writer.writerows(row for row in rows if there.get(row["file"]) == row[size])
        files.write_text(self.log, text.getvalue(), durable=False)
        self._read = 0
        self._take(lambda _: None)

    def _new_rows(self) -> list[dict[str, str]]:
        """Return the whole rows that were added to the log since the last call."""
        with self.log.open("rb") as file:
            file.seek(self._read)
            data = file.read()
        data = data[: data.rfind(b"\n") + 1]
        self._read += len(data)
        return list(csv.DictReader(io.StringIO(data.decode("utf-8", "surrogateescape"), newline=""), LOG_COLUMNS))

    def _take(self, report: Callable[[Progress], None]) -> None:
        """Take note of what was added to the log, and report each file that is done."""
        for row in self._new_rows():
            self.own_seconds += float(row["spent"])
            if row["seconds"]:
                self.done[row["file"]] = row
                sizes = int(row["original_bytes"]), int(row["compressed_bytes"])
                report(Progress(self.case, self.direction, row["file"], *sizes))

    def finish(
        self,
        settings: Settings,
        deadline: float,
        report: Callable[[Progress], None],
        stop: Event,
        cpu: int | None,
        own_seconds: list[float],
    ) -> None:
        """Do what is left of this direction in a process of its own, and append the codec's own seconds.

        Raises:
            _Failed: the codec is at fault, or the time limit (``deadline``, of ``time.monotonic()``) is past.
            Stopped: ``stop`` was set.
        """
        for name in self.done:
            report(Progress(self.case, self.direction, name, 0, 0))
        left = [name for name in self.inputs if name not in self.done]
        if not left:
            return
        all_bytes = max(sum(self.sizes.values()), 1)
        job = Job(
            direction=self.direction,
            # A file does not name somebody else's programs, so the decoder is given them.
            spec=self.case.spec if self.direction == "encode" or self.case.external else None,
            places={name: place for name in left if self.direction == "encode" and (place := self.places.get(name))},
            inputs={
                name: (
                    str(self.inputs[name]),
                    str(self.output(name).resolve()),
                    settings.min_time * self.sizes[name] / all_bytes,
                )
                for name in left
            },
            warm_up=settings.min_time > 0,
            memory_limit=settings.memory_limit,
            cpu=cpu,
            log=str(self.log.resolve()),
            trouble=str(self.trouble.resolve()),
        )
        self.trouble.unlink(missing_ok=True)
        before = self.own_seconds
        failure = self._process(job, deadline, report, stop)
        self._take(report)
        own_seconds.append(self.own_seconds - before)
        missing = [name for name in left if name not in self.done]
        if not failure and missing:
            failure = _Failed("failed", f"{self.direction}: nothing came of {missing[0]}")
        if failure:
            raise failure

    def _process(self, job: Job, deadline: float, report: Callable[[Progress], None], stop: Event) -> _Failed | None:
        """Run a worker process to its end, or end it when the time is up, and return what went wrong.

        Raises:
            Stopped: ``stop`` was set.
            OSError: the machine is at fault, for instance because the disk is full.
        """
        errors = self.folder / f"{self.direction}.err"
        environment = dict.fromkeys(ONE_THREAD, "1") | dict(os.environ)
        with errors.open("wb") as sink:
            process = subprocess.Popen(
                [sys.executable, "-m", "n1codec.bench.measure.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=sink,
                env=environment,
                start_new_session=True,
            )
        assert process.stdin
        try:
            try:
                process.stdin.write(job.to_json())
                process.stdin.flush()
            except BrokenPipeError:
                pass  # it has died already, and says why
            while True:
                try:
                    code = process.wait(_POLL)
                    break
                except subprocess.TimeoutExpired:
                    if stop.is_set():
                        raise Stopped from None
                    if self.log.exists():
                        self._take(report)
                    if time.monotonic() > deadline:
                        return _Failed("timeout", f"{self.direction}: took longer than the time limit")
        finally:
            _kill(process)
            process.stdin.close()
        if stop.is_set():
            raise Stopped
        if not code:
            return None
        if code < 0:
            limit = f" (memory limit {job.memory_limit} bytes)" if job.memory_limit is not None else ""
            return _Failed("failed", f"{self.direction}: its process was ended by {signal.Signals(-code).name}{limit}")
        status = "failed"
        if self.trouble.exists():
            status, said = json.loads(self.trouble.read_text("utf-8")).values()
        if status == MACHINE or (code == MACHINE_CODE and status == "failed"):
            number = said if status == MACHINE and said else errno.ENOSPC
            raise OSError(number, os.strerror(number), str(self.folder))
        if not self.trouble.exists():
            lines = [line for line in errors.read_text("utf-8", "replace").splitlines() if line.strip()]
            said = lines[-1].strip() if lines else f"exit code {code}"
        for parent in {str(path.parent) for path in self.inputs.values()}:
            said = said.replace(parent + os.sep, "")  # results are shared, and where the files lay says nothing
        return _Failed(status, f"{self.direction}: {' '.join(said.split())}")

    def timing(self, name: str) -> dict[str, Any]:
        """Return the columns of a file's row that this direction measured: its time, spread, memory and so on."""
        row = self.done[name]
        times = [float(seconds) for seconds in row["seconds"].split()]
        middle = median(times)
        spread: float | str = ""
        if len(times) > 1 and middle:
            low, _, high = quantiles(times, n=4, method="inclusive")
            spread = round((high - low) / middle, 6)
        columns = {
            "seconds": round(middle, 9),
            "cpu_seconds": row["cpu_seconds"],
            "repeats": len(times),
            "spread": spread,
            "memory_bytes": row["memory_bytes"],
            "start_seconds": row["start_seconds"],
        }
        return {f"{self.direction}_{column}": value for column, value in columns.items()}


def _printable(problem: _Failed) -> str:
    """Return the reason, the bytes of a file's name that are no UTF-8 as ``\\udcxx``."""
    return str(problem).encode("utf-8", "backslashreplace").decode("utf-8")


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End a process, and everything that it started, even if it has ended itself.

    It is asked first, so that it ends programs in process groups of their own. If it cannot, because somebody has
    killed it, these programs are found by the session that they share with it.
    """
    if process.poll() is None:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE)
    if process.returncode == 0:
        return
    if os.name == "posix":
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        for pid in _session(process.pid):
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait()


def _session(leader: int) -> list[int]:
    """Return the processes of a session; none where the system (it is not Linux) does not list them in /proc."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if os.getsid(int(folder.name)) == leader:
                found.append(int(folder.name))
    return found
