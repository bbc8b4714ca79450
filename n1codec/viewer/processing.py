"""What may be done to signals before they are shown: a common reference, a filter, whitening, in this order.

The reference comes first because it costs one median a frame there, and needs no channel filtered that nobody looks at.
"""

from __future__ import annotations

import math
import re
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from n1codec.codec import CodecError

_TEXT = re.compile(r"(?:(\d{1,6}(?:\.\d+)?)-(\d{1,6}(?:\.\d+)?)?)?((?:\+(?:cmr|white))*)")
_ORDER = 3
_LEAST_REFERENCE = 4
"""Channels of a recording that a common median needs."""


class Processing(NamedTuple):
    """Which steps are on."""

    low: float = 0.0
    """Lower edge of the pass band in Hz; 0: no filter."""
    high: float = 0.0
    """Upper edge in Hz; 0: none, a high-pass filter."""
    reference: bool = False
    """Whether the median of all channels of a recording is taken from each."""
    whiten: bool = False
    """Whether the channels of a recording are made uncorrelated, each of variance 1."""

    @classmethod
    def parse(cls, text: str) -> Processing:
        """Return what a text such as ``300-6000+cmr+white`` says; ``300-`` is a high-pass, ``""`` nothing.

        Raises:
            CodecError: it says something else.
        """
        match = _TEXT.fullmatch(text)
        if not match:
            raise CodecError(f"{text!r} is no processing (write it as 300-6000+cmr+white)")
        steps = match[3] or ""
        return cls(float(match[1] or 0), float(match[2] or 0), "+cmr" in steps, "+white" in steps)

    @property
    def text(self) -> str:
        """What ``parse`` reads, fit for the name of a file."""
        edges = f"{self.low:.12g}-{f'{self.high:.12g}' if self.high else ''}" if self.low else ""
        return edges + "+cmr" * self.reference + "+white" * self.whiten

    def margin(self, rate: float) -> int:
        """Return the frames before and behind a stretch that change it by less than a hundredth when it is filtered."""
        return min(max(64, math.ceil(2 * rate / self.low)), 8192) if self.low else 0


def check(steps: Processing, rate: float) -> None:
    """See to it that a filter can be made.

    Raises:
        CodecError: the edges do not lie between 0 and half the rate, or not in this order.
    """
    if steps.low and not 0 < steps.low < (steps.high or rate / 2) < rate / 2 + 1e-9:
        edge = f"{steps.low:g} to {steps.high:g} Hz" if steps.high else f"{steps.low:g} Hz"
        raise CodecError(f"no filter has the pass band {edge} at {rate:g} frames a second")


@lru_cache
def _sections(low: float, high: float, rate: float) -> np.ndarray:
    from scipy import signal

    kind, edges = ("bandpass", (low, min(high, 0.49 * rate))) if high else ("highpass", low)
    return np.asarray(signal.butter(_ORDER, edges, kind, fs=rate, output="sos"), np.float32)


def filtered(x: np.ndarray, steps: Processing, rate: float) -> np.ndarray:
    """Return signals through the filter, a Butterworth of third order, forward and backward: no phase is changed.

    Args:
        x: float32 of shape (..., frames).
    """
    if not steps.low or x.shape[-1] < 2:
        return x
    from scipy import signal

    padding = min(x.shape[-1] - 1, steps.margin(rate) // 2)
    return np.asarray(
        signal.sosfiltfilt(_sections(steps.low, steps.high, rate), x, padtype="constant", padlen=padding), np.float32
    )


def referenced(x: np.ndarray, centres: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return some channels less the median of all channels of their recording, frame by frame.

    Args:
        x: all channels of one recording, float32 of shape (channels, ..., frames).
        centres: the median of each channel, shape (channels,): it stays in the channel.
        rows: which channels are wanted.
    """
    if len(x) < _LEAST_REFERENCE:
        return x[rows]
    level = x - centres.reshape(-1, *[1] * (x.ndim - 1)).astype(np.float32)
    return x[rows] - np.median(level, axis=0)


def whitener(x: np.ndarray) -> np.ndarray:
    """Return the matrix that whitens channels like these (zero-phase component analysis), float32.

    Source: Bell and Sejnowski, "The 'independent components' of natural scenes are edge filters", 1997.

    Args:
        x: float32 of shape (channels, frames).
    """
    centred = x - x.mean(axis=1, keepdims=True)
    covariance = np.asarray(centred @ centred.T, np.float64) / max(x.shape[1], 1)
    values, vectors = np.linalg.eigh(covariance)
    floor = max(float(values[-1]) * 1e-6, 1e-9) if len(values) else 1.0
    return np.asarray((vectors / np.sqrt(np.maximum(values, 0) + floor)) @ vectors.T, np.float32)
