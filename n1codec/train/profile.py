"""The .n1p file: code widths, residual shape and prior autocorrelation, all integers.

Little-endian::

    4  magic "N1P", version 1
    1  mapping: 1 is the N1 stretch of 10 bits to 16, 0 is sample = first + step * code
    1  floor: the frequency, out of 2^24, that every code has beside the shape's
    2  number of codes, 0 for a profile without widths
    2  first + 32768
    2  step
    2  samples that the prior counts for
    2  zero
    4 * 33   prior autocorrelation, lags 0 to 32, in units of 2^-16 of the innovation's variance
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

ORDER = 32
CELLS = 512
_HEAD = struct.Struct("<4sBBHHHHxx")


class Profile(NamedTuple):
    """What the codec n1 knows beforehand."""

    prior: np.ndarray
    """Autocorrelation at lags 0 to 32, in units of the innovation's variance, float64."""
    shape: np.ndarray
    """Distribution function of the residual, 513 values from 0 to 1, float64."""
    widths: np.ndarray | None = None
    """Width of each code, mean 1, float64; None if the codec is to learn them from each recording."""
    stretch: bool = False
    first: int = 0
    step: int = 1
    weight: int = 4000
    floor: int = 1

    def to_bytes(self) -> bytes:
        codes = 0 if self.widths is None else len(self.widths)
        head = _HEAD.pack(MAGIC, self.stretch, self.floor, codes, self.first + 32768, self.step, self.weight)
        prior = np.round(self.prior * 65536).clip(-(1 << 28), 1 << 28).astype("<i4")
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
            raise FormatError("it is not a profile of version 1 (make one with n1codec train)")
        _, stretch, floor, codes, first, step, weight = _HEAD.unpack_from(data)
        if len(data) != _HEAD.size + 4 * (ORDER + 1) + 4 * (CELLS + 1) + 2 * codes:
            raise FormatError("the profile is truncated")
        at = _HEAD.size
        prior = np.frombuffer(data, "<i4", ORDER + 1, at) / 65536
        at += 4 * (ORDER + 1)
        shape = np.frombuffer(data, "<u4", CELLS + 1, at) / (1 << 24)
        at += 4 * (CELLS + 1)
        widths = np.frombuffer(data, "<u2", codes, at) / 1024 if codes else None
        return cls(prior, shape, widths, bool(stretch), first - 32768, step, weight, floor)


def untrained() -> Profile:
    """The profile of a cold start: a slope of 0.97 from sample to sample, a normal residual with long tails."""
    prior = 0.97 ** np.arange(ORDER + 1) / (1 - 0.97**2)
    z = np.arange(-CELLS // 2, CELLS // 2 + 1) / 32
    shape = np.zeros(CELLS + 1)
    for share, sigma in ((0.8, 0.92), (0.17, 1.25), (0.03, 2.5)):
        shape += share * np.array([0.5 * math.erfc(-x / sigma / math.sqrt(2)) for x in z])
    return Profile(prior, (shape - shape[0]) / (shape[-1] - shape[0]), weight=4)


def to_c_tables(tables: dict[str, bytes]) -> str:
    """Return C source that holds profiles under the given names."""
    lines = ["/* Profiles of the codec n1. Written by n1codec train --c-source. */", '#include "n1_model.h"']
    for name, data in tables.items():
        lines += ["", f"const int64_t {name}_length = {len(data)};", f"const uint8_t {name}[] = {{"]
        lines += ["    " + ", ".join(map(str, data[i : i + 28])) + "," for i in range(0, len(data), 28)]
        lines += ["};"]
    return "\n".join(lines) + "\n"
