"""A seeded synthetic set that looks like N1 recordings to a codec: noise, ADC, value set and outliers.

The model follows what was measured on the public recordings. Gaussian innovations go through an all-pole filter
(drawn as reflection coefficients, so every filter is stable; step-up recursion of Markel & Gray, "Linear Prediction of
Speech", 1976, section 5.1), spikes are added, and one ADC with uneven code widths digitises all channels to 10 bits.
Neighbours share a part of their noise. A few channels bounce between the rails, a few are far louder than usual.

Random numbers are taken raw from PCG64 and shaped here, since the distributions of numpy.random.Generator may change
between versions: one seed gives the same integers with every NumPy.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from n1codec import files, n1_mapping
from n1codec.recordings import wav

CHANNELS, SECONDS, SEED, RATE = 16, 5.0, 0, 19531
"""The embedded default set."""

# Reflection coefficients 3..8 before the ADC, whose noise takes a tenth of them: mean and standard deviation.
_REFLECTION = np.array([[-0.105, 0.042], [-0.096, 0.026], [-0.085, 0.020], [-0.074, 0.016], [-0.064, 0.013],
                        [-0.056, 0.010]])  # fmt: skip
_WARM_UP = 4000
# Widths of the codes that are next to missing, and of 895, which never occurs.
_NARROW = {510: 0.07, 511: 0.002, 543: 0.35, 575: 0.28, 639: 0.01, 671: 0.16, 703: 0.2, 767: 0.01, 799: 0.09, 895: 0.0}
_ADC_STREAM = 1 << 32


class Random:
    """Uniform and normal numbers from the raw 64-bit output of PCG64, a stream of its own for each channel."""

    def __init__(self, seed: int, stream: int) -> None:
        self.bits = np.random.PCG64(np.random.SeedSequence([seed, stream]))

    def uniform(self, count: int) -> np.ndarray:
        """Return numbers in (0, 1), shape (count,)."""
        return ((self.bits.random_raw(count) >> np.uint64(11)) + 0.5) * 2.0**-53

    def normal(self, count: int) -> np.ndarray:
        """Return standard normal numbers, shape (count,) (Box & Muller 1958)."""
        half = (count + 1) // 2
        radius = np.sqrt(-2 * np.log(self.uniform(half)))
        angle = 2 * np.pi * self.uniform(half)
        return np.concatenate([radius * np.cos(angle), radius * np.sin(angle)])[:count]


def synthesize(channels: int = CHANNELS, seconds: float = SECONDS, seed: int = SEED, rate: int = RATE) -> np.ndarray:
    """Return synthetic recordings as int16 of shape (frames, channels), ``rate`` in Hz.

    Channel numbers 5, 21, 37, ... bounce between the rails, numbers 10, 26, 42, ... have 4 to 10 times the noise.
    """
    frames = max(1, round(seconds * rate))
    thresholds = _thresholds(Random(seed, _ADC_STREAM))
    samples = np.empty((frames, channels), np.int16)
    neighbour = np.zeros(_WARM_UP + frames)
    for channel in range(channels):
        random = Random(seed, channel)
        innovations = random.normal(_WARM_UP + frames)
        if channel % 2:
            shared = 0.05 + 0.4 * random.uniform(1)[0]
            innovations = shared * neighbour + np.sqrt(1 - shared * shared) * innovations
        neighbour = innovations
        kind = {5: "rails", 10: "loud"}.get(channel % 16, "usual")
        signal = _signal(random, innovations, kind)[_WARM_UP:] + _spikes(random, frames, rate)
        samples[:, channel] = n1_mapping.values()[np.searchsorted(thresholds, signal, side="right")]
    return samples


def write(
    folder: str | Path, channels: int = CHANNELS, seconds: float = SECONDS, seed: int = SEED, rate: int = RATE
) -> list[Path]:
    """Write a synthetic set as mono WAV files ``synth_00.wav``, ``synth_01.wav``, ... and return their paths."""
    samples = synthesize(channels, seconds, seed, rate)
    Path(folder).mkdir(parents=True, exist_ok=True)
    digits = max(2, len(str(channels - 1)))
    paths = []
    for channel in range(channels):
        path = Path(folder) / f"synth_{channel:0{digits}d}.wav"
        files.write(path, wav.write(np.ascontiguousarray(samples[:, channel]), rate))
        paths.append(path)
    return paths


def _thresholds(random: Random) -> np.ndarray:
    """Return the 1023 thresholds between the codes, in mean code widths.

    The widths repeat every 16 codes, as in a converter that weighs bits, and scatter around that.
    """
    repeated = np.tile(0.27 * random.normal(16), n1_mapping.CODES // 16)
    widths = np.exp(repeated + 0.12 * random.normal(n1_mapping.CODES))
    widths[31::32] *= 0.4
    for code, width in _NARROW.items():
        widths[code] = width
    return np.cumsum(widths * (n1_mapping.CODES / widths.sum()))[:-1]


def _signal(random: Random, innovations: np.ndarray, kind: str) -> np.ndarray:
    """Return coloured noise around the middle of the ADC's range, in codes."""
    from scipy.signal import lfilter

    draw = random.normal(16)
    if kind == "rails":
        drift = lfilter([1.0], [1.0, -0.9994], innovations)
        return n1_mapping.CODES / 2 + 55 * drift + 4 * random.normal(len(innovations))
    first = 1 - min(0.045 * np.exp(0.7 * draw[0]), 0.3)
    second = -0.13 + 0.06 * draw[1]
    others = _REFLECTION[:, 0] + _REFLECTION[:, 1] * draw[2:8]
    scale = 5.2 * np.exp(0.15 * draw[8])
    if kind == "loud":
        first, scale = 0.7, scale * (4 + 6 * random.uniform(1)[0])
    middle = 526 + 8 * draw[9]
    return middle + scale * lfilter([1.0], _step_up(np.array([-first, second, *others])), innovations)


def _step_up(reflection: np.ndarray) -> np.ndarray:
    """Return the prediction-error filter (1, a1, ..., ap) of reflection coefficients, all within (-1, 1)."""
    a = np.ones(1)
    for k in reflection:
        a = np.append(a, 0.0)
        a = a + k * a[::-1]
    return a


def _spikes(random: Random, frames: int, rate: int) -> np.ndarray:
    """Return the spikes of one or two units at Poisson times, in codes, shape (frames,)."""
    out = np.zeros(frames)
    units = int(3 * random.uniform(1)[0])
    for _ in range(units):
        hertz, size, breadth = random.uniform(3)
        t = np.arange(-int(0.0015 * rate), int(0.003 * rate)) / rate * 1000
        sigma = 0.12 + 0.1 * breadth
        wave = 0.22 * np.exp(-((t - 0.9) ** 2) / 0.5) - np.exp(-((t / sigma) ** 2) / 2)
        train = (random.uniform(frames) < (1 + 30 * hertz**2) / rate).astype(float)
        middle = (len(wave) - 1) // 2
        out += np.convolve(train * (25 + 110 * size**2), wave)[middle : middle + frames]
    return out
