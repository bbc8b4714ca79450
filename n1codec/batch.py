"""Many files through one codec in one process or several, with a log of sizes and times."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from n1codec import files, registry
from n1codec.codec import CodecError
from n1codec.container import Converted, Packing, decode_file, encode_file
from n1codec.container.convert import compare, in_order, remove_original
from n1codec.pipeline import Pipeline
from n1codec.recordings import Place, Source, main_file, open_source

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


def plan(direction: str, inputs: Sequence[str], out_dir: Path, *, recursive: bool = False) -> Plan:
    """Return what to do with inputs that are files or folders.

    ``a.wav`` becomes ``out_dir/a.wav.n1c`` and the reverse. Of a folder every file is taken that is not hidden; with
    ``recursive`` those of its subfolders, too, and the outputs stand in subfolders of the same names.

    A folder that is one recording, with its samples in folders of its own, becomes one file. A file that belongs to a
    recording beside it, such as the .meta of a .bin, travels with that and gets no file of its own.

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
        if path.is_dir() and not (direction == "encode" and _is_one(path)):
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


def _is_one(folder: Path) -> bool:
    """Return whether a folder is one recording, and not a folder of recordings that are in it side by side."""
    try:
        source = open_source(folder)
    except (CodecError, OSError):
        return False
    return source.folder and any("/" in file.name for file in source.files if file.channels)


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
        elif direction == "encode" and (main := main_file(path)):
            skipped.append(f"{path}: it is kept in {main.name}{SUFFIX}")
        elif not entry.is_file():
            skipped.append(f"{path}: {'it is a link to nothing' if entry.is_symlink() else 'it is no regular file'}")
        elif direction == "decode" and not entry.name.endswith(SUFFIX):
            skipped.append(f"{path}: its name does not end in {SUFFIX}")
        else:
            yield path, below


class Task(NamedTuple):
    """What becomes one file."""

    source: str
    """Its path, or that of the first of several."""
    target: str
    opened: Source | None = None
    """The source, where it is more than what the path says: several files that become one recording."""
    folder: Path | None = None
    """The folder that the names of its files are relative to."""


class How(NamedTuple):
    """What is done with each source."""

    direction: str
    """"encode" or "decode"."""
    stages: Pipeline | None = None
    """The codec; None decodes with what the file names, and encodes with what suits the recording."""
    about: Place | None = None
    """What the sources to encode are, but for their paths: how to read flat files, for example."""
    verify: bool = False
    """Whether what was encoded is decoded again, from the disk, and compared."""
    delete_original: bool = False
    """Whether the source is removed after that."""


def convert(
    tasks: Sequence[Task],
    how: How,
    *,
    jobs: int = 1,
    log: Path | None = None,
    advance: Callable[[int], Any] | None = None,
    executor: Any = None,
) -> Iterator[tuple[Task, Converted | Exception]]:
    """Encode or decode each source; yield it with what became of it, or the error that it met.

    One source alone is coded by ``jobs`` threads, several by as many processes.

    Args:
        log: CSV that a row is added to for each file as it is done.
        advance: is called with the bytes of samples that are done, where there is one source.
        executor: where sources are encoded, instead of in processes of this machine; its workers see the same paths.
    """
    with ExitStack() as stack:
        note = stack.enter_context(_Log(log, how.direction)) if log else None
        outcomes: Iterator[Converted | Exception]
        if len(tasks) == 1:
            outcomes = iter([_attempt(how, tasks[0], jobs, advance, executor)])
        elif executor is not None and how.direction == "encode":
            outcomes = _on_workers(executor, how, tasks)
        elif jobs > 1:
            from concurrent.futures import ProcessPoolExecutor
            from multiprocessing import get_context

            pool = stack.enter_context(ProcessPoolExecutor(jobs, get_context("spawn")))
            outcomes = pool.map(partial(_attempt, how), tasks)
        else:
            outcomes = map(partial(_attempt, how), tasks)
        for task, outcome in zip(tasks, outcomes, strict=True):
            if note and isinstance(outcome, Converted):
                note.row(task.source, outcome)
            yield task, outcome


def _attempt(
    how: How, task: Task, jobs: int = 1, advance: Callable[[int], Any] | None = None, executor: Any = None
) -> Converted | Exception:
    try:
        if how.direction == "decode":
            return decode_file(task.source, task.target, how.stages, jobs=jobs, advance=advance)
        source = _source(how, task)
        spec: Any = how.stages or registry.AUTO
        done = encode_file(source, task.target, spec, jobs=jobs, advance=advance, executor=executor)
        _after(how, task, jobs=jobs, advance=advance)
        return done
    except Exception as error:
        return error


def _source(how: How, task: Task) -> Place | Source:
    return task.opened or (how.about or Place(Path()))._replace(path=Path(task.source))


def _after(how: How, task: Task, **options: Any) -> None:
    """Verify what was encoded, with the options of :func:`compare`, and remove the original, where that is wanted."""
    if not (how.verify or how.delete_original):
        return
    original = compare(task.target, _source(how, task), **options)
    if how.delete_original:
        path = Path(task.source)
        remove_original(original, task.folder or (path if original.folder else path.parent))


def _on_workers(executor: Any, how: How, tasks: Sequence[Task]) -> Iterator[Converted | Exception]:
    """Yield what becomes of each source when workers encode them and this process writes; lost work is done again."""
    work = partial(_packed, how)
    absolute = [task._replace(source=str(Path(task.source).absolute())) for task in tasks]
    for task, (_, found) in zip(tasks, in_order(executor, work, absolute, 64), strict=True):
        try:
            if isinstance(found, Exception):
                raise found
            done, packed = found
            files.write(task.target, packed)
            _after(how, task)
            yield done
        except Exception as error:
            yield error


def _packed(how: How, task: Task) -> tuple[Converted, bytes] | Exception:
    """Return a source as the bytes of a .n1c file."""
    try:
        packing = Packing(_source(how, task), how.stages)
        encoded = [packing.encode(piece) for piece in packing.pieces()]
        packed = b"".join(packing.assemble(encoded))
        seconds = sum(one.seconds for one in encoded)
        done = Converted(packing.source_bytes, len(packed), packing.spec, packing.stored, seconds, packing.doubt,
                         packing.loss)  # fmt: skip
        return done, packed
    except Exception as error:
        return error


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

    def row(self, source: str, outcome: Converted) -> None:
        sizes = outcome.source_bytes, outcome.packed_bytes
        if self.direction == "decode":
            sizes = sizes[::-1]
        self.writer.writerow((source, outcome.spec, *sizes, f"{outcome.seconds:.9f}"))
        self.file.flush()
