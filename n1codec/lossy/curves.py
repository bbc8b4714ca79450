"""Rate and distortion of one signal in one basis, over all steps of a quantiser."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from n1codec.lossy.distortion import LEAST_RATE, decibels
from n1codec.lossy.transforms import Basis
from n1codec.pipeline import get_codec
from n1codec.spikes.detect import bandpass

STEPS = np.geomspace(0.7, 700, 23)
"""Of the quantiser, in steps of the converter."""
DEAD_ZONES = (0.5, 0.33)
"""What is added to a coefficient before it is cut to a whole number of steps: rounding, and a wider zero."""
HEAD_BITS = 92
"""What a file takes besides: its length, step, mean, and what else a decoder needs."""
BAND_BITS = 14
"""What the means of a band's bins take, as one number that says how far they are from the middles."""
SHARES = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
"""Of the coefficients, for the curve of the M largest terms."""


class Curve(NamedTuple):
    """Points of one signal, shape (points,), in no order."""

    bits: np.ndarray
    """A sample, all side information counted."""
    snr_db: np.ndarray
    spike_db: np.ndarray
    """NaN where the recording has too few frames a second."""


def curve(basis: Basis, x: np.ndarray, rate: float) -> Curve:
    """Return what a signal takes and loses in a basis.

    Args:
        x: the converter's codes, shape (frames,).
        rate: frames a second.
    """
    mean = float(np.round(x.mean()))
    bands = basis.forward(x - mean)
    whole = bool((x == np.rint(x)).all())
    points = Points(x, rate)
    for step in STEPS:
        chosen = basis.for_step(bands, float(step))
        for offset in DEAD_ZONES:
            bits, back = float(HEAD_BITS), []
            for band in chosen:
                numbers = np.sign(band) * np.floor(np.abs(band) / step + offset)
                bits += adaptive_bits(numbers) + BAND_BITS
                back.append(centred(band, numbers, step))
            restored = basis.inverse(back, len(x)) + mean
            points.add(bits, np.rint(restored) if whole else restored)
    return points.curve()


class Points:
    """The points of a curve of one signal."""

    def __init__(self, x: np.ndarray, rate: float) -> None:
        self._x, self._rate = x, rate
        self._spikes = bandpass(x, rate) if rate >= LEAST_RATE else None
        self._found: list[tuple[float, float, float]] = []

    def add(self, bits: float, back: np.ndarray) -> tuple[float, float, float]:
        """Add what came back of the signal, and the bits that all of it takes; return the point: bits, SNR, spikes."""
        error, spike = back - self._x, np.nan
        if self._spikes is not None and (heard := bandpass(error, self._rate)) is not None:
            spike = _db(self._spikes.var(), (heard**2).mean())
        self._found.append((bits / len(self._x), _db(self._x.var(), (error**2).mean()), spike))
        return self._found[-1]

    def curve(self) -> Curve:
        return Curve(*np.array(self._found).T)


class Coded(NamedTuple):
    """A lossy codec in the place of a basis: its bytes are those of real files, without the container."""

    spec: str
    """With ``{}`` where the step stands."""
    trained: bool = False
    needs: str = ""


def coded_curve(coded: Coded, x: np.ndarray, rate: float) -> Curve:
    """Return what a signal takes and loses in a codec, at each of STEPS; arguments are as for :func:`curve`."""
    given = x.astype(np.int32) if (x == np.rint(x)).all() else x
    points = Points(x, rate)
    for step in STEPS:
        payload, back = get_codec(coded.spec.format(f"{step:g}")).coded(given)
        points.add(8 * len(payload), back)
    return points.curve()


def _db(power: float, noise: float) -> float:
    """Return decibels that can be averaged: 200 where nothing is lost, -200 where there is nothing."""
    return max(min(decibels(float(power), float(noise)), 200.0), -200.0)


def centred(band: np.ndarray, numbers: np.ndarray, step: float) -> np.ndarray:
    """Return what coefficients come back as: the middles of their bins, moved towards 0 as is best for the band."""
    used = numbers != 0
    if not used.any():
        return numbers * step
    shift = (np.abs(numbers[used]) * step - np.abs(band[used])).mean()
    shift = np.round(shift / step * 128) / 128 * step
    return numbers * step - np.sign(numbers) * shift


def adaptive_bits(numbers: np.ndarray) -> float:
    """Return the bits of whole numbers by an adaptive code, which begins with half a count for each in their range.

    That is the code of Krichevsky and Trofimov (1981), whose length depends on the counts alone. The two ends of the
    range take the bits of Elias' gamma code each.
    """
    from scipy.special import gammaln

    if not numbers.size:
        return 0.0
    whole = numbers.astype(np.int64)
    low, high = int(whole.min()), int(whole.max())
    ends = sum(2 * (abs(end) + 1).bit_length() for end in (low, high))
    counts = np.bincount(whole - low)
    size = counts.size
    counts = counts[counts > 0]
    length = gammaln(numbers.size + size / 2) - gammaln(size / 2) - (gammaln(counts + 0.5) - gammaln(0.5)).sum()
    return float(length / np.log(2)) + ends


def at_bits(found: Curve, bits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the signal-to-noise ratios, full band and spike band, of the best points at so many bits, interpolated."""
    order = np.lexsort((-found.snr_db, found.bits))
    best = np.maximum.accumulate(found.snr_db[order])
    keep = np.concatenate([[True], best[1:] > best[:-1]])
    chosen = order[keep & (found.snr_db[order] == best)]
    rate = np.log2(found.bits[chosen])
    wanted = np.log2(bits)
    return np.interp(wanted, rate, found.snr_db[chosen]), np.interp(wanted, rate, found.spike_db[chosen])


def terms(basis: Basis, x: np.ndarray) -> np.ndarray:
    """Return the signal-to-noise ratio, in dB, of the largest coefficients alone, for each of ``SHARES``."""
    mean = x.mean()
    bands = basis.forward(x - mean)
    sizes = np.sort(np.abs(np.concatenate(bands)))[::-1]
    found = []
    for share in SHARES:
        least = sizes[min(max(round(share * sizes.size), 1), sizes.size) - 1]
        back = basis.inverse([np.where(np.abs(band) >= least, band, 0) for band in bands], len(x)) + mean
        found.append(_db(x.var(), ((back - x) ** 2).mean()))
    return np.array(found)
