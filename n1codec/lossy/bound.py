"""The least error that any code can have for a Gaussian signal with a given spectrum: R(D).

T. Berger, "Rate Distortion Theory", 1971, section 4.5 (reverse water-filling; Kolmogorov 1956).
"""

from __future__ import annotations

import numpy as np

SEGMENT = 2048
"""Samples of a segment of Welch's method."""
_HALVINGS = 100
_LEAST = 1e-12


def spectrum(x: np.ndarray, segment: int = SEGMENT) -> np.ndarray:
    """Return the power of ``x``, shape (frames,), at frequencies from 0 to half the rate, equally far apart.

    Welch's method (1967) with Hann windows that overlap by half. The mean over the frequencies is the variance: what is
    slower than a segment, and so in none of them, is added at the frequency 0.
    """
    from scipy import signal

    _, power = signal.welch(x, fs=1.0, nperseg=min(segment, len(x)), detrend="constant", return_onesided=False)
    half = np.maximum(power[: len(power) // 2 + 1], _LEAST)
    half[0] += max(float(x.var() - half.mean()), 0.0) * half.size
    return half


def snr_at(power: np.ndarray, bits: np.ndarray) -> np.ndarray:
    """Return the highest signal-to-noise ratios, in dB, at so many bits a sample.

    Args:
        power: at frequencies equally far apart, all positive.
        bits: shape (n,), positive.
    """
    logs = np.log2(power)
    found = []
    for wanted in bits:
        low, high = logs.min() - 2 * wanted - 1, logs.max()
        for _ in range(_HALVINGS):  # the rate falls as the water rises
            level = (low + high) / 2
            rate = np.maximum(logs - level, 0).mean() / 2
            low, high = (level, high) if rate > wanted else (low, level)
        found.append(10 * np.log10(power.mean() / np.minimum(power, 2**level).mean()))
    return np.array(found)
