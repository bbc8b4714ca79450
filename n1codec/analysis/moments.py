"""Population moments of samples, from exact sums of powers."""

from __future__ import annotations

from fractions import Fraction
from math import copysign, ldexp, nan, sqrt
from typing import NamedTuple

import numpy as np


class Moments(NamedTuple):
    """The sums of the first four powers of some samples, exact; those of two sets add up to those of their union."""

    samples: int = 0
    sums: tuple[Fraction, ...] = (Fraction(0),) * 4

    def __add__(self, other: object) -> Moments:
        if not isinstance(other, Moments):
            return NotImplemented
        sums = (a + b for a, b in zip(self.sums, other.sums, strict=True))
        return Moments(self.samples + other.samples, tuple(sums))

    def _central(self) -> tuple[Fraction, ...]:
        """Return mean and second to fourth central moment."""
        m1, m2, m3, m4 = (s / self.samples for s in self.sums)
        return m1, m2 - m1**2, m3 - 3 * m1 * m2 + 2 * m1**3, m4 - 4 * m1 * m3 + 6 * m1**2 * m2 - 3 * m1**4

    def figures(self) -> dict[str, float]:
        """Return mean, standard deviation, skewness and excess kurtosis of the population; NaN where undefined."""
        if not self.samples:
            return dict.fromkeys(("mean", "sd", "skewness", "kurtosis"), nan)
        mean, variance, third, fourth = self._central()
        return {
            "mean": float(mean),
            "sd": _root(variance),
            "skewness": copysign(_root(third**2 / variance**3), third) if variance else nan,
            "kurtosis": float(fourth / variance**2 - 3) if variance else nan,
        }


def _root(square: Fraction) -> float:
    """Return the square root to full precision, also of squares that are no float64."""
    shift = (square.numerator.bit_length() - square.denominator.bit_length()) // 2
    return ldexp(sqrt(square / Fraction(4) ** shift), shift)


def moments(values: np.ndarray, counts: np.ndarray) -> Moments:
    """Return the exact sums of samples of which a histogram is given.

    Args:
        values: integers, or finite numbers of floating point, shape (n,).
        counts: how often each occurs, shape (n,).
    """
    scale = Fraction(1)
    if values.dtype.kind == "f" and values.size:
        fractions, exponents = np.frexp(values.astype(np.float64))
        least = int(exponents.min())
        whole = (fractions * 2.0**53).astype(np.int64).astype(object) << (exponents - least).astype(object)
        scale = Fraction(2) ** (least - 53)
    else:
        whole = values.astype(object)
    often = counts.astype(object)
    sums = (Fraction(int((whole**power * often).sum())) * scale**power for power in range(1, 5))
    return Moments(int(counts.sum()), tuple(sums))
