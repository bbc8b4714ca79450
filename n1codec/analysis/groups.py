"""Recordings that were made at the same time, found by their samples alone.

Neighbouring electrodes share noise and spikes, so the first differences of two simultaneous recordings correlate,
though by a few per cent only. Whether a correlation means something is told by two tests, both for one false alarm in
a thousand data sets, shared by all pairs that are compared (Bonferroni):

1. The standard error of the correlation of two independent signals with autocorrelations a(k), b(k) over n frames is
   sqrt(sum over k of a(k) b(k) / n) (Bartlett, "On the theoretical specification and sampling properties of
   autocorrelated time-series", Supplement to the JRSS 8, 1946). It costs one matrix product for all pairs.
2. What passes is held against the correlations of the same two signals at other lags: they have whatever the two share
   that is not simultaneous, such as mains hum or bursts, and the correlation at lag 0 must stand out of them as far.

Both take correlations for normally distributed, which a few great artefacts would prevent: changes beyond four times
their usual size (1.4826 times the median magnitude) are cut to that.

Pieces of one recording are cut at the same frames, so only signals of equal length are compared.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from threading import Event
from typing import NamedTuple

import numpy as np

from n1codec.analysis.correlation import Cancelled, matrix

FALSE_ALARM = 1e-3
"""The probability of any wrong pair among signals of which no two belong together."""
LAGS = 1000
"""Frames that the lags reach, at most."""
NEAR = 30
"""Lags up to this one may hold what lag 0 holds, such as the rest of a spike: they are no background."""
CLIP = 4
MOST_FRAMES = 1 << 22
"""Frames of each signal, from its start, that are looked at: more would tell no more."""
MOST_SAMPLES = 1 << 27
"""Samples of all signals together, likewise, for whoever asks :func:`beginnings`."""
LEAST_FRAMES = 1000
"""Shorter signals are in no group."""


class Group(NamedTuple):
    members: tuple[int, ...]
    """The numbers of the signals, ascending."""
    r: np.ndarray
    """Correlations of the first differences at lag 0, float64 of shape (members, members)."""


def beginnings(lengths: Sequence[int]) -> list[int]:
    """Return how many frames of each signal to look at where there are many; different lengths stay different.

    Args:
        lengths: frames of each signal.
    """
    most = max(MOST_SAMPLES // max(len(lengths), 1), 1)
    shown = {length: max(min(length, most - rank), 1) for rank, length in enumerate(sorted(set(lengths)))}
    return [shown[length] for length in lengths]


def simultaneous(
    signals: Sequence[np.ndarray],
    *,
    false_alarm: float = FALSE_ALARM,
    progress: Callable[[float], None] | None = None,
    cancel: Event | None = None,
) -> list[Group]:
    """Return the groups of two or more signals that were recorded at the same time, ordered by their first members.

    Args:
        signals: arrays of shape (frames,), of any lengths.
        false_alarm: the accepted probability of any wrong pair.
        progress: takes the share of the work that is done, from 0 to 1.
        cancel: ends the search when it is set.

    Raises:
        Cancelled: ``cancel`` was set.
    """
    by_length: dict[int, list[int]] = defaultdict(list)
    lengths = [len(signal) for signal in signals]
    signals = [signal[:MOST_FRAMES] for signal in signals]
    for number, length in enumerate(lengths):
        if length > LEAST_FRAMES:
            by_length[length].append(number)
    sets = [numbers for numbers in by_length.values() if len(numbers) > 1]
    pairs = sum(len(numbers) * (len(numbers) - 1) // 2 for numbers in sets)
    if not pairs:
        return []
    from scipy.stats import norm

    def go_on() -> None:
        if cancel is not None and cancel.is_set():
            raise Cancelled("the search for simultaneous recordings was cancelled")

    least = float(norm.isf(false_alarm / pairs / 2))
    groups, done = [], 0
    for numbers in sets:
        go_on()
        clipped = np.stack([_clipped(_changes(signals[number])) for number in numbers])
        for found in _joined(clipped, least, go_on):
            members = tuple(numbers[member] for member in found)
            groups.append(Group(members, matrix(np.stack([_changes(signals[m]) for m in members]), "pearson")))
        done += len(numbers) * (len(numbers) - 1) // 2
        if progress is not None:
            progress(done / pairs)
    return sorted(groups, key=lambda group: group.members)


def _changes(signal: np.ndarray) -> np.ndarray:
    """Return the first differences in a dtype that holds them, shape (frames - 1,)."""
    wide = {"i": np.int64 if signal.dtype.itemsize > 2 else np.int32, "u": np.int64}.get(signal.dtype.kind, np.float64)
    return np.diff(signal.astype(wide))


def _clipped(changes: np.ndarray) -> np.ndarray:
    """Return changes without outliers, float32 of mean 0 and norm 1, or zeros if there are none."""
    magnitudes = np.abs(changes)
    usual = 1.4826 * np.median(magnitudes) or np.sqrt(np.mean(np.square(magnitudes, dtype=np.float64)))
    clipped = np.clip(changes, -CLIP * usual, CLIP * usual)
    clipped -= clipped.mean()
    norm = np.linalg.norm(clipped)
    return (clipped / norm if norm else clipped).astype(np.float32)


def _joined(changes: np.ndarray, least: float, go_on: Callable[[], None]) -> list[list[int]]:
    """Return the members of each group; strong pairs join first, and only pairs that join something are tested."""
    score = np.abs(changes @ changes.T) / _standard_error(changes, go_on)
    first, second = np.triu_indices(len(score), 1)
    passed = score[first, second] >= least
    candidates = sorted(zip(first[passed], second[passed], strict=True), key=lambda pair: -score[pair])
    group = list(range(len(score)))
    for a, b in candidates:
        go_on()
        if group[a] != group[b] and _stands_out(changes[a], changes[b], least):
            old, new = group[b], group[a]
            group = [new if g == old else g for g in group]
    members: dict[int, list[int]] = defaultdict(list)
    for number, g in enumerate(group):
        members[g].append(number)
    return [found for found in members.values() if len(found) > 1]


def _reach(frames: int) -> int:
    return min(LAGS, frames // 8)


def _standard_error(changes: np.ndarray, go_on: Callable[[], None]) -> np.ndarray:
    """Return Bartlett's standard error for each pair of rows."""
    rows, frames = changes.shape
    a = np.empty((rows, _reach(frames) + 1))
    for number, row in enumerate(changes):
        go_on()
        a[number] = _cross_correlation(row, row)[: a.shape[1]]
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
    one = fft.rfft(x, size)
    return fft.irfft(one * np.conj(one if y is x else fft.rfft(y, size)), size)
