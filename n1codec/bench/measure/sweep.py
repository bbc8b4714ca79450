"""A sweep: codecs over the files of a data set, each result stored as soon as its codec is done."""

from __future__ import annotations

import hashlib
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import nullcontext, suppress
from dataclasses import dataclass, replace
from math import inf
from pathlib import Path
from queue import SimpleQueue
from shutil import rmtree
from threading import Event
from time import monotonic
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from n1codec import registry
from n1codec.bench.measure import machine, remote
from n1codec.bench.measure.cases import Case, Source
from n1codec.bench.measure.run import Outcome, Progress, Settings, run
from n1codec.bench.results import store, summary
from n1codec.bench.results.lock import Lock
from n1codec.codec import CodecError

if TYPE_CHECKING:
    import pandas as pd

WORK = ".work"
_NEEDED = ("spec", "file", "crc32", "status", "reason", "verified", "settings", "jobs", "codec_version", "machine",
           "cpu", "python", "n1codec", "encode_seconds", "decode_seconds")  # fmt: skip
"""Columns of the rows that a sweep goes by."""
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
    quality: bool = False,
    executor: Executor | None = None,
    machines: Sequence[Mapping[str, str]] = (),
) -> Result:
    """Run codecs over files and store the rows in the folder of their data set; then write the summary.

    A file with a verified row of the same codec, version and machine, measured in the same way, is not run again,
    unless ``force``, or the codec failed as a whole since.

    Args:
        only_failed: run no codec but those that failed when they were last run.
        quality: the codecs are lossy; their rows go into a store of their own.
        executor: where the codecs run, in :func:`n1codec.bench.measure.remote.measure`; by default in processes of this
            machine, ``settings.jobs`` at a time, which go on in the middle of a codec after a kill.
        machines: fingerprints of the machines of the executor (see :func:`n1codec.bench.measure.machine.fingerprint`).

    Raises:
        KeyboardInterrupt: nothing is lost: the next sweep goes on from here.
        CodecError: another sweep writes to the same folder, or a machine has other files or codecs.
        OSError: the machine is at fault, such as a full disk; nothing is lost either.
    """
    started = monotonic()
    rows = store.QUALITY if quality else store.FILE
    folder = folder_of(dataset, sources, results, rows)
    work = folder / WORK
    with Lock(work / "lock"):
        kept = store.Store(folder / rows, _NEEDED)
        tasks = list(_plan(cases, sources, kept.rows, settings, machines or [machine.fingerprint()], force=force))
        if only_failed:
            failed = _failed(kept.rows)
            tasks = [(case, left) for case, left in tasks if case.spec in failed]
        if settings.jobs > 1:
            tasks = _longest_first(tasks, kept.rows)
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
                    there = [
                        replace(source, path=source.path.resolve(), place=source.place and source.place.absolute())
                        for source in left
                    ]
                    waiting[executor.submit(remote.measure, case, there, settings)] = case
            while waiting:
                done, _ = wait(waiting, timeout=0.2, return_when=FIRST_COMPLETED)
                for future in done:
                    outcome = _outcome(future, waiting.pop(future), settings, lost=executor is not None)
                    kept.append(_row(row, folder.name, len(sources)) for row in _news(outcome, kept.rows))
                    outcomes.append(outcome)
                    if local:
                        local.forget(outcome)
                    view.finished(outcome)
        finally:
            for future in waiting:
                future.cancel()
            if local:
                local.stop()
            if not kept.empty:
                with suppress(OSError) if sys.exc_info()[0] else nullcontext():  # the first error is the one to tell
                    summary.write(folder, quality)
    seconds = monotonic() - started
    bad = [outcome for outcome in outcomes if outcome.status in BAD]
    own, overhead = _overhead(outcomes, seconds * settings.jobs)
    return Result(folder, len(tasks), bad, seconds, own, overhead if local else None)


def _row(row: dict[str, Any], dataset: str, files: int) -> dict[str, Any]:
    """Return a row of an outcome as it is stored; a codec as a whole gets the number of files it was asked for."""
    return {"dataset": dataset} | row | ({} if row.get("file") else {"files": files})


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


def _longest_first(tasks: list[tuple[Case, list[Source]]], rows: pd.DataFrame) -> list[tuple[Case, list[Source]]]:
    """Sort, so that no long codec runs alone at the end; those that nothing is known of come first."""
    known = rows.groupby("spec")[["encode_seconds", "decode_seconds"]].sum().sum(axis=1).to_dict()
    return sorted(tasks, key=lambda task: -known.get(task[0].spec, inf))


def _overhead(outcomes: Sequence[Outcome], seconds: float) -> tuple[float, float | None]:
    """Return the seconds of the codecs' own work, and how often they go into the time that the sweep took.

    The codec that stores bytes as they are has next to no work of its own: it is left out of both.
    """
    copies = [outcome for outcome in outcomes if outcome.case.spec == registry.STORED]
    own = sum(outcome.own_seconds for outcome in outcomes if outcome not in copies)
    return own, (seconds - sum(outcome.seconds for outcome in copies)) / own if own else None


def _failed(rows: pd.DataFrame) -> set[str]:
    """Return the specs that were bad when they were last run, as a whole or with a file."""
    bad, whole = rows["status"].isin(BAD), rows["file"] == ""
    files = rows[bad & ~whole & ~rows.duplicated(["spec", "file"], keep="last")]
    last_good = dict(zip(rows["spec"][~bad], np.flatnonzero(~bad), strict=True))
    last_bad = dict(zip(rows["spec"][bad & whole], np.flatnonzero(bad & whole), strict=True))
    return {*files["spec"], *(spec for spec, at in last_bad.items() if at > last_good.get(spec, -1))}


def folder_of(dataset: str, sources: Sequence[Source], results: Path, name: str = store.FILE) -> Path:
    """Return the folder for the rows of these files.

    It is ``results/<dataset>``, unless that has rows of other files: another data set of that name, or files that have
    been replaced since. Then it is ``results/<dataset>-<digest>``, the digest being that of the files' names and sums.

    Args:
        name: of the store in it.

    Raises:
        CodecError: the store there is not understood.
    """
    files = sorted((source.name, str(source.columns["crc32"])) for source in sources)
    rows = store.Store(results / dataset / name, ("file", "crc32")).rows.drop_duplicates()
    if {pair for pair in zip(rows["file"], rows["crc32"], strict=True) if pair[0]} <= set(files):
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
    rows: pd.DataFrame,
    settings: Settings,
    machines: Sequence[Mapping[str, str]],
    *,
    force: bool,
) -> Iterator[tuple[Case, list[Source]]]:
    """Yield the codecs that have something left to do, and the files that are left."""
    cases = list(cases)
    failed = _failed(rows)
    columns = [*_key(Case("", ""), machines[0]), "file", "crc32"]
    same_way = {text for text in rows["settings"].unique() if Settings.key_of(text) == settings.key}
    rows = rows[rows["codec_version"].isin({case.version for case in cases}) & rows["settings"].isin(same_way)]
    if settings.jobs == 1:
        rows = rows[rows["jobs"] == 1]
    last = rows[~rows.duplicated(columns, keep="last")]
    done = set(last[last["verified"] == 1][columns].itertuples(index=False, name=None))
    for case in cases:
        keys = [tuple(_key(case, each).values()) for each in machines]
        left = [
            source
            for source in sources
            if force or not any((*key, source.name, str(source.columns["crc32"])) in done for key in keys)
        ]
        if not left and case.spec in failed:  # verified once, and failed as a whole when it was run again
            left = list(sources)
        if left:
            yield case, left


def _news(outcome: Outcome, rows: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of an outcome, none if all it says is once more that the codec cannot run here."""
    if outcome.case.problem:
        key = _key(outcome.case, machine.fingerprint())
        known = rows[(rows[list(key)] == list(key.values())).all(axis=1)]
        if len(known) and tuple(known[["status", "reason"]].iloc[-1]) == outcome.case.problem:
            return []
    return outcome.rows
