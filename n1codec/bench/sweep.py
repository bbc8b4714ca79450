"""A sweep: codecs over the files of a data set, each result stored as soon as its codec is done."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree
from threading import Event
from typing import Any, Protocol

from n1codec.bench import machine, store, summary
from n1codec.bench.cases import Case, Source
from n1codec.bench.run import Outcome, Progress, Settings, run

WORK = ".work"
BAD = frozenset({"failed", "memory", "timeout", "mismatch"})


class View(Protocol):
    """Whoever watches a sweep. ``progress`` is called from several threads, the others from one."""

    def plan(self, tasks: Sequence[tuple[Case, int]], done: int) -> None:
        """``tasks``: codecs to run and how many files each has left; ``done``: codecs that have nothing left."""

    def progress(self, step: Progress) -> None: ...

    def finished(self, outcome: Outcome) -> None: ...


@dataclass(frozen=True)
class Result:
    """What a sweep left behind."""

    folder: Path
    ran: int
    """Codecs that were run; the others had verified results already."""
    bad: list[Outcome]
    """Those that failed, hung or did not give back what they got."""


def sweep(
    dataset: str,
    cases: Sequence[Case],
    sources: Sequence[Source],
    results: Path,
    settings: Settings,
    view: View,
    *,
    force: bool = False,
) -> Result:
    """Run codecs over files and store the rows in the folder of their data set; then write the summary.

    A file with a verified row of the same codec, version and machine, measured in the same way, is not run again,
    unless ``force``.

    Raises:
        KeyboardInterrupt: nothing is lost: the next sweep goes on from here.
        CodecError: another sweep writes to the same folder.
        OSError: the machine is at fault, such as a full disk; nothing is lost either.
    """
    folder = folder_of(dataset, sources, results)
    work = folder / WORK
    with store.Lock(work / "lock"):
        rows = store.Store(folder / store.FILE)
        tasks = list(_plan(cases, sources, rows.rows, settings, force=force))
        view.plan([(case, len(left)) for case, left in tasks], len(cases) - len(tasks))
        for case, _ in tasks:
            for old in work.glob(_work_name(case, "*")):
                if force or old != work_folder(
                    work, case, settings
                ):  # of another version of this codec, or measured in another way
                    rmtree(old)
        stop = Event()
        bad = []
        with ThreadPoolExecutor(settings.jobs) as pool:
            waiting = {
                pool.submit(run, case, left, work_folder(work, case, settings), settings, view.progress, stop)
                for case, left in tasks
            }
            try:
                while waiting:
                    done, waiting = wait(waiting, timeout=0.2, return_when=FIRST_COMPLETED)
                    for outcome in (future.result() for future in done):
                        rows.append({"dataset": folder.name} | row for row in _news(outcome, rows.rows))
                        if outcome.status != "timeout":  # with more time the next sweep goes on where it was cut off
                            rmtree(work_folder(work, outcome.case, settings), ignore_errors=True)
                        if outcome.status in BAD:
                            bad.append(outcome)
                        view.finished(outcome)
            finally:
                stop.set()
                pool.shutdown(cancel_futures=True)
                if rows.rows:
                    summary.write(folder)
    return Result(folder, len(tasks), bad)


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
    identity = "|".join((case.version, settings.key, *machine.fingerprint().values()))
    return work / _work_name(case, f"{zlib.crc32(identity.encode()):08x}")


def _work_name(case: Case, version: str) -> str:
    readable = "".join(c if c.isalnum() or c in "_-=." else "_" for c in case.spec)[:60]
    return f"{readable}-{zlib.crc32(case.spec.encode()):08x}-{version}"


def _key(case: Case) -> dict[str, str]:
    return {"spec": case.spec, "codec_version": case.version} | machine.fingerprint()


def _plan(
    cases: Iterable[Case], sources: Sequence[Source], rows: list[dict[str, str]], settings: Settings, *, force: bool
) -> Iterator[tuple[Case, list[Source]]]:
    """Yield the codecs that have something left to do, and the files that are left."""
    columns = list(_key(Case("", "")))
    last = {
        (*(row[c] for c in columns), row["file"], row["crc32"]): row["verified"]
        for row in rows
        if row["settings"].startswith(settings.key + " ")
    }
    for case in cases:
        key = tuple(_key(case).values())
        done = {s.name for s in sources if last.get((*key, s.name, str(s.columns["crc32"]))) == "1"}
        left = [source for source in sources if force or source.name not in done]
        if left:
            yield case, left


def _news(outcome: Outcome, rows: list[dict[str, str]]) -> list[dict[str, Any]]:
    """Return the rows of an outcome, none if all it says is once more that the codec cannot run here."""
    if outcome.case.problem:
        key = _key(outcome.case)
        known = next((row for row in reversed(rows) if all(row[c] == v for c, v in key.items())), None)
        if known and (known["status"], known["reason"]) == outcome.case.problem:
            return []
    return outcome.rows
