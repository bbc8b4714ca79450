"""How much electrodes have in common: correlations of their signals, of differences, and of what cannot be predicted.

Neighbouring electrodes look alike because all of them see slow fields, which a channel's own past tells as well. What a
neighbour can bring shows in the errors of a linear predictor, which the own past does not tell.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from n1codec.analysis.linear import autocovariance, levinson, residual
from n1codec.study.measure import Excerpt

ORDER = 16
MOST_APART = 200
"""Channels apart at most that have a row of their own."""
_BESIDE = 8
"""Pairs nearer than this are left out where electrodes far apart are compared."""
_MOST_SAMPLES = 1 << 23
_MICROMETRES = 20


class Alike(NamedTuple):
    """Mean correlations of the pairs of channels of one kind."""

    kind: str
    apart: float | None
    """In channels or micrometres, by the kind."""
    pairs: int
    raw: float
    differences: float
    """Of the first differences of both."""
    errors: float
    """Of the errors of a linear predictor of order 16."""


def instants(converters: np.ndarray) -> np.ndarray:
    """Return which of a converter's channels each one is, by number: those of the same are sampled at one instant.

    Args:
        converters: the converter of each channel, -1 for channels without.

    Returns:
        int64 of shape (channels,); -1 where there is no converter.
    """
    found = np.full(len(converters), -1, np.int64)
    for converter in np.unique(converters[converters >= 0]):
        members = np.flatnonzero(converters == converter)
        found[members] = np.arange(len(members))
    return found


def correlations(excerpt: Excerpt) -> list[Alike]:
    """Return mean correlations by distance, and of channels that share an instant or a converter."""
    frames = min(excerpt.frames, max(_MOST_SAMPLES // len(excerpt.channels), 4 * ORDER))
    if len(excerpt.channels) < 2 or frames < 4 * ORDER:
        return []
    x = excerpt.read(0, frames).astype(np.float64)
    x -= x.mean(axis=0)
    errors = residual(x, levinson(autocovariance(x, ORDER)))[ORDER:]
    matrices = [_correlation(signal) for signal in (x, np.diff(x, axis=0), errors)]
    found = []
    for kind, apart, chosen in _pairs(excerpt):
        means = [float(np.nanmean(matrix[chosen])) if np.isfinite(matrix[chosen]).any() else 0.0 for matrix in matrices]
        found.append(Alike(kind, apart, int(chosen.sum()), *means))
    return found


def _correlation(signal: np.ndarray) -> np.ndarray:
    """Return the correlation of each channel with each other; NaN for a constant one."""
    norm = np.sqrt(np.einsum("tc,tc->c", signal, signal))
    unit = np.divide(signal, norm, out=np.full_like(signal, np.nan), where=norm > 0)
    return np.asarray(unit.T @ unit)


def _pairs(excerpt: Excerpt) -> Iterator[tuple[str, float | None, np.ndarray]]:
    """Yield kinds of pairs: what they are called, how far apart they are, and which of all pairs belong to it."""
    channels = len(excerpt.channels)
    upper = np.triu(np.ones((channels, channels), bool), 1)
    apart = np.abs(np.subtract.outer(excerpt.channels, excerpt.channels))
    for distance in range(1, min(int(apart.max()), MOST_APART) + 1):
        if (chosen := upper & (apart == distance)).any():
            yield "channels apart", float(distance), chosen
    if (geometry := excerpt.geometry) is not None:
        metres = np.hypot(*np.moveaxis(geometry[:, None] - geometry[None], -1, 0))
        cells = np.rint(metres / _MICROMETRES)
        for cell in np.unique(cells[upper & (metres <= _MICROMETRES * MOST_APART / 10)]):
            yield "micrometres apart", float(cell * _MICROMETRES), upper & (cells == cell)
    if (converters := excerpt.converters) is not None:
        far = upper & (apart > _BESIDE)
        instant = instants(converters)
        together = np.equal.outer(instant, instant) & (instant >= 0)
        shared = np.equal.outer(converters, converters) & (converters >= 0)
        for kind, chosen in (
            ("sampled at the same instant, not beside each other", far & together),
            ("of the same converter, not beside each other", far & shared & ~together),
            ("all others, not beside each other", far & ~together & ~shared),
        ):
            if chosen.any():
                yield kind, None, chosen
