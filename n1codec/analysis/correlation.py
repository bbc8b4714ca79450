"""Correlation matrices between channels: Pearson, Spearman and Kendall, exact and fast.

- Pearson: products of the samples, less a whole number close to their mean. They add up in float64, without rounding
  as long as frames * amplitude^2 < 2^53, which holds for 16 bits and two million frames.
- Spearman: Pearson of the ranks, equal samples having their average rank; exact in the same way up to 200,000 frames.
- Kendall: tau-b (Kendall, "The treatment of ties in ranking problems", Biometrika 33, 1945). Pairs of samples are
  counted from the joint histogram of the two channels, which is small because an ADC has few codes; two channels with
  too many values are counted in O(n log n) in the order of the one (Knight, "A computer method for calculating
  Kendall's tau with ungrouped data", JASA 61, 1966) with a binary indexed tree over the other (Fenwick, "A new data
  structure for cumulative frequency tables", Software: Practice and Experience 24, 1994).

A constant channel has no correlation: NaN with any other, as scipy.stats has it, and 1 with itself.
"""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from pathlib import Path
from threading import Event, local

import numpy as np

from n1codec import files
from n1codec.codec import CodecError
from n1codec.native import SCRATCH, Kernel, reads, writes

MEASURES = ("pearson", "spearman", "kendall")

Progress = Callable[[float], None]
"""Takes the share of the work that is done, from 0 to 1."""

_VERSION = 1
"""Of the figures: another one leaves what is in a cache alone."""
_CHUNK = 8192
_BATCH = 32
_MOST_CELLS = 1 << 22
_CELLS_PER_FRAME = 16
"""A larger table takes longer than the tree; so it does when it leaves the caches."""
_table_work_size = Kernel("n1c_kendall_table_work_size", int, int)
_table = Kernel("n1c_kendall_table", reads(np.uint16), reads(np.int64), int, reads(np.int64), SCRATCH, writes(np.int64))
_tree = Kernel("n1c_kendall_tree", reads(np.uint32), reads(np.uint32), int, SCRATCH, writes(np.int64))
_tree_work_size = Kernel("n1c_kendall_tree_work_size", int)


class Cancelled(CodecError):
    """A computation was stopped by the one who asked for it."""


def matrix(
    signals: np.ndarray,
    measure: str,
    *,
    jobs: int | None = None,
    progress: Progress | None = None,
    cancel: Event | None = None,
) -> np.ndarray:
    """Return the correlation of every channel with every other.

    Args:
        signals: shape (channels, frames), integers or finite floats; it may be memory-mapped. Spearman and Kendall hold
            2 bytes per sample, or 4 for channels of more than 65536 values.
        measure: one of MEASURES.
        jobs: threads, as many as there are processors by default.
        progress: is called with the share of the work done, in this thread.
        cancel: ends the computation when it is set.

    Returns:
        float64 of shape (channels, channels), symmetric, within -1 and 1.

    Raises:
        CodecError: there is no such measure, or the signals have another shape.
        Cancelled: ``cancel`` was set.
    """
    if measure not in MEASURES:
        raise CodecError(f"{measure}: there is no such correlation (use {', '.join(MEASURES)})")
    if signals.ndim != 2 or signals.dtype.kind not in "iuf":
        raise CodecError(f"correlations take channels of frames, not {signals.dtype} of shape {signals.shape}")
    report = _Report(progress, cancel)
    report(0.0)
    compute = {"pearson": _pearson, "spearman": _spearman, "kendall": _kendall}[measure]
    with np.errstate(divide="ignore", invalid="ignore"):
        result = compute(signals, jobs or os.cpu_count() or 1, report)
    np.clip(result, -1, 1, out=result)
    np.fill_diagonal(result, 1)
    report(1.0)
    return result


def cached(
    signals: np.ndarray,
    measure: str,
    folder: str | Path,
    *,
    jobs: int | None = None,
    progress: Progress | None = None,
    cancel: Event | None = None,
    key: str | None = None,
) -> np.ndarray:
    """Return ``matrix(signals, measure)`` from a folder of matrices, where it is put if it is not there.

    A matrix is found by the content of the signals, wherever they come from, so that runs share the folder; it appears
    under its name when it is complete. ``key`` is ``digest(signals)`` where the caller has it.
    """
    if measure not in MEASURES:
        raise CodecError(f"{measure}: there is no such correlation (use {', '.join(MEASURES)})")
    path = Path(folder) / f"{key or digest(signals)}-{measure}-{_VERSION}.npy"
    try:
        found = np.load(path, allow_pickle=False)
        if found.dtype == np.float64 and found.shape == (len(signals), len(signals)):
            return found
    except (OSError, ValueError, EOFError):
        pass  # it is not there, or not whole
    result = matrix(signals, measure, jobs=jobs, progress=progress, cancel=cancel)
    path.parent.mkdir(parents=True, exist_ok=True)
    data = io.BytesIO()
    np.save(data, result)
    files.write(path, data.getvalue(), durable=False)
    return result


def digest(signals: np.ndarray) -> str:
    """Return a name for the content of an array: its shape, its dtype and every sample."""
    code = hashlib.blake2b(f"{signals.shape} {signals.dtype.str}".encode(), digest_size=16)
    for channel in signals:
        code.update(np.ascontiguousarray(channel).data)
    return code.hexdigest()


def ranks(channel: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the rank of every sample among the values that occur, and how often each of them occurs.

    Args:
        channel: shape (frames,).

    Returns:
        uint16 (uint32 if there are more than 65536 values) of shape (frames,), and int64 of shape (values,).
    """
    low, high = (int(channel.min()), int(channel.max())) if channel.size and channel.dtype.kind != "f" else (0, 1 << 62)
    if high - low < 1 << 20:
        codes = np.subtract(channel, low, dtype=np.int64)
        counts = np.bincount(codes)
        place = np.cumsum(counts > 0) - 1
        rank, counts = place.astype(_rank_dtype(int(place[-1]) + 1))[codes], counts[counts > 0]
    else:
        _, inverse, counts = np.unique(channel, return_inverse=True, return_counts=True)
        rank = inverse.reshape(-1).astype(_rank_dtype(len(counts)))
    return rank, counts.astype(np.int64)


def _rank_dtype(values: int) -> type[np.unsignedinteger]:
    return np.uint16 if values <= 1 << 16 else np.uint32


class _Report:
    """Passes on how much is done, and stops the work on demand."""

    def __init__(self, progress: Progress | None, cancel: Event | None) -> None:
        self.progress, self.cancel = progress, cancel

    def __call__(self, share: float) -> None:
        if self.cancel is not None and self.cancel.is_set():
            raise Cancelled("the correlations were cancelled")
        if self.progress is not None:
            self.progress(share)


def _products(chunks: Iterator[np.ndarray], channels: int, frames: int, report: _Report) -> np.ndarray:
    """Return the matrix of correlations from chunks of shape (channels, some frames), float64, close to mean 0."""
    products, sums, done = np.zeros((channels, channels)), np.zeros(channels), 0
    for chunk in chunks:
        products += chunk @ chunk.T
        sums += chunk.sum(axis=1)
        done += chunk.shape[1]
        report(done / frames)
    covariance = products - np.outer(sums, sums) / max(frames, 1)
    return _cosines(covariance, np.diag(covariance))


def _cosines(products: np.ndarray, squares: np.ndarray) -> np.ndarray:
    return products / np.sqrt(np.outer(squares, squares))  # the root of a square is exact: equal channels have 1


def _pearson(signals: np.ndarray, jobs: int, report: _Report) -> np.ndarray:
    channels, frames = signals.shape
    middle = np.array([channel.mean(dtype=np.float64) if frames else 0.0 for channel in signals])
    if signals.dtype.kind != "f":
        middle = np.rint(middle)
    chunks = (signals[:, i : i + _CHUNK] - middle[:, None] for i in range(0, frames, _CHUNK))
    return _products(chunks, channels, frames, report)


def _spearman(signals: np.ndarray, jobs: int, report: _Report) -> np.ndarray:
    channels, frames = signals.shape
    ranked = [ranks(channel) for channel in signals]
    # Twice the average rank, less twice the mean of all ranks: whole numbers, and sums of them are exact.
    doubled = [(2 * np.cumsum(counts) - counts - frames).astype(np.float64) for _, counts in ranked]

    def chunk(start: int) -> np.ndarray:
        result = np.empty((channels, min(_CHUNK, frames - start)))
        for row, table, (rank, _) in zip(result, doubled, ranked, strict=True):
            row[:] = table[rank[start : start + _CHUNK]]
        return result

    return _products((chunk(i) for i in range(0, frames, _CHUNK)), channels, frames, report)


def _kendall(signals: np.ndarray, jobs: int, report: _Report) -> np.ndarray:
    channels, frames = signals.shape
    levels, untied = np.empty(channels, np.int64), np.empty(channels)
    narrow, wide = np.zeros((channels, frames), np.uint16), {}
    for channel, signal in enumerate(signals):
        rank, counts = ranks(signal)
        levels[channel] = len(counts)
        untied[channel] = (frames * frames - int(np.dot(counts, counts))) // 2
        if rank.dtype == np.uint16:
            narrow[channel] = rank
        else:
            wide[channel] = rank
        report(0.0)
    room = min(_MOST_CELLS, _CELLS_PER_FRAME * frames)
    concordance = np.zeros((channels, channels), np.int64)
    tables = local()

    def in_tables(x: int, others: np.ndarray) -> None:
        if not len(others):
            return
        size = _table_work_size(levels[x], levels[others].max())
        if not hasattr(tables, "work") or tables.work.size < size:
            tables.work = np.empty(size, np.uint8)
        out = np.empty(len(others), np.int64)
        _table(narrow, levels, x, others, tables.work, out)
        concordance[x, others] = out

    def in_trees(x: int, others: np.ndarray) -> None:
        rank = wide.get(x, narrow[x])
        order = np.argsort(rank, kind="stable")
        ascending, out = rank[order].astype(np.uint32), np.empty(1, np.int64)
        for y in others:
            second = wide.get(int(y), narrow[y])[order].astype(np.uint32)
            _tree(ascending, second, levels[y], np.empty(_tree_work_size(levels[y]), np.uint8), out)
            concordance[x, y] = out[0]

    def work(x: int, others: np.ndarray) -> int:
        fits = (levels[others] * (levels[x] + 1) <= room) & (np.maximum(levels[others], levels[x]) <= 1 << 16)
        in_tables(x, others[fits])
        if not fits.all():
            in_trees(x, others[~fits])
        return len(others)

    tasks = (
        (x, np.arange(start, min(start + _BATCH, x), dtype=np.int64))
        for x in range(channels)
        for start in range(0, x, _BATCH)
    )
    _spread(work, tasks, channels * (channels - 1) // 2, jobs, report)
    return _cosines(concordance + concordance.T, untied)


def _spread(
    work: Callable[[int, np.ndarray], int],
    tasks: Iterator[tuple[int, np.ndarray]],
    total: int,
    jobs: int,
    report: _Report,
) -> None:
    """Run tasks on threads, few of them waiting at a time, so that a cancellation is answered soon."""
    done = 0
    with ThreadPoolExecutor(jobs) as pool:
        running = set()
        for task in tasks:
            running.add(pool.submit(work, *task))
            if len(running) > 2 * jobs:
                finished, running = wait(running, return_when=FIRST_COMPLETED)
                done += sum(future.result() for future in finished)
                report(done / total)
        for future in running:
            future.result()
