"""How far two lists of spikes agree: what is detected before and after, or what a sorter found and what is known.

As SpikeInterface counts (Buccino et al., "SpikeInterface, a unified framework for spike sorting", eLife 9:e61834,
2020): two spikes are one if they are no farther apart than a window, the accuracy of a unit is spikes in common /
spikes of either, and each unit that was found counts for one that is known, so that the accuracies have the largest
sum. Pairs below one half do not count.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

LEAST = 0.5
"""Accuracy below which two units are not taken for the same."""


def near(a: np.ndarray, b: np.ndarray, window: int) -> np.ndarray:
    """Return for each of a's frames whether one of b's is no more than ``window`` frames away; both are rising."""
    if not b.size:
        return np.zeros(a.size, bool)
    after = np.searchsorted(b, a)
    later = b[np.minimum(after, b.size - 1)]
    earlier = b[np.maximum(after - 1, 0)]
    return np.asarray(np.minimum(np.abs(later - a), np.abs(a - earlier)) <= window)


def accuracy(a: np.ndarray, b: np.ndarray, window: int) -> float:
    """Return spikes in common / spikes of either, 0 where there are none."""
    common = min(int(near(a, b, window).sum()), int(near(b, a, window).sum()))
    every = a.size + b.size - common
    return common / every if every else 0.0


def paired(
    known: Mapping[int, np.ndarray], found: Mapping[int, np.ndarray], window: int
) -> dict[int, tuple[int, float]]:
    """Return for each known unit that was found: the unit that was found for it, and its accuracy.

    Args:
        known, found: frames of each unit's spikes, rising.
        window: in frames.
    """
    from scipy.optimize import linear_sum_assignment

    scores = np.array([[accuracy(a, b, window) for b in found.values()] for a in known.values()])
    if not scores.size:
        return {}
    scores[scores < LEAST] = 0
    names, others = list(known), list(found)
    return {
        names[row]: (others[column], float(scores[row, column]))
        for row, column in zip(*linear_sum_assignment(-scores), strict=True)
        if scores[row, column]
    }
