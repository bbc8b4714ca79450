"""LeGall 5/3 wavelet by lifting, as in lossless JPEG 2000 (ITU-T T.800, annex F)."""

from __future__ import annotations

import numpy as np

from .._shared.lifting import Lifting


class LeGall53(Lifting):
    wire = "le"
    grid = ("remap|legall53|rice", "remap|legall53|zigzag|planes|zstd")
    floor_xrt = 1000

    def lift(self, even: np.ndarray, odd: np.ndarray) -> None:
        odd -= _prediction(even, len(odd))
        even += _update(odd, len(even))

    def unlift(self, even: np.ndarray, odd: np.ndarray) -> None:
        even -= _update(odd, len(even))
        odd += _prediction(even, len(odd))


def _average(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return floor((a + b) / 2) without a carry out of the word (Warren, Hacker's Delight, section 2-5)."""
    return (a & b) + ((a ^ b) >> 1)


def _prediction(even: np.ndarray, count: int) -> np.ndarray:
    right = even[1:] if len(even) > count else np.concatenate([even[1:], even[-1:]])
    return _average(even[:count], right)


def _update(odd: np.ndarray, count: int) -> np.ndarray:
    left = np.concatenate([odd[:1], odd[: count - 1]])
    right = odd if len(odd) == count else np.concatenate([odd, odd[-1:]])
    return (_average(left, right) + 1) >> 1
