"""Spikes of which the truth is known: made of nothing, or planted in the noise of real recordings."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from n1codec.spikes.align import BAND, BEFORE

UNITS, CHANNELS, SAMPLES, RATE = 24, 4, 64, 24_000.0
COUNT = 12_000
NOISE = 1.0
LOUDEST, SOFTEST = 17.0, 6.5
"""Peaks of units, in multiples of the noise."""


class Generated(NamedTuple):
    noisy: np.ndarray
    """float64 of shape (spikes, channels, samples), in multiples of the noise."""
    clean: np.ndarray
    """The same without noise."""
    units: np.ndarray
    """Of which unit each is, int64 of shape (spikes,)."""


def shape(t: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Return a waveform at times in milliseconds: a narrow trough at 0, a hump behind it, a small one before."""
    narrow, late, broad = random.uniform(0.08, 0.2), random.uniform(0.35, 0.7), random.uniform(0.2, 0.4)
    hump, first = random.uniform(0.15, 0.5), random.uniform(0.0, 0.2)
    trough = -np.exp(-((t / narrow) ** 2) / 2)
    after = hump * np.exp(-(((t - late) / broad) ** 2) / 2)
    return np.asarray(trough + after + first * np.exp(-(((t + 2.2 * narrow) / narrow) ** 2) / 2))


def spikes(
    count: int = COUNT,
    seed: int = 0,
    noise: float = NOISE,
    jitter: float = 0.25,
    units: int = UNITS,
    channels: int = CHANNELS,
) -> Generated:
    """Return generated spikes on some channels: each of a unit, a little louder or softer, in coloured noise.

    Args:
        noise: standard deviation of the noise.
        jitter: how far troughs lie apart, in samples, either way.
        units: how many neurons there are.
    """
    from scipy import signal

    random = np.random.default_rng(seed)
    t = (np.arange(SAMPLES) - BEFORE) / RATE * 1e3
    of = random.integers(0, units, count)
    shifts = random.uniform(-jitter, jitter, count) / RATE * 1e3
    loudness = random.normal(1.0, 0.08, count)
    clean = np.empty((count, channels, SAMPLES))
    for unit in range(units):
        own = np.random.default_rng([seed, unit])
        places = own.permutation(channels)
        peak = np.exp(own.uniform(np.log(SOFTEST), np.log(LOUDEST)))
        gains = peak * np.sort(np.concatenate([[1.0], own.uniform(0.05, 0.75, channels - 1)]))[::-1][places]
        mine = np.flatnonzero(of == unit)
        for channel in range(channels):
            wave = shape(t - shifts[mine, None], np.random.default_rng([seed, unit, channel]))
            clean[mine, channel] = gains[channel] * loudness[mine, None] * wave
    sections = signal.butter(3, BAND, "bandpass", fs=RATE, output="sos")
    white = random.normal(size=(count * channels, SAMPLES + 400))
    coloured = signal.sosfilt(sections, white)[:, 400:]
    return Generated(clean + noise * (coloured / coloured.std()).reshape(clean.shape), clean, of)


class Planted(NamedTuple):
    """A channel with spikes in it."""

    samples: np.ndarray
    """float64 of shape (frames,), in the unit of the recording, not rounded."""
    frames: np.ndarray
    """Where the troughs are before any filter, int64, rising."""
    kinds: np.ndarray
    """Which of the waveforms each is, int64 of the same shape."""


def templates(rate: float, count: int = 21, seed: int = 0) -> np.ndarray:
    """Return waveforms of 3 ms with a trough of -1 after one, float64 of shape (count, samples)."""
    t = np.arange(round(3e-3 * rate)) / rate * 1e3 - 1.0
    return np.stack([shape(t, np.random.default_rng([seed, i])) for i in range(count)])
