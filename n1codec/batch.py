"""Many files through one codec in one process or several, with a log of sizes and times."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from n1codec import files
from n1codec.bench.measure.work import Work
from n1codec.codec import CodecError
from n1codec.pipeline import Pipeline, get_codec

SUFFIX = ".n1c"
LOG_COLUMNS = {
    "encode": ("file", "codec", "original_bytes", "compressed_bytes", "seconds"),
    "decode": ("file", "codec", "compressed_bytes", "original_bytes", "seconds"),
}


class Plan(NamedTuple):
    """What a batch does."""

    pairs: list[tuple[str, str]]
    """(source, target) of each file."""
    skipped: list[str]
    """A line for each thing in a folder that is left out, with the reason."""


class Outcome(NamedTuple):
    """What became of one file."""

    spec: str
    """The codec; of a decoded file the stages' names alone."""
    source_bytes: int
    target_bytes: int
    seconds: float
    """The codec's own work."""
    stored: str
    """Why a file to encode was stored as it is; empty where its samples were coded."""


def plan(direction: str, inputs: Sequence[str], out_dir: Path, *, recursive: bool = False) -> Plan:
    """Return what to do with inputs that are files or folders.

    ``a.wav`` becomes ``out_dir/a.wav.n1c`` and the reverse. Of a folder every file is taken that is not hidden; with
    ``recursive`` those of its subfolders, too, and the outputs stand in subfolders of the same names.

    Raises:
        ValueError: two inputs have one name, a file to decode has another ending, or a folder is output and input.
        CodecError: a folder has nothing in it.
        OSError: a folder cannot be read.
    """
    pairs: dict[str, str] = {}
    skipped: list[str] = []
    for given in inputs:
        if given == files.STANDARD:
            raise ValueError("standard input has no name (use IN OUT for it)")
        path = Path(given)
        found = [(path, Path(path.name))]
        if path.is_dir():
            if out_dir.exists() and out_dir.samefile(path):
                raise ValueError(f"{given}: it is the folder of the outputs, too (choose another)")
            found = list(_in_folder(direction, path, Path(), out_dir, skipped, recursive=recursive))
            if not found:
                advice = "" if recursive else "; --recursive goes into subfolders"
                raise CodecError(f"{given}: there is no file in it to {direction}{advice}")
        for file, place in found:
            name = str(place)
            if direction == "encode":
                name += SUFFIX
            elif name.endswith(SUFFIX) and place.name != SUFFIX:
                name = name.removesuffix(SUFFIX)
            else:
                raise ValueError(f"{file}: its name does not end in {SUFFIX} (decode it by itself: decode IN OUT)")
            target = str(out_dir / name)
            if target in pairs:
                raise ValueError(f"{file}: {pairs[target]} has the same name (encode them into separate folders)")
            pairs[target] = str(file) if str(file) != files.STANDARD else "./-"
    return Plan([(source, target) for target, source in pairs.items()], skipped)


def _in_folder(
    direction: str, folder: Path, place: Path, out_dir: Path, skipped: list[str], *, recursive: bool
) -> Iterator[tuple[Path, Path]]:
    """Yield (path, place below the first folder) of the files in a folder, in the order of their names."""
    with os.scandir(folder) as entries:
        listed = sorted(entries, key=lambda entry: entry.name)
    for entry in listed:
        path, below = folder / entry.name, place / entry.name
        if entry.name.startswith("."):
            skipped.append(f"{path}: it is hidden (name it to have it {direction}d)")
        elif entry.is_dir():
            if not recursive:
                skipped.append(f"{path}: it is a subfolder (--recursive goes into it)")
            elif entry.is_symlink():
                skipped.append(f"{path}: it is a link to a folder (name the folder)")
            elif out_dir.exists() and out_dir.samefile(path):
                skipped.append(f"{path}: it is the folder of the outputs")
            else:
                yield from _in_folder(direction, path, below, out_dir, skipped, recursive=True)
        elif not entry.is_file():
            skipped.append(f"{path}: {'it is a link to nothing' if entry.is_symlink() else 'it is no regular file'}")
        elif direction == "decode" and not entry.name.endswith(SUFFIX):
            skipped.append(f"{path}: its name does not end in {SUFFIX}")
        else:
            yield path, below


def convert(
    direction: str,
    pairs: Sequence[tuple[str, str]],
    stages: Pipeline | None,
    *,
    jobs: int = 1,
    log: Path | None = None,
) -> Iterator[tuple[str, Outcome | Exception]]:
    """Encode or decode each source; yield it with what became of it, or the error that it met.

    Args:
        direction: "encode" or "decode".
        pairs: (source, target) of each file; folders of the targets are made.
        stages: the codec; None decodes with what the file names.
        log: CSV that a row is added to for each file as it is done.
    """
    spec = stages.spec if stages else None
    with ExitStack() as stack:
        note = stack.enter_context(_Log(log, direction)) if log else None
        run: Callable[..., Iterator[Any]] = map
        if jobs > 1:
            from concurrent.futures import ProcessPoolExecutor
            from multiprocessing import get_context

            pool = stack.enter_context(ProcessPoolExecutor(jobs, get_context("spawn")))
            run = pool.map
        for (source, _), outcome in zip(pairs, run(partial(_attempt, direction, spec), pairs), strict=True):
            if note and isinstance(outcome, Outcome):
                note.row(source, outcome)
            yield source, outcome


def _attempt(direction: str, spec: str | None, pair: tuple[str, str]) -> Outcome | Exception:
    try:
        return _convert(direction, get_codec(spec) if spec else None, *pair)
    except Exception as error:
        return error


def _convert(direction: str, stages: Pipeline | None, source: str, target: str) -> Outcome:
    work = Work(files.view(source), direction, stages)
    done = work.run()
    size = files.write(target, *work.finish(done.result))
    spec = work.codec.spec if direction == "encode" else "|".join(stage.name for stage in work.codec.stages)
    return Outcome(spec, len(work.data), size, done.seconds, work.stored)


class _Log:
    """A CSV that rows are appended to, each flushed as it is written; the first gets the column names before it."""

    def __init__(self, path: Path, direction: str) -> None:
        self.direction = direction
        self.file = path.open("a+", newline="", encoding="utf-8", errors="surrogateescape")
        self.writer = csv.writer(self.file, lineterminator="\n")
        self.file.seek(0)
        first = self.file.readline().rstrip("\r\n")
        if not first:
            self.writer.writerow(LOG_COLUMNS[direction])
        elif first != ",".join(LOG_COLUMNS[direction]):
            self.file.close()
            raise CodecError(f"{path}: it is no log of {direction} (name another)")

    def __enter__(self) -> _Log:
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()

    def row(self, source: str, outcome: Outcome) -> None:
        sizes = (outcome.source_bytes, outcome.target_bytes)
        self.writer.writerow((source, outcome.spec, *sizes, f"{outcome.seconds:.9f}"))
        self.file.flush()
