"""Histograms of samples and of neighbouring samples, and the entropies that follow from them (Shannon 1948)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

_SMALL = 1 << 21
"""Ranges up to this are always counted in a table, greater ones by sorting."""
_LARGEST_TABLE = 1 << 24
"""Pairs of values that are counted in a table at most, where there are many samples."""
_TOGETHER = 1 << 21
"""Samples that are counted at a time, about."""
_MOST_STEPS = 1 << 20


def entropy(counts: np.ndarray) -> float:
    """Return the entropy, in bits per symbol, of symbols that occur so often each; 0 if there are none."""
    share = counts[counts > 0] / max(int(counts.sum()), 1)
    return float(-(share * np.log2(share)).sum()) + 0.0


class Neighbours(NamedTuple):
    """How often each value follows each other one: all that the entropies of order 0 and 1 and of differences need."""

    values: np.ndarray
    """The distinct values, rising, shape (n,)."""
    counts: np.ndarray
    """How often each occurs, int64, shape (n,)."""
    pairs: np.ndarray
    """The distinct pairs of neighbours, rising, int64: n * index of the first in ``values`` + index of the second."""
    pair_counts: np.ndarray
    """How often each pair occurs, int64."""

    @property
    def first(self) -> np.ndarray:
        """Index in ``values`` of the first sample of each pair."""
        return self.pairs // max(self.values.size, 1)

    @property
    def second(self) -> np.ndarray:
        return self.pairs % max(self.values.size, 1)

    def order0(self) -> float:
        """Return bits per sample where each sample is coded by itself."""
        return entropy(self.counts)

    def order1(self) -> float:
        """Return bits per sample where the sample before is known."""
        contexts = np.bincount(self.first, self.pair_counts)
        return entropy(self.pair_counts) - entropy(contexts) + 0.0

    def differences(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the distinct differences of neighbours, rising, and how often each occurs."""
        wide = self.values if self.values.dtype.kind == "f" else self.values.astype(np.int64)
        return _tally(wide[self.second] - wide[self.first], self.pair_counts)

    def code_differences(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the same for the codes of the values, which know no uneven steps."""
        numbers = codes(self.values)
        return _tally(numbers[self.second] - numbers[self.first], self.pair_counts)


def codes(values: np.ndarray) -> np.ndarray:
    """Return how many steps of a converter each value lies above the lowest, if they are steps of about one size.

    Args:
        values: distinct, rising, shape (n,).

    Returns:
        int64 of shape (n,), rising, the first one 0. The step is the mean of the distances up to 1.5 times the most
        common one; where others are a million steps the values have none in common, and are numbered in their order.
    """
    gaps = np.diff(values if values.dtype.kind == "f" else values.astype(np.int64)).astype(np.float64)
    numbers = np.zeros(values.size, np.int64)
    if gaps.size:
        sizes, often = np.unique(gaps, return_counts=True)
        steps = np.rint(gaps / gaps[gaps < 1.5 * sizes[often.argmax()]].mean())
        numbers[1:] = np.cumsum(np.maximum(steps, 1) if steps.max() < _MOST_STEPS else np.ones(gaps.size))
    return numbers


def neighbours(x: np.ndarray, before: int = 0) -> Neighbours:
    """Count the values of samples, and the pairs of samples that follow each other in a channel.

    Args:
        x: shape (frames, channels), of any integer dtype up to 32 bits or floating point without NaN.
        before: 1 if the first frame only stands there to make pairs with the second: its values are not counted.
    """
    values, counts, rank = _values(x)
    if before:
        counts = counts - np.bincount(rank(x[:before]).ravel(), minlength=values.size)
    size = values.size**2
    in_table = size <= max(_SMALL, min(_LARGEST_TABLE, 4 * x.size))
    table = np.zeros(size if in_table else 0, np.int64)
    sorted_ones: list[tuple[np.ndarray, np.ndarray]] = []
    for some in _pieces(x):
        ranks = rank(some)
        keys = (ranks[:-1] * values.size + ranks[1:]).ravel("K")
        if in_table:
            table += np.bincount(keys, minlength=size)
        else:
            sorted_ones.append(np.unique(keys, return_counts=True))
    if in_table:
        pairs = np.flatnonzero(table)
        return Neighbours(values, counts, pairs, table[pairs])
    return Neighbours(values, counts, *_tally(*map(np.concatenate, zip(*sorted_ones, strict=True))))


def histogram(x: np.ndarray) -> Neighbours:
    """Count the values of samples, without their neighbours.

    Args:
        x: shape (frames,), as for :func:`neighbours`.
    """
    values, counts, _ = _values(x[:, None])
    nothing = np.zeros(0, np.int64)
    return Neighbours(values, counts, nothing, nothing)


def _pieces(x: np.ndarray) -> Iterator[np.ndarray]:
    """Yield some channels after the other, so many that what is computed of them needs little memory."""
    step = max(1, _TOGETHER // max(len(x), 1))
    for first in range(0, x.shape[1], step):
        yield x[:, first : first + step]


def _values(x: np.ndarray) -> tuple[np.ndarray, np.ndarray, Callable[[np.ndarray], np.ndarray]]:
    """Return the distinct values, rising; how often each occurs; and what gives the index of each sample among them.

    Args:
        x: shape (frames, channels).
    """
    if x.size and x.dtype.kind != "f":
        low = int(x.min())
        span = int(x.max()) - low + 1
        if span <= _SMALL:
            wide = np.int32 if x.dtype.itemsize <= 2 else np.int64

            def offsets(some: np.ndarray) -> np.ndarray:
                return np.subtract(some, low, dtype=wide)

            table = np.zeros(span, np.int64)
            for some in _pieces(x):
                table += np.bincount(offsets(some).ravel("K"), minlength=span)
            used = np.flatnonzero(table)
            place = np.cumsum(table > 0) - 1
            return (used + low).astype(x.dtype), table[used], lambda some: place[offsets(some)]
    values, counts = np.unique(x, return_counts=True)
    return values, counts, lambda some: np.searchsorted(values, some)


def _tally(symbols: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    distinct, inverse = np.unique(symbols, return_inverse=True)
    return distinct, np.bincount(inverse, counts, distinct.size).astype(np.int64)  # exact below 2**53


class Pool:
    """The counts of many recordings together."""

    def __init__(self) -> None:
        self._parts: list[Neighbours] = []
        self._held = 0

    def add(self, found: Neighbours) -> None:
        self._parts.append(found)
        self._held += found.pairs.size + found.values.size
        if self._held > _SMALL:
            self._parts = [self.total()]
            self._held = 0

    def total(self) -> Neighbours:
        """Return the counts so far."""
        if len(self._parts) == 1:
            return self._parts[0]
        if not self._parts:
            nothing = np.zeros(0, np.int64)
            return Neighbours(nothing, nothing, nothing, nothing)
        values = np.unique(np.concatenate([part.values for part in self._parts]))
        symbols, pairs = [], []
        for part in self._parts:
            place = np.searchsorted(values, part.values)
            symbols.append(place)
            pairs.append(place[part.first] * values.size + place[part.second])
        _, counts = _tally(np.concatenate(symbols), np.concatenate([part.counts for part in self._parts]))
        keys, pair_counts = _tally(np.concatenate(pairs), np.concatenate([part.pair_counts for part in self._parts]))
        return Neighbours(values, counts, keys, pair_counts)
