"""Power spectra, from scipy.signal."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

SEGMENT = 1024
"""Frames of a segment, over which a spectrum is taken."""


def psd(
    x: np.ndarray, rate: float, nperseg: int = SEGMENT, window: str = "hann", detrend: str | bool = "constant"
) -> tuple[np.ndarray, np.ndarray]:
    """Return the power spectral density by Welch's method (1967), segments overlapping by half.

    Args:
        x: samples of shape (frames,) or (frames, channels), any real dtype.
        rate: frames per second.
        nperseg: frames of a segment; all frames where there are fewer.
        window: the name of a window of scipy.signal.
        detrend: "constant" takes each segment's mean away, "linear" its trend, False nothing.

    Returns:
        Frequencies in Hz, float64 of shape (bins,), and the density in squared units of x per Hz, float64 of shape
        (bins,) or (bins, channels), all 0 for no frames.
    """
    from scipy import signal

    size = min(nperseg, len(x))
    if not size:
        bins = nperseg // 2 + 1
        return np.arange(bins) * (rate / nperseg), np.zeros((bins, *x.shape[1:]))
    return signal.welch(x.astype(np.float64), rate, window=window, nperseg=size, detrend=detrend, axis=0)


class Segments(NamedTuple):
    """The segments that :func:`psd` cuts a signal of some length into."""

    size: int
    """Frames of a segment."""
    hop: int
    """Frames from one to the next."""
    total: int
    """How many there are."""

    @classmethod
    def of(cls, frames: int, nperseg: int = SEGMENT) -> Segments:
        """Return the segments of a signal of so many frames, one or more."""
        size = min(nperseg, frames)
        hop = size - size // 2
        return cls(size, hop, (frames - size // 2) // hop)

    def within(self, start: int, stop: int) -> range:
        """Return the numbers of those that begin from the frame ``start`` on and before ``stop``."""
        return range(-(-start // self.hop), min(-(-stop // self.hop), self.total))

    def frames(self, numbers: range) -> tuple[int, int]:
        """Return the first frame of consecutive segments, one or more, and the frame behind their last."""
        return numbers[0] * self.hop, numbers[-1] * self.hop + self.size


def spectrogram(
    x: np.ndarray, rate: float, nperseg: int = 256, noverlap: int | None = None, window: str = "hann"
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return how the power spectral density goes on in time.

    Args:
        x: samples of shape (frames,), any real dtype.
        rate: frames per second.
        nperseg: frames of a segment; all frames where there are fewer.
        noverlap: frames that neighbouring segments share; half a segment if None.
        window: the name of a window of scipy.signal.

    Returns:
        Frequencies in Hz, shape (bins,); the middles of the segments in seconds, shape (segments,); the density in
        squared units of x per Hz, shape (bins, segments). All are float64.
    """
    from scipy import signal

    size = min(nperseg, len(x))
    if not size:
        bins = nperseg // 2 + 1
        return np.arange(bins) * (rate / nperseg), np.zeros(0), np.zeros((bins, 0))
    shared = min(size // 2 if noverlap is None else noverlap, size - 1)
    return signal.spectrogram(
        x.astype(np.float64), rate, window=window, nperseg=size, noverlap=shared, detrend="constant"
    )


def spectral_entropy(density: np.ndarray, base: float = 2.0) -> float:
    """Return the Shannon entropy of a power spectral density that is taken as a distribution over its bins.

    Args:
        density: not negative, shape (bins,).
        base: 2 for bits.

    Returns:
        0 (one frequency) to log(bins) (white noise); NaN where there is no power at all.
    """
    total = density.sum()
    if not total > 0:
        return float("nan")
    share = density[density > 0] / total
    return float(-(share * np.log(share)).sum() / np.log(base)) + 0.0
