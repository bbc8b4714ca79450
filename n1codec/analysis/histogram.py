"""Histograms whose bins hold the same number of possible values each.

A converter makes few values: N1 recordings have 1024, at distances of 64 and 65 in turn. Bins of any other width hold
one more of them here and one less there, and draw combs that are not in the data.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from n1codec.analysis.entropy import codes

_MOST_CODES = 1 << 22
"""A table of the codes between the lowest and the highest has so many rows at the most."""


class Histogram(NamedTuple):
    """Bins of equal width, from the lowest value to the highest; those without samples are among them."""

    values: np.ndarray
    """The middle of each bin, float64 of shape (bins,)."""
    counts: np.ndarray
    """How many samples each bin has, int64 of shape (bins,)."""
    width: float
    """Of a bin, in units of the samples: a whole number of steps of the converter."""

    @property
    def edges(self) -> np.ndarray:
        """Where bins begin and the last one ends, float64 of shape (bins + 1,)."""
        return np.append(self.values, self.values[-1:] + self.width) - self.width / 2


def histogram(values: np.ndarray, counts: np.ndarray, most: int) -> Histogram:
    """Sort values into at most ``most`` bins.

    The width of a bin is the smallest multiple of the converter's step that gives so few bins. Integers without a
    common step have a step of 1; floating-point numbers without one have bins of any width.

    Args:
        values: the distinct values of some samples, rising, integers or floats, shape (n,).
        counts: how often each occurs, integers of shape (n,).
        most: at least 1.
    """
    if not values.size:
        return Histogram(np.zeros(0), np.zeros(0, np.int64), 1.0)
    plain = values.astype(np.float64)
    step, numbers = _steps(values)
    if numbers is None:
        bins = min(most, values.size)
        binned, edges = np.histogram(plain, bins, weights=counts.astype(np.float64))
        return Histogram((edges[1:] + edges[:-1]) / 2, np.rint(binned).astype(np.int64), float(edges[1] - edges[0]))
    together = -(-(int(numbers[-1]) + 1) // most)
    binned = np.bincount(numbers // together, counts).astype(np.int64)  # exact below 2**53
    middles = np.arange(len(binned)) * together + (together - 1) / 2
    return Histogram(plain[0] + step * middles, binned, step * together)


def _steps(values: np.ndarray) -> tuple[float, np.ndarray | None]:
    """Return the converter's step, and how many steps each value lies above the lowest; None if there is no step."""
    numbers = codes(values)
    offsets = values.astype(np.float64) - float(values[0])
    if not numbers[-1]:
        return 1.0, numbers
    step = float(offsets[-1] / numbers[-1])
    rounding = min(2.0, step / 2) if values.dtype.kind in "iu" else step / 4
    if np.abs(offsets - step * numbers).max() <= rounding and numbers[-1] < _MOST_CODES:
        return step, numbers
    if values.dtype.kind in "iu":
        whole = values.astype(np.int64) - int(values[0])
        if whole[-1] < 1 << 62:
            return 1.0, whole
    return step, None
