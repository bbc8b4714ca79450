"""Bounds of codes that know nothing of the past, and what spikes alone would take."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from n1codec.analysis.entropy import entropy
from n1codec.spikes import detect
from n1codec.study.measure import Excerpt, Row, bound
from n1codec.study.methods import PUBLISHED_BITS

GROUP, SPIKES = "bounds of a code for single symbols", "spikes alone"
BIN_SECONDS = 1e-3
_TOGETHER = 32
"""Channels that are read at a time: all of them might be too much, and one at a time takes long."""


class _Counts:
    """How often each value occurs, in each channel."""

    def __init__(self, channels: int) -> None:
        self.low = 0
        self.table = np.zeros((channels, 0), np.int64)

    def add(self, x: np.ndarray) -> None:
        """Count the values of an array of shape (frames, channels)."""
        low, high = int(x.min()), int(x.max()) + 1
        self._cover(low, high)
        for channel, column in enumerate(x.T):
            self.table[channel] += np.bincount(column.astype(np.int64) - self.low, minlength=self.table.shape[1])

    def _cover(self, low: int, high: int) -> None:
        channels, width = self.table.shape
        first = min(low, self.low) if width else low
        last = max(high, self.low + width) if width else high
        table = np.zeros((channels, last - first), np.int64)
        table[:, self.low - first : self.low - first + width] = self.table
        self.low, self.table = first, table

    def bits(self) -> tuple[float, float]:
        """Return bits a symbol with one table for all channels, and with a table for each; no table is counted."""
        totals = self.table.sum(axis=1)
        own = sum(total * entropy(row) for total, row in zip(totals, self.table, strict=True))
        return entropy(self.table.sum(axis=0)), float(own / totals.sum())


def entropies(excerpt: Excerpt) -> list[Row]:
    """Return the rows of first-order entropies of samples and of their differences."""
    width = 8 * excerpt.recording.dtype.itemsize
    samples, differences = (_Counts(len(excerpt.channels)) for _ in range(2))
    last: np.ndarray | None = None
    for x in excerpt.stretches():
        samples.add(x)
        wide = x.astype(np.int64)
        steps = np.diff(wide, axis=0) if last is None else np.diff(wide, axis=0, prepend=last)
        if len(steps):
            differences.add(steps)
        last = wide[-1:]
    rows = []
    for what, counts in (("samples", samples), ("first differences", differences)):
        if counts.table.size:
            one, own = counts.bits()
            name = f"entropy of {what}"
            rows.append(bound(name, GROUP, "one table for all channels, not counted", one, width,
                              PUBLISHED_BITS.get(name)))  # fmt: skip
            rows.append(bound(f"{name}, by channel", GROUP, "a table for each channel, not counted", own, width))
    return rows


def binary_spikes(excerpt: Excerpt) -> list[Row]:
    """Return rows of what a recording of spikes in bins of 1 ms would take, which keeps nothing else of the signal.

    Spikes are troughs below detect.DEPTH times the noise in the band of 300 to 6000 Hz. There are none where the rate
    is not known, or too low for that band.
    """
    bins = int(excerpt.frames / excerpt.rate / BIN_SECONDS) if excerpt.rate else 0
    shares = [share for share in _shares_of_bins(excerpt, bins) if share is not None] if bins else []
    if not shares:
        return []
    width = 8 * excerpt.recording.dtype.itemsize
    frames = BIN_SECONDS * excerpt.rate
    coded = float(np.mean([entropy(np.array([share, 1 - share])) for share in shares])) / frames
    about = f"{np.mean(shares) / BIN_SECONDS:.3g} spikes a second and channel; the signal is lost"
    return [
        bound("spikes in bins of 1 ms, a bit each", SPIKES, about, 1 / frames, width),
        bound("spikes in bins of 1 ms, entropy", SPIKES, about, coded, width),
    ]


def _shares_of_bins(excerpt: Excerpt, bins: int) -> Iterator[float | None]:
    """Yield for each channel which share of its bins holds a spike; None where nothing can be detected."""
    for at in range(0, len(excerpt.channels), _TOGETHER):
        together = excerpt.recording.read(0, excerpt.frames, excerpt.channels[at : at + _TOGETHER])
        excerpt.recording.release()
        for column in together.T:
            x = detect.bandpass(column, excerpt.rate)
            if x is None:
                yield None
                continue
            troughs = detect.troughs(x, excerpt.rate, apart=0)
            held = np.unique((troughs / excerpt.rate / BIN_SECONDS).astype(np.int64))
            yield np.count_nonzero(held < bins) / bins
