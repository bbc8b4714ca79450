"""Recordings that were made at the same time, found by their samples alone.

Neighbouring electrodes share noise and spikes, so the first differences of two simultaneous recordings correlate,
though by a few per cent only. Whether a correlation means something is told by two tests, both for one false alarm in
a thousand data sets, shared by all pairs that are compared (Bonferroni):

1. The standard error of the correlation of two independent signals with autocorrelations a(k), b(k) over n frames is
   sqrt(sum over k of a(k) b(k) / n) (Bartlett, "On the theoretical specification and sampling properties of
   autocorrelated time-series", Supplement to the JRSS 8, 1946). It costs one matrix product for all pairs.
2. What passes is held against the correlations of the same two signals at other lags: they have whatever the two share
   that is not simultaneous, such as mains hum or bursts, and the correlation at lag 0 must stand out of them as far.

Pieces of one recording are cut at the same frames, so only signals of equal length are compared.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from n1codec.analysis.correlation import matrix

FALSE_ALARM = 1e-3
"""The probability of any wrong pair among signals of which no two belong together."""
LAGS = 1000
"""Frames that the lags reach, at most."""
NEAR = 30
"""Lags up to this one may hold what lag 0 holds, such as the rest of a spike: they are no background."""
LEAST_FRAMES = 1000
"""Shorter signals are in no group."""


class Group(NamedTuple):
    members: tuple[int, ...]
    """The numbers of the signals, ascending."""
    r: np.ndarray
    """Correlations of the first differences at lag 0, float64 of shape (members, members)."""


def simultaneous(
    signals: Sequence[np.ndarray], *, false_alarm: float = FALSE_ALARM, progress: Callable[[float], None] | None = None
) -> list[Group]:
    """Return the groups of two or more signals that were recorded at the same time, ordered by their first members.

    Args:
        signals: arrays of shape (frames,), of any lengths.
        false_alarm: the accepted probability of any wrong pair.
        progress: takes the share of the work that is done, from 0 to 1.
    """
    by_length: dict[int, list[int]] = defaultdict(list)
    for number, signal in enumerate(signals):
        if len(signal) > LEAST_FRAMES:
            by_length[len(signal)].append(number)
    sets = [numbers for numbers in by_length.values() if len(numbers) > 1]
    pairs = sum(len(numbers) * (len(numbers) - 1) // 2 for numbers in sets)
    if not pairs:
        return []
    from scipy.stats import norm

    least = float(norm.isf(false_alarm / pairs / 2))
    groups, done = [], 0
    for numbers in sets:
        changes = np.stack([_difference(signals[number]) for number in numbers])
        r = matrix(changes, "pearson")
        for members in _joined(changes, r, least):
            groups.append(Group(tuple(numbers[m] for m in members), r[np.ix_(members, members)]))
        done += len(numbers) * (len(numbers) - 1) // 2
        if progress is not None:
            progress(done / pairs)
    return sorted(groups, key=lambda group: group.members)


def _difference(signal: np.ndarray) -> np.ndarray:
    wide = {"i": np.int64 if signal.dtype.itemsize > 2 else np.int32, "u": np.int64}.get(signal.dtype.kind, np.float64)
    return np.diff(signal.astype(wide))


def _joined(changes: np.ndarray, r: np.ndarray, least: float) -> list[list[int]]:
    """Return the members of each group; strong pairs join first, and only pairs that join something are tested."""
    score = np.abs(r) / _standard_error(changes)
    first, second = np.triu_indices(len(r), 1)
    passed = np.nan_to_num(score[first, second]) >= least
    candidates = sorted(zip(first[passed], second[passed], strict=True), key=lambda pair: -score[pair])
    group = list(range(len(r)))
    for a, b in candidates:
        if group[a] != group[b] and _stands_out(changes[a], changes[b], least):
            old, new = group[b], group[a]
            group = [new if g == old else g for g in group]
    members: dict[int, list[int]] = defaultdict(list)
    for number, g in enumerate(group):
        members[g].append(number)
    return [found for found in members.values() if len(found) > 1]


def _reach(frames: int) -> int:
    return min(LAGS, frames // 8)


def _standard_error(changes: np.ndarray) -> np.ndarray:
    """Return Bartlett's standard error for each pair of rows."""
    frames = changes.shape[1]
    a = np.array([_cross_correlation(row, row)[: _reach(frames) + 1] for row in changes])
    a[:, 0] *= np.sqrt(0.5)  # lag 0 counts once, the others twice
    return np.sqrt(np.maximum(2 * a @ a.T, 0.01) / frames)


def _stands_out(x: np.ndarray, y: np.ndarray, least: float) -> bool:
    r = _cross_correlation(x, y)
    reach = _reach(len(x))
    others = np.concatenate([r[NEAR + 1 : reach + 1], r[-reach:-NEAR]])
    return bool(abs(r[0]) >= least * np.sqrt(np.mean(others * others)))


def _cross_correlation(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the correlation of two signals at the lags 0, 1, ... and, from the end, -1, -2, ... of y against x."""
    from scipy import fft

    size = fft.next_fast_len(len(x) + _reach(len(x)), real=True)
    x, y = x - x.mean(), y - y.mean()
    scale = np.sqrt(np.dot(x, x) * np.dot(y, y))
    spectrum = fft.rfft(x, size) * np.conj(fft.rfft(y, size))
    return fft.irfft(spectrum, size) / scale if scale else np.zeros(size)
