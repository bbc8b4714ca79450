"""Many files through one codec in one process or several, with a log of sizes and times."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from n1codec.container import Timed, decode_bytes, decode_file, encode_bytes, encode_file
from n1codec.pipeline import Pipeline, get_codec

SUFFIX = ".n1c"
LOG_COLUMNS = {
    "encode": ("file", "codec", "original_bytes", "compressed_bytes", "seconds"),
    "decode": ("file", "codec", "compressed_bytes", "original_bytes", "seconds"),
}


def plan(direction: str, inputs: Sequence[str], out_dir: Path) -> list[tuple[str, str]]:
    """Return [(source, target)] for inputs that are files or folders; of a folder, every file that is not hidden.

    ``a.wav`` becomes ``out_dir/a.wav.n1c`` and the reverse.

    Raises:
        ValueError: two inputs have one name, or a file to decode has another ending.
        FileNotFoundError: a folder has nothing in it.
    """
    pairs: dict[str, str] = {}
    for given in inputs:
        path = Path(given)
        files = [path]
        if path.is_dir():
            pattern = f"*{SUFFIX}" if direction == "decode" else "*"
            files = sorted(p for p in path.glob(pattern) if p.is_file() and not p.name.startswith("."))
            if not files:
                raise FileNotFoundError(2, "nothing to do in it", f"{given}/{pattern}")
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
            pairs[target] = str(file)
    return [(source, target) for target, source in pairs.items()]


def convert(
    plan: Sequence[tuple[str, str]],
    stages: Pipeline | None,
    *,
    jobs: int = 1,
    log: Path | None = None,
    min_time: float = 0.0,
) -> Iterator[tuple[str, Exception | None]]:
    """Encode each source with ``stages``, or decode it if there are none; yield it with the error that it met.

    Args:
        log: CSV that a row is added to for each file as it is done.
        min_time: seconds that the codec's own work on all files together takes at least. After a warm-up, further
            passes add rows to the log and write nothing else.
    """
    spec = stages.spec if stages else None
    convert_one, measure_one = partial(_convert, spec), partial(_measure, spec)
    with ExitStack() as stack:
        note = stack.enter_context(_Log(log, "encode" if stages else "decode")) if log else None
        run: Callable[..., Iterator[Any]] = map
        if jobs > 1:
            from concurrent.futures import ProcessPoolExecutor
            from multiprocessing import get_context

            pool = stack.enter_context(ProcessPoolExecutor(jobs, get_context("spawn")))
            run = pool.map
        if min_time and plan:
            measure_one(plan[0])
        total, good = 0.0, []
        for pair, outcome in zip(plan, run(convert_one, plan), strict=True):
            if isinstance(outcome, Exception):
                yield pair[0], outcome
                continue
            if note:
                note.row(pair[0], outcome)
            total += outcome.seconds
            good.append(pair)
            yield pair[0], None
        while note and good and total < min_time:
            before = total
            for pair, outcome in zip(good, run(measure_one, good), strict=True):
                if isinstance(outcome, Exception):
                    raise outcome
                note.row(pair[0], outcome)
                total += outcome.seconds
            if total - before < min_time / 10_000:
                break


def _convert(spec: str | None, pair: tuple[str, str]) -> Timed | Exception:
    source, target = pair
    try:
        return encode_file(source, target, spec) if spec else decode_file(source, target)
    except Exception as error:
        return error


def _measure(spec: str | None, pair: tuple[str, str]) -> Timed | Exception:
    data = Path(pair[0]).read_bytes()
    try:
        if spec:
            packed, seconds = encode_bytes(data, get_codec(spec))
            return Timed(len(data), len(packed), seconds, spec)
        original, seconds, written_by = decode_bytes(data)
        return Timed(len(original), len(data), seconds, written_by)
    except Exception as error:
        return error


class _Log:
    """A CSV that rows are appended to, each flushed as it is written; the first gets the column names before it."""

    def __init__(self, path: Path, direction: str) -> None:
        self.direction = direction
        self.file = path.open("a", newline="", encoding="utf-8")
        self.writer = csv.writer(self.file, lineterminator="\n")
        if not self.file.tell():
            self.writer.writerow(LOG_COLUMNS[direction])

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
