"""Many files through one codec in one process or several, with a log of sizes and times."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from n1codec.codec import CodecError
from n1codec.container import Timed, decode_file, encode_file
from n1codec.pipeline import Pipeline

SUFFIX = ".n1c"
LOG_COLUMNS = {
    "encode": ("file", "codec", "original_bytes", "compressed_bytes", "seconds"),
    "decode": ("file", "codec", "compressed_bytes", "original_bytes", "seconds"),
}


def plan(direction: str, inputs: Sequence[str], out_dir: Path) -> list[tuple[str, str]]:
    """Return [(source, target)] for inputs that are files or folders; of a folder, every file that is not hidden.

    ``a.wav`` becomes ``out_dir/a.wav.n1c`` and the reverse.

    Raises:
        ValueError: two inputs have one name, a file to decode has another ending, or a folder is output and input.
        CodecError: a folder has nothing in it.
    """
    pairs: dict[str, str] = {}
    for given in inputs:
        if given == "-":
            raise ValueError("standard input has no name (use IN OUT for it)")
        path = Path(given)
        files = [path]
        if path.is_dir():
            pattern = f"*{SUFFIX}" if direction == "decode" else "*"
            files = sorted(p for p in path.glob(pattern) if p.is_file() and not p.name.startswith("."))
            if not files:
                raise CodecError(f"{given}: there is no file in it to {direction}")
            if out_dir.exists() and out_dir.samefile(path):
                raise ValueError(f"{given}: it is the folder of the outputs, too (choose another)")
        for file in files:
            name = file.name
            if direction == "encode":
                name += SUFFIX
            elif name.endswith(SUFFIX) and name != SUFFIX:
                name = name.removesuffix(SUFFIX)
            else:
                raise ValueError(f"{file}: its name does not end in {SUFFIX} (decode it by itself: decode IN OUT)")
            target = str(out_dir / name)
            if target in pairs:
                raise ValueError(f"{file}: {pairs[target]} has the same name (encode them into separate folders)")
            pairs[target] = str(file) if str(file) != "-" else "./-"
    return [(source, target) for target, source in pairs.items()]


def convert(
    direction: str,
    plan: Sequence[tuple[str, str]],
    stages: Pipeline | None,
    *,
    jobs: int = 1,
    log: Path | None = None,
) -> Iterator[tuple[str, Exception | None]]:
    """Encode or decode each source; yield it with the error that it met.

    Args:
        direction: "encode" or "decode".
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
        for (source, _), outcome in zip(plan, run(partial(_convert, direction, spec), plan), strict=True):
            if isinstance(outcome, Timed):
                if note:
                    note.row(source, outcome)
                yield source, None
            else:
                yield source, outcome


def _convert(direction: str, spec: str | None, pair: tuple[str, str]) -> Timed | Exception:
    source, target = pair
    try:
        return (encode_file if direction == "encode" else decode_file)(source, target, spec)
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

    def row(self, source: str, timed: Timed) -> None:
        sizes = (timed.source_bytes, timed.packed_bytes)
        if self.direction == "decode":
            sizes = sizes[::-1]
        self.writer.writerow((source, timed.spec, *sizes, f"{timed.seconds:.9f}"))
        self.file.flush()
