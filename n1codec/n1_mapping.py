"""How the N1 stretches its 10-bit codes to 16 bits: code k becomes trunc_toward_zero(k * 65535 / 1023 - 32768)."""

from __future__ import annotations

from functools import cache

import numpy as np

CODES = 1024


@cache
def values() -> np.ndarray:
    """Return the sample of every code, int16 of shape (1024,), rising; the array is read-only."""
    scaled = np.arange(CODES, dtype=np.int64) * 65535 - 32768 * 1023
    table = (np.sign(scaled) * (np.abs(scaled) // 1023)).astype(np.int16)
    table.flags.writeable = False
    return table


def codes(x: np.ndarray) -> np.ndarray:
    """Return the code of every sample, int32 in the shape of x; what is no value of the mapping gets a near one."""
    return (x.astype(np.int32) + 32768) >> 6


def covers(x: np.ndarray) -> bool:
    """Return whether every one of these int16 samples is a value of the mapping."""
    return bool(np.array_equal(values()[codes(x)], x))
