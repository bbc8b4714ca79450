"""LeGall 5/3 wavelet by lifting, as in lossless JPEG 2000 (ITU-T T.800, annex F).

Lifting modulo the word size is reversible for any input. Of each level the low band stands first, the high band behind
it; side information: the number of levels, a byte.
"""

from __future__ import annotations

import numpy as np

from n1codec.codec import INTEGERS, Filter, FormatError, Int, Layout


class LeGall53(Filter):
    wire = "le"
    dtypes = INTEGERS
    per_channel = True
    levels: int
    params = {"levels": Int(3, 1, 32, "how often the low band is transformed again")}
    grid = ("remap|legall53|rice", "remap|legall53|zigzag|planes|zstd")
    floor_xrt = 1000

    def forward(self, x: np.ndarray) -> tuple[np.ndarray, bytes]:
        y = x.view(f"i{x.dtype.itemsize}").copy()
        for size in _sizes(x.size, self.levels):
            even, odd = y[0:size:2].copy(), y[1:size:2].copy()
            odd -= _prediction(even, odd.size)
            even += _update(odd, even.size)
            y[: even.size], y[even.size : size] = even, odd
        return y.view(x.dtype), bytes([self.levels])

    def inverse(self, y: np.ndarray, side: bytes, layout: Layout) -> np.ndarray:
        if len(side) != 1:
            raise FormatError("its number of levels is missing")
        x = y.view(f"i{y.dtype.itemsize}").copy()
        for size in reversed(_sizes(x.size, side[0])):
            even, odd = x[: (size + 1) // 2].copy(), x[(size + 1) // 2 : size].copy()
            even -= _update(odd, even.size)
            odd += _prediction(even, odd.size)
            x[0:size:2], x[1:size:2] = even, odd
        return x.view(layout.dtype)


def _sizes(size: int, levels: int) -> list[int]:
    """Return how many samples each level transforms."""
    sizes: list[int] = []
    while size > 1 and len(sizes) < levels:
        sizes.append(size)
        size = (size + 1) // 2
    return sizes


def _average(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return floor((a + b) / 2) without a carry out of the word (Warren, Hacker's Delight, section 2-5)."""
    return (a & b) + ((a ^ b) >> 1)


def _prediction(even: np.ndarray, count: int) -> np.ndarray:
    right = even[1:] if even.size > count else np.append(even[1:], even[-1:])
    return _average(even[:count], right)


def _update(odd: np.ndarray, count: int) -> np.ndarray:
    left = np.concatenate([odd[:1], odd[: count - 1]])
    right = odd if odd.size == count else np.append(odd, odd[-1:])
    return (_average(left, right) + 1) >> 1
