"""Run lengths for flat signals: after `run` equal samples, how many more follow is told apart.

The output holds the samples, with longer runs cut, and behind them the numbers of samples that were cut. Side
information: run, the number of samples kept, the number of numbers (all uint).
"""

from __future__ import annotations

import numpy as np

from n1codec.codec import INTEGERS, Filter, FormatError, Int, Layout
from n1codec.varint import Reader, put_uint


def _run_starts(x: np.ndarray) -> np.ndarray:
    return np.concatenate([[0], np.flatnonzero(x[1:] != x[:-1]) + 1])


def _fields(side: bytes) -> tuple[int, int, int]:
    reader = Reader(side)
    fields = reader.uint(), reader.uint(), reader.uint()
    if reader.rest():
        raise FormatError("there are bytes after its run lengths")
    return fields


class Rle(Filter):
    wire = "rl"
    dtypes = INTEGERS
    per_channel = True
    run: int
    params = {"run": Int(4, 1, 255, "equal samples after which a number follows")}
    traits = frozenset({"streaming"})
    grid = ("rle|zstd", "remap|delta|rle|zstd")
    floor_xrt = 1000

    def forward(self, x: np.ndarray) -> tuple[np.ndarray, bytes]:
        unsigned = np.dtype(f"u{x.dtype.itemsize}")
        most = min(int(np.iinfo(unsigned).max), 1 << 32)
        starts = _run_starts(x)
        # A run longer than what one number tells is `run` equal samples and a number, again and again.
        full, left = np.divmod(np.diff(starts, append=x.size), self.run + most)
        numbers = full + (left >= self.run)
        cut = np.full(int(numbers.sum()), most, unsigned)
        ends = np.cumsum(numbers)[left >= self.run]
        cut[ends - 1] = left[left >= self.run] - self.run
        kept = np.repeat(x[starts], full * self.run + np.minimum(left, self.run))
        return np.concatenate([kept, cut.view(x.dtype)]), b"".join(map(put_uint, (self.run, kept.size, cut.size)))

    def inverse(self, y: np.ndarray, side: bytes, layout: Layout) -> np.ndarray:
        run, size, _ = _fields(side)
        kept, cut = y[:size], y[size:].view(f"u{y.dtype.itemsize}")
        starts = _run_starts(kept)
        lengths = np.diff(starts, append=size)
        numbers = lengths // run
        last = np.cumsum(numbers)
        if last[-1] != cut.size or size + cut.sum(dtype=np.float64) != layout.size:
            raise FormatError("its run lengths do not fit its samples")
        total = np.concatenate([[0], np.cumsum(cut, dtype=np.int64)])
        return np.repeat(kept[starts], lengths + total[last] - total[last - numbers])

    def output(self, layout: Layout, side: bytes) -> Layout:
        run, kept, cut = _fields(side)
        if not (run and 0 < kept <= layout.size and cut <= kept):
            raise FormatError("its run lengths do not fit its samples")
        return Layout((kept + cut,), layout.dtype)
