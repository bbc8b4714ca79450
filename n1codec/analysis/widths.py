"""How wide the codes of a converter are, found from a recording alone.

A converter with uneven thresholds gives some codes too often and others hardly ever. Where its input is, is known from
the samples before, up to an error that is roughly normal: so it is known how often each code would be due if all
were as wide as they are thought to be. The ratio of the counts corrects the widths, the predictions are made anew in
the corrected scale, and so on (a code-density test, as converters are tested with a known signal: Blair, "Histogram
measurement of ADC nonlinearities using sine waves", IEEE Trans. Instrum. Meas. 43(3), 1994; here the signal is
predicted).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from n1codec.analysis.linear import autocovariance, levinson, residual

ORDER = 8
PASSES = 4
_FINE = 8
"""Cells of a code in which predictions are counted."""
_PRIOR = 16.0
"""Samples that are thought to have been seen as expected, in each code."""
_NARROWEST = 1e-3
_MOST_CODES = 1 << 17


class Converter(NamedTuple):
    """The thresholds of one or several converters, in the scale of the input, whose unit is a mean code's width."""

    low: int
    """The lowest code that has thresholds."""
    edges: np.ndarray
    """Lower edge of each code and, last, the upper one of the highest, float64 of shape (converters, codes + 1)."""
    of_channel: np.ndarray
    """Which converter each channel has, int of shape (channels,)."""

    @property
    def widths(self) -> np.ndarray:
        """How wide each code is, shape (converters, codes)."""
        return np.diff(self.edges, axis=1)

    def interval(self, codes: np.ndarray, channels: slice | int = slice(None)) -> tuple[np.ndarray, np.ndarray]:
        """Return the lower and the upper edge of the codes, of shape (frames, channels) or (frames,)."""
        known = self.edges.shape[1] - 1
        index = codes.astype(np.int64) - self.low
        clipped = np.clip(index, 0, known - 1)
        converter = self.of_channel[channels]
        beyond = index - clipped  # codes outside what was seen are as wide as the mean
        return self.edges[converter, clipped] + beyond, self.edges[converter, clipped + 1] + beyond

    def centre(self, codes: np.ndarray) -> np.ndarray:
        """Return the middle of each code, of shape (frames, channels)."""
        low, high = self.interval(codes)
        return (low + high) / 2


def equal(codes: np.ndarray) -> Converter:
    """Return a converter whose codes are all one wide, for codes of shape (frames, channels)."""
    low = int(codes.min())
    edges = np.arange(low, int(codes.max()) + 2) - 0.5
    return Converter(low, edges[None], np.zeros(codes.shape[1], np.int64))


def estimate(codes: np.ndarray, of_channel: np.ndarray | None = None, passes: int = PASSES) -> Converter:
    """Return the converters that gave codes; those that are all in one converter share what is learned first.

    Args:
        codes: integers of shape (frames, channels).
        of_channel: the converter of each channel, by any numbers; one for all channels if None.
        passes: how often widths are corrected.
    """
    converter = equal(codes)
    if converter.edges.shape[1] > _MOST_CODES:
        return converter
    for _ in range(passes):
        converter = _corrected(codes, converter)
    if of_channel is None or len(np.unique(of_channel)) == 1:
        return converter
    numbers = np.unique(of_channel, return_inverse=True)[1].reshape(-1)
    converter = Converter(converter.low, np.repeat(converter.edges, numbers.max() + 1, axis=0), numbers)
    for _ in range(passes - 1):
        converter = _corrected(codes, converter)
    return converter


def _corrected(codes: np.ndarray, converter: Converter) -> Converter:
    seen, due = _seen_and_due(codes, converter)
    widths = np.maximum(converter.widths * (seen + _PRIOR) / (due + _PRIOR), _NARROWEST)
    density = due / converter.widths
    widths *= density.sum(axis=1, keepdims=True) / np.maximum((widths * density).sum(axis=1, keepdims=True), 1e-9)
    lower = converter.edges[:, :1]
    return converter._replace(edges=np.concatenate([lower, lower + np.cumsum(widths, axis=1)], axis=1))


def _seen_and_due(codes: np.ndarray, converter: Converter) -> tuple[np.ndarray, np.ndarray]:
    """Return how often each code of each converter occurs, and how often it would if its width were right."""
    shape = converter.widths.shape
    seen, due = np.zeros(shape), np.zeros(shape)
    x = converter.centre(codes)
    middle = x.mean(axis=0)
    x -= middle
    rest = residual(x, levinson(autocovariance(x, ORDER)))
    spread = np.sqrt(np.mean(np.minimum(rest * rest, 9 * np.median(rest * rest, axis=0) / 0.455), axis=0))
    predicted = x - rest + middle
    start = converter.edges.min() - 1
    cells = 2 * _FINE * (int(np.ceil(np.ptp(converter.edges))) + 2)  # half of it is room for errors beyond the end
    waves = np.fft.rfftfreq(cells, 1 / _FINE)
    spectra = np.zeros((shape[0], len(waves)), complex)
    for channel, column in enumerate(predicted.T):
        cell = np.clip(((column - start) * _FINE).astype(np.int64), 0, cells // 2 - 1)
        of = converter.of_channel[channel]
        counts = np.bincount(cell, minlength=cells)
        spectra[of] += np.fft.rfft(counts) * np.exp(-2 * (np.pi * spread[channel] * waves) ** 2)
        seen[of] += np.bincount(codes[:, channel].astype(np.int64) - converter.low, minlength=shape[1])
    places = start + np.arange(cells + 1) / _FINE
    for of, spectrum in enumerate(spectra):
        density = np.maximum(np.fft.irfft(spectrum, cells), 0)
        due[of] = np.diff(np.interp(converter.edges[of], places, np.concatenate([[0.0], np.cumsum(density)])))
    return seen, due
