"""Near-lossless: samples rounded to bins of 2 * error + 1 steps of the converter, so that none is off by more.

The coder behind it gets the number of each sample's bin, dense integers with 0 at the median, and codes them without
loss. For integers a step is that of the converter (``n1codec/converter.py``): one code of an N1 recording, whose
samples lie 64 apart. A sample k steps above the lowest of its channel falls into the bin

    floor((k + pad) / width),   width = 2 * error + 1,   pad = (error - median) mod width

and comes back as the middle of it, the only value that is within the bound of all that fall into it, or as the lowest
or the highest sample of the channel where the middle lies beyond these. For floats the step is the unit of the samples:
the bins are 2 * error wide, and the median is the middle of one.

Side information, numbers being uint, in order:

    bytes of a bin's number (2, 4 or 8)
    integers: the error; for each channel the length and bytes of the converter's form, the code of the lowest sample
              (as a word without sign), the steps from there to the highest and to the median
    floats:   the width of a bin; for each channel the lowest sample, the highest and the median; all as float64
"""

from __future__ import annotations

import struct
from typing import NamedTuple

import numpy as np

from n1codec import converter
from n1codec.codec import CodecError, Filter, Float, FormatError, Layout, Promise
from n1codec.converter import Steps
from n1codec.varint import Reader, put_uint

_SIZES = (2, 4, 8)
"""Bytes that the number of a bin may take."""
_SLACK = (1 - 2**-12, 1 / 2)
"""Bins of floats are so much narrower than twice the error, since their middles are rounded, too: whatever does."""


class Round(Filter):
    wire = "ro"
    lossless = False
    error: float
    params = {
        "error": Float(2, 0, 1 << 31, "what a sample may be off by, in steps of the converter; of floats in their unit")
    }
    quality_grid = tuple(f"round:error={e}|{coder}" for e in (1, 2, 4, 8) for coder in ("n1", "n1_multi", "bzip3"))
    floor_xrt = 1500

    def loss(self) -> str:
        return f"no sample is off by more than {self.error:g} steps of the converter (floats: of their unit)"

    def promise(self, x: np.ndarray) -> Promise:
        if x.dtype.kind == "f":
            return Promise(error=self.error)
        forms = [converter.find(row, even=True)[1] for row in _rows(x)]
        return Promise(error=max(converter.distance(form, int(self.error)) for form in forms))

    def forward(self, x: np.ndarray) -> tuple[np.ndarray, bytes]:
        return _round_floats(x, self.error) if x.dtype.kind == "f" else _round_integers(x, int(self.error))

    def inverse(self, y: np.ndarray, side: bytes, layout: Layout) -> np.ndarray:
        reader = Reader(side[1:])
        restore = _restore_floats if layout.dtype.kind == "f" else _restore_integers
        x = restore(_rows(y), reader, layout.dtype)
        if reader.rest():
            raise FormatError("there are bytes after the last channel's")
        return np.ascontiguousarray(x.T).reshape(layout.shape)

    def output(self, layout: Layout, side: bytes) -> Layout:
        if not side or side[0] not in _SIZES:
            raise FormatError("its bins have a size that is not known")
        return Layout(layout.shape, np.dtype(f"i{side[0]}"))


def _rows(x: np.ndarray) -> np.ndarray:
    """Return samples as (channels, frames), those of a channel side by side."""
    return np.ascontiguousarray(x.reshape(len(x), -1).T)


class _Grid(NamedTuple):
    """How the steps above the lowest sample of a channel fall into bins, which are numbered from 0 on."""

    width: int
    pad: int
    zero: int
    """The bin of the median."""
    top: int
    """That of the highest sample."""

    @classmethod
    def of(cls, error: int, highest: int, median: int) -> _Grid:
        width = 2 * error + 1
        pad = (error - median) % width
        return cls(width, pad, (median + pad) // width, (highest + pad) // width)

    def bins(self, steps: np.ndarray, highest: int) -> np.ndarray:
        """Return the number of each one's bin, in words without sign."""
        word = np.min_scalar_type(max(highest, 2 * self.width)).type
        steps = steps.astype(word, copy=False)
        whole = steps // word(self.width)
        return whole + (steps - whole * word(self.width) >= word(self.width - self.pad))

    def middles(self, bins: np.ndarray, highest: int) -> np.ndarray:
        """Return the steps in the middle of bins, uint64, of those at the ends no more than there are."""
        error = self.width // 2
        steps = bins.astype(np.uint64) * np.uint64(self.width) + np.uint64((error - self.pad) % (1 << 64))
        steps[bins == 0] = min(max(error - self.pad, 0), highest)
        steps[bins == self.top] = min(max(self.top * self.width - self.pad + error, 0), highest)
        return steps


def _round_integers(x: np.ndarray, error: int) -> tuple[np.ndarray, bytes]:
    side, grids, found = put_uint(error), [], []
    for row in _rows(x):
        counted, steps = Steps.of(row)
        median = _median(steps)
        grids.append(_Grid.of(error, counted.highest, median))
        found.append(grids[-1].bins(steps, counted.highest))
        side += counted.put() + put_uint(median)
    kind = _kind(max(grid.zero for grid in grids), max(grid.top - grid.zero for grid in grids))
    y = np.empty((len(x), len(grids)), kind)
    for column, bins, grid in zip(y.T, found, grids, strict=True):
        np.subtract(bins.astype(kind, copy=False), kind.type(grid.zero), out=column)
    return y.reshape(x.shape), bytes([kind.itemsize]) + side


def _median(steps: np.ndarray) -> int:
    """Return the lower median of numbers without sign."""
    half = (steps.size - 1) // 2
    if int(steps.max()) < 4 * steps.size:
        return int(np.searchsorted(np.cumsum(np.bincount(steps)), half, side="right"))
    return int(np.partition(steps, half)[half])


def _kind(below: int, above: int) -> np.dtype:
    """Return the dtype of bins from -below to above.

    Raises:
        CodecError: none holds them.
    """
    for size in _SIZES:
        if below <= 1 << 8 * size - 1 and above < 1 << 8 * size - 1:
            return np.dtype(f"i{size}")
    raise CodecError("round: so small an error is as good as none for samples that lie so far apart (leave round out)")


def _restore_integers(rows: np.ndarray, reader: Reader, dtype: np.dtype) -> np.ndarray:
    error = reader.uint()
    x = np.empty(rows.shape, dtype)
    for bins, restored in zip(rows, x, strict=True):
        counted, median = Steps.take(reader), reader.uint()
        grid = _Grid.of(error, counted.highest, median)
        if not (-grid.zero <= int(bins.min()) and int(bins.max()) <= grid.top - grid.zero):
            raise FormatError("a sample is in a bin that its channel does not have")
        numbers = bins.astype(np.int64) + grid.zero
        few = grid.top < bins.size
        steps = grid.middles(np.arange(grid.top + 1) if few else numbers, counted.highest)
        samples = counted.samples(steps, dtype)
        restored[:] = samples[numbers] if few else samples
    return x


def _round_floats(x: np.ndarray, error: float) -> tuple[np.ndarray, bytes]:
    """Return the number of each sample's bin, and what the inverse needs.

    Raises:
        CodecError: a sample is not finite, the error is 0, or too small for numbers of so few digits.
    """
    if not np.isfinite(x).all():
        raise CodecError("round: some samples are no numbers (NaN or infinite), and no error bounds those")
    if not error:
        raise CodecError("round: error=0 rounds no floats (name an error in their unit, or leave round out)")
    rows = _rows(x).astype(np.float64)
    ends = np.stack(
        [rows.min(1), rows.max(1), np.partition(rows, (rows.shape[1] - 1) // 2)[:, (rows.shape[1] - 1) // 2]], 1
    )
    for slack in _SLACK:
        width = 2 * error * slack
        with np.errstate(over="ignore"):
            bins = np.rint((rows - ends[:, 2:]) / width)
        below, above = -bins.min(), bins.max()
        if max(below, above) >= 1 << 53:
            break
        restored = _middles_of_floats(bins, width, ends, x.dtype)
        if (np.abs(restored - rows) <= error).all():
            kind = _kind(int(below), int(above))
            side = bytes([kind.itemsize]) + struct.pack("<d", width) + ends.astype("<f8").tobytes()
            return np.ascontiguousarray(bins.T, kind).reshape(x.shape), side
    raise CodecError(
        f"round: error={error:g} is less than what {x.dtype} numbers of this size can tell apart (leave round out)"
    )


def _middles_of_floats(bins: np.ndarray, width: float, ends: np.ndarray, dtype: np.dtype) -> np.ndarray:
    middles = bins * width + ends[:, 2:]
    return np.clip(middles, ends[:, :1], ends[:, 1:2]).astype(dtype)


def _restore_floats(rows: np.ndarray, reader: Reader, dtype: np.dtype) -> np.ndarray:
    (width,) = struct.unpack("<d", reader.take(8))
    ends = np.frombuffer(reader.take(24 * len(rows)), "<f8").reshape(-1, 3)
    if not (np.isfinite(ends).all() and np.isfinite(width)):
        raise FormatError("its bins make no sense")
    return _middles_of_floats(rows.astype(np.float64), width, ends, dtype)
