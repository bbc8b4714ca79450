"""Correlation matrices of a data set with the orders that follow from them, and what they cost."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from time import perf_counter, process_time
from typing import Any, NamedTuple

import numpy as np

from n1codec import files
from n1codec.analysis import correlation, groups, order

SHORT = 0.1
"""Recordings shorter than this share of the median length are left out: all are cut to the frames that all have."""
STRONGEST = 5
"""Pairs of channels that are told for each measure."""
MOST_FRAMES = 1 << 23
"""Frames of each channel that are correlated unless more are asked for."""
MOST_SAMPLES = 1 << 27
"""Samples of all channels together, likewise: ranks take as much memory again."""
SHIFT = 1000
"""Frames by which a recording is turned each time that it is taken once more."""


class Step(NamedTuple):
    name: str
    """A measure, or "measure linkage", or "groups"."""
    seconds: float
    cpu_seconds: float
    """Of all threads."""


class Result(NamedTuple):
    matrices: dict[str, np.ndarray]
    trees: dict[tuple[str, str], order.Tree]
    """By measure and linkage."""
    steps: list[Step]

    @property
    def seconds(self) -> float:
        return sum(step.seconds for step in self.steps)

    def as_dict(self) -> dict[str, Any]:
        steps = [{"step": s.name, "seconds": s.seconds, "cpu_seconds": s.cpu_seconds} for s in self.steps]
        return {"steps": steps, "seconds": self.seconds, "peak_memory_bytes": peak_memory()}


def long_enough(lengths: Sequence[int]) -> np.ndarray:
    """Return which recordings are long enough to be correlated with the others, a bool for each.

    Args:
        lengths: frames of each.
    """
    frames = np.asarray(lengths)
    return (frames >= SHORT * np.median(frames)) & (frames > 1)


class Pair(NamedTuple):
    first: int
    """Numbers of two channels."""
    second: int
    r: float


def strongest(matrix: np.ndarray, most: int = STRONGEST) -> list[Pair]:
    """Return the pairs of channels with the largest magnitudes of correlation, the strongest first.

    Args:
        matrix: shape (channels, channels), NaN for channels that are constant.
    """
    first, second = np.triu_indices(len(matrix), 1)
    r = matrix[first, second]
    there = np.flatnonzero(~np.isnan(r))
    best = there[np.argsort(-np.abs(r[there]), kind="stable")[:most]]
    return [Pair(int(first[at]), int(second[at]), float(r[at])) for at in best]


def frames_used(lengths: Sequence[int], channels: int | None = None, frames: int | None = None) -> int:
    """Return how many frames of each recording ``stack`` takes.

    Args:
        lengths: frames of each recording.
        channels, frames: as for ``stack``.
    """
    usual = min(MOST_FRAMES, max(MOST_SAMPLES // (channels or len(lengths)), 1))
    return min(frames or usual, *lengths)


def stack(recordings: Sequence[np.ndarray], channels: int | None = None, frames: int | None = None) -> np.ndarray:
    """Return recordings as channels of one array, cut to the frames that all have.

    Args:
        recordings: arrays of one dtype and of shape (frames,) each.
        channels: how many are wanted; where there are fewer, they are taken once more, 1000 frames on.
        frames: cut to so many; as many as MOST_FRAMES and MOST_SAMPLES allow if None.

    Returns:
        An array of shape (channels, frames).
    """
    frames = frames_used([len(recording) for recording in recordings], channels, frames)
    result = np.empty((channels or len(recordings), frames), np.result_type(*recordings))
    for channel, row in enumerate(result):
        again, number = divmod(channel, len(recordings))
        row[:] = np.roll(recordings[number][:frames], -again * SHIFT)
    return result


def run(
    signals: np.ndarray,
    measures: Sequence[str] = correlation.MEASURES,
    linkages: Sequence[str] = tuple(order.LINKAGES),
    distance: str = "1-r",
    *,
    jobs: int | None = None,
    progress: Callable[[str, float], None] | None = None,
) -> Result:
    """Correlate all channels and order them in every way that is asked for.

    Args:
        signals: shape (channels, frames).
        progress: takes the measure and the share of it that is done.
    """
    result = Result({}, {}, [])
    for measure in measures:
        report = partial(progress, measure) if progress is not None else None
        with _Clock(result.steps, measure):
            result.matrices[measure] = correlation.matrix(signals, measure, jobs=jobs, progress=report)
        for linkage in linkages:
            with _Clock(result.steps, f"{measure} {linkage}"):
                result.trees[measure, linkage] = order.tree(result.matrices[measure], linkage, distance)
    return result


def find_groups(recordings: Sequence[np.ndarray]) -> tuple[list[groups.Group], Step]:
    """Return the groups of simultaneous recordings, and what it took to find them."""
    steps: list[Step] = []
    with _Clock(steps, "groups"):
        found = groups.simultaneous(recordings)
    return found, steps[0]


def save(result: Result, names: Sequence[str], folder: Path, form: str = "csv") -> Iterator[Path]:
    """Write each matrix, as ``csv`` with the channels' names or as ``npy``, and ``order.csv``; yield the paths."""
    folder.mkdir(parents=True, exist_ok=True)
    for measure, matrix in result.matrices.items():
        path = folder / f"{measure}.{form}"
        if form == "npy":
            data = io.BytesIO()
            np.save(data, matrix)
            files.write(path, data.getvalue())
        else:
            rows = ([name, *row] for name, row in zip(names, matrix.tolist(), strict=True))
            files.write(path, _csv(["channel", *names], rows))
        yield path
    places = (
        (measure, linkage, place, channel, names[channel])
        for (measure, linkage), tree in result.trees.items()
        for place, channel in enumerate(tree.leaves.tolist())
    )
    path = folder / "order.csv"
    files.write(path, _csv(["measure", "linkage", "place", "channel", "name"], places))
    yield path


def _csv(header: Iterable[str], rows: Iterable[Iterable[Any]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue().encode("utf-8", "surrogateescape")


def peak_memory() -> int | None:
    """Return the most bytes of memory that this process ever held, or None where the system does not say."""
    try:
        import resource
    except ImportError:
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


class _Clock:
    def __init__(self, steps: list[Step], name: str) -> None:
        self.steps, self.name = steps, name

    def __enter__(self) -> None:
        self.wall, self.cpu = perf_counter(), process_time()

    def __exit__(self, *_: object) -> None:
        self.steps.append(Step(self.name, perf_counter() - self.wall, process_time() - self.cpu))
