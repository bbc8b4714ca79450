"""The .n1p file: code widths, residual shape and the prior moments of the predictor, all integers.

Little-endian::

    4  magic "N1P", version 3
    1  mapping: 1 is the N1 stretch of 10 bits to 16, 0 is sample = first + step * code
    1  floor: the frequency, out of 2^24, that every code has beside the shape's
    2  number of codes, 0 for a profile without widths
    2  first + 32768
    2  step
    2  samples that the prior counts for
    2  zero
    4 * 36   prior moments in units of 2^-16 of the innovation's variance
    4 * 513  distribution function of the residual at -8, -8 + 1/32, ..., 8 sigmas, 0 to 2^24
    2 * codes  widths in 1/1024 of a code
"""

from __future__ import annotations

import math
import struct
from typing import NamedTuple

import numpy as np

from n1codec.codec import FormatError
from n1codec.profiles import OF_CODES as MAGIC

LAGS = 3
"""Samples that the next one is predicted from."""
MEANS = 5
"""Running means that it is predicted from, over 2, 8, 32, 128 and 512 samples before the last."""
LEVELS = LAGS + MEANS
MOMENTS = LEVELS * (LEVELS + 1) // 2
CELLS = 512
_HEAD = struct.Struct("<4sBBHHHHxx")
_TRIANGLE = np.tril_indices(LEVELS)


class Profile(NamedTuple):
    """What the codec n1 knows beforehand."""

    prior: np.ndarray
    """Mean products of what moments() says, shape (8, 8), in units of the innovation's variance, float64."""
    shape: np.ndarray
    """Distribution function of the residual, 513 values from 0 to 1, float64."""
    widths: np.ndarray | None = None
    """Width of each code, mean 1, float64; None if the codec is to learn them from each recording."""
    stretch: bool = False
    first: int = 0
    step: int = 1
    weight: int = 500
    floor: int = 1

    def to_bytes(self) -> bytes:
        codes = 0 if self.widths is None else len(self.widths)
        head = _HEAD.pack(MAGIC, self.stretch, self.floor, codes, self.first + 32768, self.step, self.weight)
        prior = np.round(self.prior[_TRIANGLE] * 65536).clip(-(1 << 28), 1 << 28).astype("<i4")
        shape = np.round(self.shape * (1 << 24)).astype("<u4")
        widths = b""
        if self.widths is not None:
            widths = np.round(self.widths * 1024).clip(1, 65535).astype("<u2").tobytes()
        return head + prior.tobytes() + shape.tobytes() + widths

    @classmethod
    def from_bytes(cls, data: bytes) -> Profile:
        """Read a .n1p file.

        Raises:
            FormatError: it is none.
        """
        if len(data) < _HEAD.size or data[:4] != MAGIC:
            raise FormatError("it is not a profile of version 3 (make one with n1codec train)")
        _, stretch, floor, codes, first, step, weight = _HEAD.unpack_from(data)
        if len(data) != _HEAD.size + 4 * MOMENTS + 4 * (CELLS + 1) + 2 * codes:
            raise FormatError("the profile is truncated")
        at = _HEAD.size
        prior = np.zeros((LEVELS, LEVELS))
        prior[_TRIANGLE] = prior.T[_TRIANGLE] = np.frombuffer(data, "<i4", MOMENTS, at) / 65536
        at += 4 * MOMENTS
        shape = np.frombuffer(data, "<u4", CELLS + 1, at) / (1 << 24)
        at += 4 * (CELLS + 1)
        widths = np.frombuffer(data, "<u2", codes, at) / 1024 if codes else None
        return cls(prior, shape, widths, bool(stretch), first - 32768, step, weight, floor)


def moments(signal: np.ndarray) -> np.ndarray:
    """Return the sums of products of what the predictor solves for, float64 of shape (8, 8).

    The numbers are what is to be predicted, the two samples before the last and the five running means, from the
    fastest to the slowest, all less the last sample.

    Args:
        signal: levels of shape (frames,).
    """
    from scipy.signal import lfilter

    before, last = signal[:-2], signal[1:-1]
    levels = [signal[2:], before, np.concatenate([before[:1], before[:-1]])]
    for i in range(MEANS):
        rate = 0.5 ** (2 * i + 1)
        levels.append(lfilter([rate], [1, rate - 1], before, zi=[(1 - rate) * before[0]])[0])
    steps = np.stack(levels) - last
    return steps @ steps.T


def untrained() -> Profile:
    """The profile of a cold start: a slope of 0.97 from sample to sample, a normal residual with long tails."""
    from scipy.signal import lfilter

    impulse = np.zeros(1 << 14)
    impulse[1] = 1
    z = np.arange(-CELLS // 2, CELLS // 2 + 1) / 32
    shape = np.zeros(CELLS + 1)
    for share, sigma in ((0.8, 0.92), (0.17, 1.25), (0.03, 2.5)):
        shape += share * np.array([0.5 * math.erfc(-x / sigma / math.sqrt(2)) for x in z])
    return Profile(moments(lfilter([1], [1, -0.97], impulse)), (shape - shape[0]) / (shape[-1] - shape[0]), weight=4)


def to_c_tables(tables: dict[str, bytes]) -> str:
    """Return C source that holds profiles under the given names."""
    lines = ["/* Profiles of the codec n1. Written by n1codec train --c-source. */", '#include "n1_model.h"']
    for name, data in tables.items():
        lines += ["", f"const int64_t {name}_length = {len(data)};", f"const uint8_t {name}[] = {{"]
        lines += ["    " + ", ".join(map(str, data[i : i + 28])) + "," for i in range(0, len(data), 28)]
        lines += ["};"]
    return "\n".join(lines) + "\n"
