"""What each method makes of spikes that it never saw: bits, and the ratio of signal to noise and distortion."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from n1codec.codec import CodecError
from n1codec.lossy.curves import adaptive_bits
from n1codec.spikes.align import Spikes
from n1codec.spikes.codebooks import METHODS, Code, Given, Stepped
from n1codec.spikes.network import Network

SHARES = (0.6, 0.2, 0.2)
"""Of the spikes, in the order of time: to fit methods to, to choose by, to measure on."""
SAMPLE_BITS = 16
RATES = (5.0, 8.0, 13.0, 26.0, 51.0, 98.0, 129.0, 205.0, 512.0)
"""Bits of a spike near which a method that takes any step has a row."""
NEAR = 0.05
"""How far a row may be from one of ``RATES``."""
_STEPS = (0.2, 40.0)
"""In multiples of the noise, between which steps are looked for."""
_HALVINGS = 11
LEAST = 25
"""Spikes that have to be there."""


class Row(NamedTuple):
    method: str
    bits_per_spike: float
    """Of codewords, without times and model."""
    ratio_ideal: float
    """Samples * 16 / (columns * mean entropy of a column): as the literature counts."""
    ratio_times: float
    """Samples * 16 / (bits of codewords and of times)."""
    ratio_all: float
    """The same with the model, sent once for the spikes of the test."""
    sndr_db: float
    """Mean over the spikes, all channels of a spike together."""
    sndr_db_sd: float
    sndr_db_pooled: float
    """Of the energies of all spikes together."""
    sndr_db_channel: float
    """Mean over the waveforms of single channels."""
    model_bytes: int


class Split(NamedTuple):
    """Waveforms float64 of shape (spikes, channels, samples)."""

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray


def split(waveforms: np.ndarray) -> Split:
    """Cut spikes in the order of time.

    Raises:
        CodecError: there are too few of them.
    """
    if len(waveforms) < LEAST:
        raise CodecError(f"there are {len(waveforms)} spikes, too few to fit to some and measure on others ({LEAST})")
    first, second = (round(len(waveforms) * share) for share in (SHARES[0], SHARES[0] + SHARES[1]))
    wide = waveforms.astype(np.float64)
    return Split(wide[:first], wide[first:second], wide[second:])


def joined(parts: Sequence[Split]) -> Split:
    """Return spikes of several sources, each cut by itself."""
    return Split(*(np.concatenate(some) for some in zip(*parts, strict=True)))


def time_bits(spikes: Spikes) -> float:
    """Return the bits of a spike's time and channel: the entropy of Poisson times to a quarter of a sample, and that of
    the channel."""
    share = len(spikes.frames) / (spikes.seconds * spikes.rate * 4)
    counts = np.bincount(spikes.channels)
    some = counts[counts > 0] / len(spikes.channels)
    return float((1 / np.log(2) - np.log2(share)) - (some * np.log2(some)).sum())


def entropy(numbers: np.ndarray) -> float:
    """Return the entropy of a column's use, in bits."""
    counts = np.unique(numbers, return_counts=True)[1] / numbers.size
    return float(-(counts * np.log2(counts)).sum())


def adaptive_length(numbers: np.ndarray) -> float:
    """Return the bits of a row of numbers, of the shape (rows, columns), by an adaptive code for each column."""
    return sum(adaptive_bits(column) for column in numbers.T if column.any()) / len(numbers)


def measure(method: str, code: Code, x: np.ndarray, bits_of_times: float, target: np.ndarray | None = None) -> Row:
    """Return what a code makes of spikes.

    Args:
        x: shape (spikes, channels, samples).
        bits_of_times: of a spike.
        target: what should come back, where that is not x: the same spikes without noise.
    """
    flat = x.reshape(len(x), -1)
    numbers = code.encode(flat)
    length = adaptive_length(numbers)
    ideal = sum(entropy(column) for column in numbers.T)
    back = code.decode(numbers).reshape(x.shape)
    wanted = x if target is None else target
    error, energy = (back - wanted) ** 2, wanted**2
    by_spike = sndr(back, wanted)
    size = flat.shape[1] * SAMPLE_BITS
    return Row(
        method,
        length,
        size / max(ideal, 1e-9),
        size / (length + bits_of_times),
        size / (length + bits_of_times + 8 * code.model_bytes / len(x)),
        float(by_spike.mean()),
        float(by_spike.std()),
        float(_decibels(energy.sum(), error.sum())),
        float(_decibels(energy.sum(axis=2), error.sum(axis=2)).mean()),
        code.model_bytes,
    )


def sndr(back: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Return the decibels of each spike, shape (spikes,), of waveforms of the shape (spikes, channels, samples)."""
    return _decibels((wanted**2).sum(axis=(1, 2)), ((back - wanted) ** 2).sum(axis=(1, 2)))


def _decibels(energy: np.ndarray, error: np.ndarray) -> np.ndarray:
    tiny = np.finfo(float).tiny
    return np.asarray(10 * np.log10(np.maximum(energy, tiny) / np.maximum(error, tiny)))


def run(
    spikes: Spikes,
    methods: Sequence[str] = tuple(METHODS),
    model: Network | None = None,
    advance: Callable[..., Any] = lambda text="", step=1: None,
) -> list[Row]:
    """Fit methods to the first spikes and measure them on the last ones; return rows by method and rising rate.

    Args:
        methods: keys of ``METHODS``.
        model: of the autoencoder, which is left out without one.
        advance: called after each method.

    Raises:
        CodecError: there are too few spikes, or the model is for other waveforms.
    """
    if model:
        model.fitting(*spikes.waveforms.shape[1:])
    parts = split(spikes.waveforms)
    return run_split(parts, parts, spikes.noise, time_bits(spikes), methods, model, advance)


def run_split(
    parts: Split,
    targets: Split,
    noise: float,
    bits_of_times: float,
    methods: Sequence[str] = tuple(METHODS),
    model: Network | None = None,
    advance: Callable[..., Any] = lambda text="", step=1: None,
) -> list[Row]:
    """Like :func:`run`, of spikes that are cut already, and what should come back of them.

    Where that is other than the spikes, codebooks are made of it: a method is given noisy waveforms and has to say
    clean ones.
    """
    given = Given(targets.train, noise, model)
    rows = []
    for method in methods:
        measured = partial(measure, method, x=parts.test, bits_of_times=bits_of_times, target=targets.test)
        codes = METHODS[method](given)
        if callable(codes):
            rows += [row for bits in RATES if (row := _near(codes, bits, measured))]
        else:
            rows += [measured(code) for code in codes]
        advance(method)
    return rows


def _near(code: Stepped, bits: float, measured: Callable[[Code], Row]) -> Row | None:
    """Return the row of the step with about so many bits a spike; None where there is none."""
    low, high = np.log(_STEPS)
    best = None
    for _ in range(_HALVINGS):  # the bits fall as the step grows
        row = measured(code(float(np.exp((low + high) / 2))))
        low, high = ((low + high) / 2, high) if row.bits_per_spike > bits else (low, (low + high) / 2)
        if best is None or abs(row.bits_per_spike - bits) < abs(best.bits_per_spike - bits):
            best = row
    return best if best and abs(best.bits_per_spike / bits - 1) <= NEAR else None
