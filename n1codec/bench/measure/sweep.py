"""A sweep: codecs over the files of a data set, each result stored as soon as its codec is done."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from math import inf
from pathlib import Path
from queue import SimpleQueue
from shutil import rmtree
from threading import Event
from time import monotonic
from typing import Any, Protocol

from n1codec.bench.measure import machine, remote
from n1codec.bench.measure.cases import Case, Source
from n1codec.bench.measure.run import Outcome, Progress, Settings, run
from n1codec.bench.results import store, summary
from n1codec.codec import CodecError

WORK = ".work"
BAD = frozenset({"failed", "memory", "timeout", "mismatch"})


class View(Protocol):
    """Whoever watches a sweep. ``progress`` is called from several threads, the others from one."""

    def plan(self, tasks: Sequence[tuple[Case, int]], done: int) -> None:
        """``tasks``: codecs to run and how many files each has left; ``done``: codecs that have nothing left."""

    def progress(self, step: Progress) -> None: ...

    def finished(self, outcome: Outcome) -> None: ...


class Executor(Protocol):
    """What a sweep needs of an executor: those of ``concurrent.futures`` have it, Dask's ``get_executor``, too."""

    def submit(self, fn: Callable[..., Outcome], /, *args: Any) -> Future[Outcome]: ...


@dataclass(frozen=True)
class Result:
    """What a sweep left behind."""

    folder: Path
    ran: int
    """Codecs that were run; the others had verified results already."""
    bad: list[Outcome]
    """Those that failed, hung or did not give back what they got."""
    seconds: float
    """Wall time of the sweep."""
    own_seconds: float
    """The codecs' own work, without copy."""
    overhead: float | None
    """Wall time of each place where codecs are measured, in all, over that work; copy excluded. None without any, and
    for another executor."""


def sweep(
    dataset: str,
    cases: Sequence[Case],
    sources: Sequence[Source],
    results: Path,
    settings: Settings,
    view: View,
    *,
    force: bool = False,
    only_failed: bool = False,
    executor: Executor | None = None,
    machines: Sequence[Mapping[str, str]] = (),
) -> Result:
    """Run codecs over files and store the rows in the folder of their data set; then write the summary.

    A file with a verified row of the same codec, version and machine, measured in the same way, is not run again,
    unless ``force``, or the codec failed as a whole since.

    Args:
        only_failed: run no codec but those that failed when they were last run.
        executor: where the codecs run, in :func:`n1codec.bench.measure.remote.measure`; by default in processes of this
            machine, ``settings.jobs`` at a time, which go on in the middle of a codec after a kill.
        machines: fingerprints of the machines of the executor (see :func:`n1codec.bench.measure.machine.fingerprint`).

    Raises:
        KeyboardInterrupt: nothing is lost: the next sweep goes on from here.
        CodecError: another sweep writes to the same folder, or a machine has other files or codecs.
        OSError: the machine is at fault, such as a full disk; nothing is lost either.
    """
    started = monotonic()
    folder = folder_of(dataset, sources, results)
    work = folder / WORK
    with store.Lock(work / "lock"):
        rows = store.Store(folder / store.FILE)
        tasks = list(_plan(cases, sources, rows.rows, settings, machines or [machine.fingerprint()], force=force))
        if only_failed:
            failed = _failed(rows.rows)
            tasks = [(case, left) for case, left in tasks if case.spec in failed]
        if settings.jobs > 1:
            tasks = _longest_first(tasks, rows.rows)
        view.plan([(case, len(left)) for case, left in tasks], len(cases) - len(tasks))
        local = None if executor else _Local(work, settings, view)
        if local:
            local.clean([case for case, _ in tasks], force=force)
        outcomes = []
        waiting: dict[Future[Outcome], Case] = {}
        try:
            for case, left in tasks:
                if local:
                    waiting[local.submit(case, left)] = case
                elif executor:
                    there = [replace(source, path=source.path.resolve()) for source in left]
                    waiting[executor.submit(remote.measure, case, there, settings)] = case
            while waiting:
                done, _ = wait(waiting, timeout=0.2, return_when=FIRST_COMPLETED)
                for future in done:
                    outcome = _outcome(future, waiting.pop(future), settings, lost=executor is not None)
                    rows.append({"dataset": folder.name} | row for row in _news(outcome, rows.rows))
                    outcomes.append(outcome)
                    if local:
                        local.forget(outcome)
                    view.finished(outcome)
        finally:
            for future in waiting:
                future.cancel()
            if local:
                local.stop()
            if rows.rows:
                summary.write(folder)
    seconds = monotonic() - started
    bad = [outcome for outcome in outcomes if outcome.status in BAD]
    own, overhead = _overhead(outcomes, seconds * settings.jobs)
    return Result(folder, len(tasks), bad, seconds, own, overhead if local else None)


class _Local:
    """Processes of this machine, some at a time; each codec in a working folder that outlives a kill."""

    def __init__(self, work: Path, settings: Settings, view: View) -> None:
        self.work, self.settings, self.view = work, settings, view
        self._stop = Event()
        self._pool = ThreadPoolExecutor(settings.jobs)
        self._cpus: SimpleQueue[int | None] = SimpleQueue()
        for cpu in settings.cpus or [None] * settings.jobs:
            self._cpus.put(cpu)

    def folder(self, case: Case) -> Path:
        return work_folder(self.work, case, self.settings)

    def clean(self, cases: Sequence[Case], *, force: bool) -> None:
        """Remove what other versions of codecs left behind, or other ways to measure them; with ``force`` all of it."""
        for case in cases:
            for old in self.work.glob(_work_name(case, "*")):
                if force or old != self.folder(case):
                    rmtree(old)

    def submit(self, case: Case, sources: Sequence[Source]) -> Future[Outcome]:
        return self._pool.submit(self._run, case, sources)

    def _run(self, case: Case, sources: Sequence[Source]) -> Outcome:
        cpu = self._cpus.get()
        try:
            return run(case, sources, self.folder(case), self.settings, self.view.progress, self._stop, cpu)
        finally:
            self._cpus.put(cpu)

    def forget(self, outcome: Outcome) -> None:
        if outcome.status != "timeout":  # with more time the next sweep goes on where it was cut off
            rmtree(self.folder(outcome.case), ignore_errors=True)

    def stop(self) -> None:
        self._stop.set()
        self._pool.shutdown(cancel_futures=True)


def _outcome(future: Future[Outcome], case: Case, settings: Settings, *, lost: bool) -> Outcome:
    """Return what became of a codec; where its machine was ``lost``, as often as was tried, that is a failure of it."""
    try:
        return future.result()
    except (CodecError, OSError):
        raise
    except Exception as error:
        if not lost:
            raise
        reason = " ".join(f"its worker was lost: {type(error).__name__}: {error}".split())
        return run(replace(case, problem=("failed", reason)), [], Path(), settings, lambda _: None, Event())


def _longest_first(tasks: list[tuple[Case, list[Source]]], rows: list[dict[str, str]]) -> list[Any]:
    """Sort, so that no long codec runs alone at the end; those that nothing is known of come first."""
    known: dict[str, float] = {}
    for row in rows:
        seconds = float(row["encode_seconds"] or 0) + float(row["decode_seconds"] or 0)
        known[row["spec"]] = known.get(row["spec"], 0.0) + seconds
    return sorted(tasks, key=lambda task: -known.get(task[0].spec, inf))


def _overhead(outcomes: Sequence[Outcome], seconds: float) -> tuple[float, float | None]:
    """Return the codecs' own work without copy, and how often it goes into the time that it took in all."""
    copies = [outcome for outcome in outcomes if outcome.case.spec == "copy"]
    own = sum(outcome.own_seconds for outcome in outcomes if outcome not in copies)
    return own, (seconds - sum(outcome.seconds for outcome in copies)) / own if own else None


def _failed(rows: list[dict[str, str]]) -> set[str]:
    """Return the specs that were bad when they were last run."""
    bad: dict[str, set[str]] = {}
    for row in rows:
        files = bad.setdefault(row["spec"], set())
        if row["status"] in BAD:
            files.add(row["file"])
        else:
            files -= {row["file"], ""}
    return {spec for spec, files in bad.items() if files}


def folder_of(dataset: str, sources: Sequence[Source], results: Path) -> Path:
    """Return the folder for the rows of these files.

    It is ``results/<dataset>``, unless that has rows of other files: another data set of that name, or files that have
    been replaced since. Then it is ``results/<dataset>-<digest>``, the digest being that of the files' names and sums.

    Raises:
        CodecError: the rows there have other columns.
    """
    files = sorted((source.name, str(source.columns["crc32"])) for source in sources)
    rows = store.Store(results / dataset / store.FILE).rows
    if {(row["file"], row["crc32"]) for row in rows if row["file"]} <= set(files):
        return results / dataset
    listed = "".join(f"{crc32}  {name}\n" for name, crc32 in files)
    return results / f"{dataset}-{hashlib.sha256(listed.encode('utf-8', 'surrogateescape')).hexdigest()[:8]}"


def work_folder(work: Path, case: Case, settings: Settings) -> Path:
    """Return the working folder of a codec in this version, measured in this way on this machine."""
    alone = str(settings.jobs == 1)
    identity = "|".join((case.version, settings.key, alone, *machine.fingerprint().values()))
    return work / _work_name(case, f"{zlib.crc32(identity.encode()):08x}")


def _work_name(case: Case, version: str) -> str:
    readable = "".join(c if c.isalnum() or c in "_-=." else "_" for c in case.spec)[:60]
    return f"{readable}-{zlib.crc32(case.spec.encode()):08x}-{version}"


def _key(case: Case, fingerprint: Mapping[str, str]) -> dict[str, str]:
    return {"spec": case.spec, "codec_version": case.version} | dict(fingerprint)


def _plan(
    cases: Iterable[Case],
    sources: Sequence[Source],
    rows: list[dict[str, str]],
    settings: Settings,
    machines: Sequence[Mapping[str, str]],
    *,
    force: bool,
) -> Iterator[tuple[Case, list[Source]]]:
    """Yield the codecs that have something left to do, and the files that are left."""
    failed = _failed(rows)
    columns = list(_key(Case("", ""), machines[0]))
    last = {
        (*(row[c] for c in columns), row["file"], row["crc32"]): row["verified"]
        for row in rows
        if row["settings"].startswith(settings.key + " ") and (settings.jobs > 1 or row["jobs"] == "1")
    }
    for case in cases:
        keys = [tuple(_key(case, each).values()) for each in machines]
        left = [
            source
            for source in sources
            if force or all(last.get((*key, source.name, str(source.columns["crc32"]))) != "1" for key in keys)
        ]
        if not left and case.spec in failed:  # verified once, and failed as a whole when it was run again
            left = list(sources)
        if left:
            yield case, left


def _news(outcome: Outcome, rows: list[dict[str, str]]) -> list[dict[str, Any]]:
    """Return the rows of an outcome, none if all it says is once more that the codec cannot run here."""
    if outcome.case.problem:
        key = _key(outcome.case, machine.fingerprint())
        known = next((row for row in reversed(rows) if all(row[c] == v for c, v in key.items())), None)
        if known and (known["status"], known["reason"]) == outcome.case.problem:
            return []
    return outcome.rows
