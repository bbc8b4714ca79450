"""Where spikes are: the band that has them, the noise around them, and the detectors of the field."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import numpy as np

BAND = (300.0, 6000.0)
"""Hz between which spikes have their power."""
FACTOR = 8.0
"""Times the mean energy that a spike has to reach."""
DEPTH = 4.5
"""Times the noise that the trough of a spike has to reach."""
APART = 1e-3
"""Seconds between two spikes of a channel at least."""
_NONE = np.zeros(0, np.int64)
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


def causal(x: np.ndarray, rate: float, band: tuple[float, float] = BAND) -> np.ndarray | None:
    """Return samples without what lies outside a band, as an implant can: a Butterworth filter of third order, forward.

    It begins in the state in which it would be after the first sample for ever. Arguments and result are those of
    :func:`bandpass`.
    """
    from scipy import signal

    low, high = band[0], min(band[1], 0.45 * rate)
    if not 0 < low < high or x.shape[-1] < 1:
        return None
    sections = _sections(rate, low, high)
    wide = x.astype(np.float64)
    start = signal.sosfilt_zi(sections).reshape(-1, *[1] * (x.ndim - 1), 2) * wide[..., :1]
    return np.asarray(signal.sosfilt(sections, wide, zi=start)[0])


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


def neo_spikes(
    x: np.ndarray,
    rate: float,
    factor: float = FACTOR,
    apart: float = APART,
    level: Callable[[np.ndarray], np.floating] = np.mean,
) -> np.ndarray:
    """Return where spikes are: peaks of the smoothed nonlinear energy above a multiple of its mean, or median.

    Args:
        x: shape (frames,), filtered to the band of spikes.
        rate: frames per second.
        factor: the multiple of the mean.
        apart: seconds between two spikes at least; of nearer ones the greater stays.
        level: ``np.mean``, or ``np.median``, which many spikes do not lift.

    Returns:
        Frames, rising, int64.
    """
    window = np.bartlett(max(3, round(3e-4 * rate)) | 1)
    energy = np.convolve(neo(x), window / window.sum(), "same") if x.size >= window.size else np.zeros(0)
    usual = float(level(energy)) if energy.size else 0.0
    if not usual > 0:
        return np.zeros(0, np.int64)
    return _peaks(energy, factor * usual, rate, apart)


def troughs(x: np.ndarray, rate: float, depth: float = DEPTH, apart: float = APART) -> np.ndarray:
    """Return where spikes are: minima below a multiple of the noise.

    Args:
        x: shape (frames,), filtered to the band of spikes.
        rate: frames per second.
        depth: the multiple of :func:`noise_level`.
        apart: seconds between two spikes at least; of nearer ones the deeper stays. 0 keeps every minimum.

    Returns:
        Frames, rising, int64.
    """
    return _peaks(-x, max(depth * noise_level(x), float(np.finfo(float).tiny)), rate, apart) if x.size else _NONE


def _peaks(x: np.ndarray, height: float, rate: float, apart: float) -> np.ndarray:
    from scipy import signal

    return np.asarray(signal.find_peaks(x, height, distance=max(1, round(apart * rate)))[0], np.int64)


def _by_shape(x: np.ndarray, rate: float, factor: float | None) -> np.ndarray:
    from n1codec.spikes import templates  # it builds on this module

    return templates.spikes(x, rate, factor).frames


DETECTORS: dict[str, Callable[[np.ndarray, float, float | None], np.ndarray]] = {
    "mad": lambda x, rate, factor: troughs(x, rate, factor or DEPTH),
    "neo": lambda x, rate, factor: neo_spikes(x, rate, factor or FACTOR),
    "neo-median": lambda x, rate, factor: neo_spikes(x, rate, factor or 15.0, level=np.median),
    "templates": _by_shape,
}
"""By name: what finds spikes in a filtered channel, given the rate and a factor (None: the usual one)."""


class Found(NamedTuple):
    """Spikes of channels that were recorded together."""

    frames: np.ndarray
    """Of the trough, rising, int64 of shape (spikes,)."""
    channels: np.ndarray
    """Where each is greatest, in multiples of the channel's noise, int64 of shape (spikes,)."""


def together(
    x: np.ndarray,
    rate: float,
    detector: str = "mad",
    factor: float | None = None,
    apart: float = APART,
    around: np.ndarray | None = None,
) -> Found:
    """Return the spikes of channels that see the same neurons: of those that are near each other, the greatest.

    Args:
        x: filtered samples of shape (frames, channels).
        rate: frames per second.
        detector: a key of ``DETECTORS``.
        factor: of the threshold; the detector's own if None.
        apart: seconds between two spikes at least.
        around: the numbers of the channels that see a channel's neurons, shape (channels, some); all if None.
    """
    if around is None:
        around = np.tile(np.arange(x.shape[1]), (x.shape[1], 1))
    frames: list[np.ndarray] = [_NONE]
    channels: list[np.ndarray] = [_NONE]
    sizes: list[np.ndarray] = [np.zeros(0)]
    reach = round(0.3 * apart * rate)
    for number, column in enumerate(x.T):
        at = DETECTORS[detector](column, rate, factor)
        if detector != "mad":  # the energy of a spike is not highest at its trough
            window = np.clip(at[:, None] + np.arange(-reach, reach + 1), 0, len(column) - 1)
            at = np.unique(window[np.arange(len(at)), column[window].argmin(axis=1)])
        frames.append(at)
        channels.append(np.full(at.size, number))
        sizes.append(-column[at] / max(noise_level(column), float(np.finfo(float).tiny)))
    every, where = np.concatenate(frames), np.concatenate(channels)
    kept = np.zeros(every.size, bool)
    taken = np.zeros((x.shape[1], len(x)), bool)
    reach = max(1, round(apart * rate))
    for i in np.argsort(-np.concatenate(sizes), kind="stable"):
        frame = int(every[i])
        if not taken[around[where[i]], max(0, frame - reach + 1) : frame + reach].any():
            taken[where[i], frame] = kept[i] = True
    order = np.flatnonzero(kept)[np.argsort(every[kept], kind="stable")]
    return Found(every[order], where[order])
