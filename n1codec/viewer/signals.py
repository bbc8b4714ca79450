"""Samples of recordings as int16 of shape (channels, frames), whatever they are in their files."""

from __future__ import annotations

import mmap
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from n1codec.recordings import Recording

BINS = 512
"""Bins of a tile."""
EXACT = 64
"""The widest bins, in frames, whose every sample is read where no level of the pyramid is there."""
_SAMPLED = 64
"""Frames at the beginning of a wider bin that stand for it then."""


class Signals(Protocol):
    """What a session shows: an array, or a view of recordings that acts like one."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    def __getitem__(self, key: Any) -> np.ndarray: ...


class Narrow(NamedTuple):
    """How samples are made int16: ``sample = per * shown + zero``."""

    per: float = 1.0
    zero: float = 0.0

    @classmethod
    def of(cls, found: Recording, stretches: Callable[[], Iterable[tuple[int, np.ndarray]]]) -> tuple[Narrow, str]:
        """Return how to narrow the samples of a recording, and a note if it changes them.

        Args:
            stretches: gives the samples to look at, with their first frames.
        """
        if found.dtype == np.int16:
            return cls(), ""
        if found.dtype == np.uint8:
            return cls(1.0, 128.0), "8 bits, shown around 0"
        if found.dtype.kind == "f":
            with np.errstate(all="ignore"):
                peaks = [np.abs(samples[np.isfinite(samples)]).max(initial=0) for _, samples in stretches()]
            peak = float(max(peaks, default=0))
            return cls(peak / 32767 if peak > 0 else 1.0), "floats, shown with 16 bits"
        reach = max(max(int(samples.max()), -int(samples.min()) - 1) for _, samples in stretches())
        shift = max(reach.bit_length() - 15, 0)
        return cls(float(1 << shift)), f"wider than 16 bits, shown divided by {1 << shift}" if shift else ""

    def __call__(self, samples: np.ndarray) -> np.ndarray:
        """Return samples as int16; those beyond its range are cut to it, and what is no number is 0."""
        if samples.dtype == np.int16:
            return samples
        if samples.dtype.kind == "f":
            scaled = np.nan_to_num(samples / self.per, nan=0.0, posinf=32767, neginf=-32768)
            return np.clip(scaled, -32768, 32767).astype(np.int16)
        if self.zero:
            return samples.astype(np.int16) - np.int16(self.zero)
        if self.per == 1:
            return samples.astype(np.int16)
        return np.clip(samples >> (int(self.per).bit_length() - 1), -32768, 32767).astype(np.int16)


class InPlace:
    """Recordings that are read where they are, when they are asked for."""

    def __init__(self, parts: Sequence[tuple[Recording, Narrow]]) -> None:
        self._parts = list(parts)
        self._first = np.cumsum([0, *(found.channels for found, _ in parts)])
        self.shape = int(self._first[-1]), max(found.frames for found, _ in parts)
        self.dtype = np.dtype(np.int16)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: tuple[Any, slice]) -> np.ndarray:
        """Return ``signals[channels, start:stop]``: one channel, a slice or a list of them."""
        channels, frames = key
        start, stop, _ = frames.indices(self.shape[1])
        single = isinstance(channels, int | np.integer)
        wanted = np.atleast_1d(np.arange(self.shape[0])[channels])
        result = np.zeros((len(wanted), max(stop - start, 0)), np.int16)
        for (found, narrow), first, last in zip(self._parts, self._first, self._first[1:], strict=False):
            (rows,) = np.nonzero((wanted >= first) & (wanted < last))
            end = min(stop, found.frames)
            if len(rows) and end > start:
                inner = wanted[rows] - first
                every = len(inner) == found.channels and np.array_equal(inner, np.arange(found.channels))
                samples = narrow(found.read(start, end, None if every else inner))
                result[rows, : end - start] = samples.T
        return result[0] if single else result

    def scattered(self, yes: bool) -> None:
        """Tell the system whether short stretches are read here and there, so that it reads nothing ahead."""
        for found, _ in self._parts:
            mapped = getattr(getattr(found, "data", None), "obj", None)
            if isinstance(mapped, mmap.mmap) and hasattr(mmap, "MADV_RANDOM"):
                mapped.madvise(mmap.MADV_RANDOM if yes else mmap.MADV_NORMAL)

    def release(self) -> None:
        """Give back the memory that holds what was read."""
        for found, _ in self._parts:
            found.release()


def extremes(x: np.ndarray, width: int) -> np.ndarray:
    """Return the lowest and the highest of each ``width`` samples, shape (channels, bins, 2).

    Args:
        x: shape (channels, frames); the last bin may have fewer.
    """
    channels, frames = x.shape
    bins = -(-frames // width)
    result = np.empty((channels, bins, 2), x.dtype)
    if width == 1:
        result[...] = x[..., None]
        return result
    whole = frames // width
    blocks = x[:, : whole * width].reshape(channels, whole, width)
    blocks.min(axis=2, out=result[:, :whole, 0])
    blocks.max(axis=2, out=result[:, :whole, 1])
    if whole < bins:
        rest = x[:, whole * width :]
        result[:, whole, 0], result[:, whole, 1] = rest.min(axis=1), rest.max(axis=1)
    return result


def sampled_frames(width: int) -> int:
    """Return how many frames stand for a bin of a width where not all of them are read."""
    return min(width, _SAMPLED)
