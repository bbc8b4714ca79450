"""Minima and maxima of blocks of samples, from which any stretch of a recording is drawn without losing a spike.

A pyramid has a level for blocks of 16 samples, of 32, of 64 and so on: a quarter of the size of the signals. A view
takes about two points a pixel, the lowest and the highest sample of each bin. Bins are about as wide as a pixel: within
an eighth of it, or half a sample. They begin at multiples of their width, so that panning moves the picture and changes
nothing in it.
"""

from __future__ import annotations

import mmap
import tempfile
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np

BLOCK = 16
"""Samples of a block in the lowest level."""
_STRETCH = 1 << 21
"""Samples that are held at a time; a multiple of BLOCK."""
_RELEASED = 1 << 24
"""Samples after which pages of memory maps are released."""

Channels = int | slice | list[int] | np.ndarray


class Window(NamedTuple):
    """The lowest and the highest sample of each bin."""

    x: np.ndarray
    """The first frame of each bin, int64 of shape (bins,)."""
    low: np.ndarray
    """Of the signals' dtype and shape (channels, bins)."""
    high: np.ndarray
    width: int
    """Frames in a bin; with 1, ``low`` and ``high`` are the samples themselves."""


class Image(NamedTuple):
    """One value for each pixel of each channel."""

    x: np.ndarray
    """The first frame of each column, int64 of shape (bins,)."""
    values: np.ndarray
    """The sample farthest from the channel's median in each bin, shape (channels, bins)."""
    width: int


class Pyramid:
    """Signals of shape (channels, frames), and the minima and maxima of their blocks. Both may be memory-mapped."""

    def __init__(self, signals: np.ndarray, levels: np.ndarray) -> None:
        """Join signals and the levels that ``build`` made of them.

        Args:
            signals: shape (channels, frames).
            levels: shape (2, channels, blocks), minima before maxima, all levels one after the other.

        Raises:
            ValueError: the levels have another shape or dtype than these signals' would have.
        """
        if levels.shape != (2, len(signals), sum(_blocks(signals.shape[1]))) or levels.dtype != signals.dtype:
            raise ValueError("these levels belong to other signals")
        self.signals, self.levels = signals, levels
        self._starts = np.cumsum([0, *_blocks(signals.shape[1])])

    @classmethod
    def build(cls, signals: np.ndarray, levels: np.ndarray | None = None) -> Pyramid:
        """Compute all levels, a stretch of a channel at a time.

        Args:
            signals: shape (channels, frames). Pages of a memory map leave resident memory when they have been used.
            levels: takes the levels (see ``size``), and may be memory-mapped for writing; a new array if None.
        """
        channels, frames = signals.shape
        if levels is None:
            levels = np.empty(cls.size(signals), signals.dtype)
        used = 0
        for channel in range(channels):
            below, at, block = signals[channel : channel + 1], 0, BLOCK
            for size in _blocks(frames):
                above = levels[:, channel, at : at + size]
                for start in range(0, below.shape[-1], _STRETCH):
                    piece = slice(start // block, -(-min(start + _STRETCH, below.shape[-1]) // block))
                    for row, source, extreme in zip(
                        above, (below[0], below[-1]), (np.minimum, np.maximum), strict=True
                    ):
                        row[piece] = _reduce(extreme, np.asarray(source[start : start + _STRETCH]), block)
                    used += _STRETCH
                    if used >= _RELEASED:
                        release(signals, levels)
                        used = 0
                below, at, block = above, at + size, 2
        release(signals, levels)
        return cls(signals, levels)

    @staticmethod
    def size(signals: np.ndarray) -> tuple[int, int, int]:
        """Return the shape of the levels: (2, channels, blocks), minima before maxima."""
        channels, frames = signals.shape
        return 2, channels, sum(_blocks(frames))

    @classmethod
    def cached(cls, signals: np.ndarray, folder: str | Path, key: str) -> Pyramid:
        """Return the pyramid from a folder, memory-mapped; it is built and put there if it is not there.

        Args:
            key: names the content of the signals (``correlation.digest``).

        Raises:
            OSError: the folder cannot be written to.
        """
        path = Path(folder) / f"{key}-pyramid-{BLOCK}.npy"
        try:
            return cls(signals, np.load(path, mmap_mode="r", allow_pickle=False))
        except (OSError, ValueError, EOFError):
            pass  # it is not there, or not whole
        path.parent.mkdir(parents=True, exist_ok=True)
        if not signals.size:  # nothing can be mapped
            return cls.build(signals)
        with tempfile.TemporaryDirectory(prefix=".new-", dir=path.parent) as temporary:
            made = Path(temporary) / path.name
            levels = np.lib.format.open_memmap(made, "w+", signals.dtype, cls.size(signals))
            cls.build(signals, levels)
            levels.flush()
            del levels  # Windows renames no file that is open
            made.replace(path)
        return cls(signals, np.load(path, mmap_mode="r", allow_pickle=False))

    @cached_property
    def medians(self) -> np.ndarray:
        """The median of every channel, float64 of shape (channels,); 0 where there are no frames."""
        return np.array([_median(channel) if channel.size else 0.0 for channel in self.signals])

    def window(self, channels: Channels, start: int, stop: int, pixels: int) -> Window:
        """Return about two points a pixel of the frames ``start`` to ``stop``, of one channel or some, in their order.

        The first and the last bin may reach beyond these frames, by less than their width.
        """
        chosen = [channels] if isinstance(channels, int | np.integer) else channels
        frames = self.signals.shape[1]
        start, stop = max(0, int(start)), min(frames, int(stop))
        width, level = _bin(max(0, stop - start) / max(1, pixels))
        first, last = start // width, -(-stop // width)
        x = np.arange(first, last, dtype=np.int64) * width
        if last <= first:
            nothing = np.empty((len(self.signals[chosen]), 0), self.signals.dtype)
            return Window(x, nothing, nothing, width)
        if level < 0:
            low = high = self.signals[chosen, first * width : last * width]
            block = 1
        else:
            at, block = int(self._starts[level]), BLOCK << level
            piece = slice(at + first * width // block, min(at + last * width // block, int(self._starts[level + 1])))
            low, high = self.levels[0][chosen, piece], self.levels[1][chosen, piece]
        if width == block:
            return Window(x, np.asarray(low), np.asarray(high), width)
        return Window(x, _reduce(np.minimum, low, width // block), _reduce(np.maximum, high, width // block), width)

    def level(self, number: int, channels: Channels, first: int, last: int) -> np.ndarray:
        """Return the minima and maxima of the blocks ``first`` to ``last`` of a level, shape (channels, blocks, 2).

        Args:
            number: 0 for blocks of BLOCK samples, 1 for blocks of twice as many, and so on.

        Raises:
            IndexError: there is no such level.
        """
        if not 0 <= number < len(self._starts) - 1:
            raise IndexError(f"there is no level {number}")
        at = int(self._starts[number])
        piece = slice(at + first, min(at + last, int(self._starts[number + 1])))
        return np.stack([self.levels[0][channels, piece], self.levels[1][channels, piece]], axis=-1)

    def image(self, channels: Channels, start: int, stop: int, pixels: int) -> Image:
        """Return one value a pixel for each channel: the bin's sample that is farthest from the channel's median."""
        x, low, high, width = self.window(channels, start, stop, pixels)
        chosen = [channels] if isinstance(channels, int | np.integer) else channels
        twice = 2 * self.medians[chosen, None]
        return Image(x, np.where(high.astype(np.float64) + low >= twice, high, low), width)


def interleave(window: Window, channel: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return a line through the lowest and the highest sample of each bin in turn.

    Args:
        window: the bins of some channels.
        channel: which of these channels, by its row.

    Returns:
        Frames, float64, and samples of the signals' dtype, both of shape (points,): two points a bin, or the samples
        themselves where a bin is one frame wide.
    """
    if window.width == 1:
        return window.x.astype(np.float64), window.low[channel]
    x = np.repeat(window.x + (window.width - 1) / 2, 2)
    y = np.stack([window.low[channel], window.high[channel]], axis=1)
    y[1::2] = y[1::2, ::-1]  # up in one bin and down in the next: the line between bins stays short
    return x, y.ravel()


def release(*arrays: np.ndarray) -> None:
    """Let pages of memory maps leave resident memory; the system reads them again when they are used.

    Without it, going through a file as large as memory once makes the process as large. Arrays that are not mapped, and
    systems that have no such call (Windows), stay as they are.
    """
    for array in arrays:
        mapped = getattr(array, "_mmap", None)
        if mapped is not None and hasattr(mmap, "MADV_DONTNEED"):
            mapped.madvise(mmap.MADV_DONTNEED)


def _median(channel: np.ndarray) -> float:
    """Return the median of samples of shape (frames,), exactly; those of 16 bits are counted a stretch at a time."""
    if channel.dtype != np.int16:
        return float(np.median(channel))
    counts = np.zeros(1 << 16, np.int64)
    for start in range(0, len(channel), _STRETCH):
        counts += np.bincount(channel[start : start + _STRETCH].astype(np.int32) + (1 << 15), minlength=1 << 16)
        if len(channel) > _STRETCH:
            release(channel)
    share = np.cumsum(counts)
    below, above = np.searchsorted(share, ((len(channel) - 1) // 2, len(channel) // 2), side="right")
    return (int(below) + int(above)) / 2 - (1 << 15)


def _blocks(frames: int) -> list[int]:
    """Return how many blocks each level has, up to the last one of more than a block."""
    sizes, size = [], -(-frames // BLOCK)
    while size > 0:
        sizes.append(size)
        size = -(-size // 2) if size > 1 else 0
    return sizes


def _bin(frames_a_pixel: float) -> tuple[int, int]:
    """Return the width of bins and the level that they are made of, -1 for the signals."""
    if frames_a_pixel < 2.5:  # all samples are as few as two for each bin of 2
        return 1, -1
    wide = round(frames_a_pixel)
    if wide < 4 * BLOCK:
        return wide, -1
    level = (wide // (4 * BLOCK)).bit_length() - 1
    block = BLOCK << level
    return round(frames_a_pixel / block) * block, level


def _reduce(extreme: np.ufunc, x: np.ndarray, size: int) -> np.ndarray:
    """Return the extreme of each block along the last axis; the last block may be shorter."""
    if size > 8:
        return extreme.reduceat(x, np.arange(0, x.shape[-1], size), axis=-1)
    whole = x.shape[-1] // size * size
    result = np.empty((*x.shape[:-1], -(-x.shape[-1] // size)), x.dtype)
    head = result[..., : whole // size]
    head[...] = x[..., 0:whole:size]
    for i in range(1, size):  # faster by far than reduceat where blocks are short
        extreme(head, x[..., i:whole:size], out=head)
    if whole < x.shape[-1]:
        result[..., -1] = extreme.reduce(x[..., whole:], axis=-1)
    return result
