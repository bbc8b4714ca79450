"""How far what a lossy codec gives back is from what it was given."""

from __future__ import annotations

from math import inf, log10
from typing import NamedTuple

import numpy as np

from n1codec import converter, n1_mapping
from n1codec.spikes.detect import bandpass

LEAST_RATE = 12_500.0
"""Frames a second below which a recording has no spikes to speak of."""


class Distortion(NamedTuple):
    """Figures of a whole recording; decibels are 10 log10 of a ratio of powers, infinite where nothing was lost."""

    snr_db: float
    """Variance of the samples over the mean square of the error, over all channels together."""
    snr_spike_db: float | None
    """The same of samples and error between 300 and 6000 Hz; None below 12.5 kHz, and of too short recordings."""
    psnr_db: float
    """Square of ``psnr_peak`` over the mean square of the error."""
    psnr_peak: float
    """1023 for N1 recordings, in codes of which everything is measured; else the range of all samples."""
    largest_error: float
    """The greatest error of any sample, in steps of its channel's converter."""


def measure(x: np.ndarray, y: np.ndarray, rate: float) -> Distortion:
    """Return how far ``y`` is from ``x``.

    Args:
        x, y: samples that were given and that came back, shape (frames, channels), at least one of them.
        rate: frames a second; 0 where nobody knows.
    """
    power, noise, band_power, band_noise = np.zeros(4)
    largest, low, high = 0.0, inf, -inf
    banded = rate >= LEAST_RATE
    n1 = x.dtype == np.int16 and n1_mapping.covers(x) and n1_mapping.covers(y)
    for given, back in zip(x.T, y.T, strict=True):
        step = 1.0
        if n1:
            given, back = n1_mapping.codes(given), n1_mapping.codes(back)
        elif x.dtype.kind != "f":
            step = float(converter.distance(converter.find(np.ascontiguousarray(given), even=True)[1], 1))
        samples = given.astype(np.float64)
        error = samples - back.astype(np.float64)
        power += samples.var()
        noise += (error**2).mean()
        largest = max(largest, float(abs(error).max()) / step)
        low, high = min(low, float(samples.min())), max(high, float(samples.max()))
        if banded:
            both = bandpass(np.stack([samples, error]), rate)
            banded = both is not None
            if both is not None:
                band_power += both[0].var()
                band_noise += (both[1] ** 2).mean()
    peak = float(n1_mapping.CODES - 1) if n1 else high - low
    return Distortion(
        decibels(float(power), float(noise)),
        decibels(float(band_power), float(band_noise)) if banded else None,
        decibels(peak**2, float(noise) / x.shape[1]),
        peak,
        round(largest, 3),
    )


def decibels(power: float, noise: float) -> float:
    """Return 10 log10(power / noise): infinite without noise, minus infinity without power."""
    if not noise:
        return inf
    return 10 * log10(power / noise) if power else -inf
