"""Noise level and spikes of one channel, by the simple estimators of the field."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

BAND = (300.0, 6000.0)
"""Hz between which spikes have their power."""
FACTOR = 8.0
"""Times the mean energy that a spike has to reach."""
_NORMAL = 0.6745
"""Median absolute deviation of a normal distribution of standard deviation 1."""


@lru_cache
def _sections(rate: float, low: float, high: float) -> np.ndarray:
    """Return the filter's sections: designing them takes longer than filtering some thousand frames."""
    from scipy import signal

    return np.asarray(signal.butter(3, (low, high), "bandpass", fs=rate, output="sos"))


def bandpass(x: np.ndarray, rate: float, band: tuple[float, float] = BAND) -> np.ndarray | None:
    """Return samples without what lies outside a band: a Butterworth filter of third order, forward and backward.

    Args:
        x: shape (frames,) or (channels, frames).
        rate: frames per second; an upper edge above 0.45 of it is put there.
        band: lower and upper edge in Hz.

    Returns:
        float64 in the shape of x; None if nothing is left of the band, or there are too few frames to filter.
    """
    from scipy import signal

    low, high = band[0], min(band[1], 0.45 * rate)
    if not 0 < low < high or x.shape[-1] < 32:
        return None
    sections = _sections(rate, low, high)
    return np.asarray(signal.sosfiltfilt(sections, x.astype(np.float64), padlen=min(x.shape[-1] - 1, 21)))


def noise_level(x: np.ndarray) -> float:
    """Return the standard deviation of the noise, which spikes hardly change: median |x - median(x)| / 0.6745.

    Source: Quian Quiroga, Nadasdy, Ben-Shaul, "Unsupervised spike detection and sorting", 2004.

    Args:
        x: shape (frames,), in any unit, which is that of the result.
    """
    return float(np.median(np.abs(x - np.median(x)))) / _NORMAL if x.size else float("nan")


def noise_of_counts(values: np.ndarray, counts: np.ndarray) -> float:
    """Return :func:`noise_level` of samples of which a histogram is given.

    Args:
        values: distinct, rising, shape (n,).
        counts: how often each occurs, shape (n,).
    """
    if not counts.size:
        return float("nan")
    exact = values.astype(np.float64)
    away = np.abs(exact - _median_of_counts(exact, counts))
    order = np.argsort(away, kind="stable")
    return _median_of_counts(away[order], counts[order]) / _NORMAL


def _median_of_counts(values: np.ndarray, counts: np.ndarray) -> float:
    up_to = np.cumsum(counts)
    middle = int(up_to[-1])
    low, high = np.searchsorted(up_to, [(middle - 1) // 2, middle // 2], side="right")
    return float(values[low] + values[high]) / 2


def neo(x: np.ndarray) -> np.ndarray:
    """Return the nonlinear energy x[n]**2 - x[n-1] * x[n+1], 0 at both ends, float64 in the shape of x, (frames,).

    Source: Kaiser 1990; Mukhopadhyay and Ray, "A new interpretation of nonlinear energy operator and its efficacy in
    spike detection", 1998.
    """
    wide = x.astype(np.float64)
    energy = np.zeros(wide.shape)
    energy[1:-1] = wide[1:-1] ** 2 - wide[:-2] * wide[2:]
    return energy


def neo_spikes(x: np.ndarray, rate: float, factor: float = FACTOR, apart: float = 1e-3) -> np.ndarray:
    """Return where spikes are: peaks of the smoothed nonlinear energy above a multiple of its mean.

    Args:
        x: shape (frames,), filtered to the band of spikes.
        rate: frames per second.
        factor: the multiple of the mean.
        apart: seconds between two spikes at least; of nearer ones the greater stays.

    Returns:
        Frames, rising, int64.
    """
    from scipy import signal

    window = np.bartlett(max(3, round(3e-4 * rate)) | 1)
    energy = np.convolve(neo(x), window / window.sum(), "same") if x.size >= window.size else np.zeros(0)
    if not energy.size or not energy.mean() > 0:
        return np.zeros(0, np.int64)
    return np.asarray(
        signal.find_peaks(energy, factor * float(energy.mean()), distance=max(1, round(apart * rate)))[0], np.int64
    )
