"""Integer Haar wavelet by lifting: sums and differences of neighbours, of the sums again, and so on.

A. R. Calderbank, I. Daubechies, W. Sweldens, B.-L. Yeo, "Wavelet transforms that map integers to integers", Appl.
Comput. Harmon. Anal. 5(3), 1998. Lifting modulo the word size is reversible for any input. Of each level the averages
stand first, the differences behind them; side information: the number of levels, a byte.
"""

from __future__ import annotations

import numpy as np

from n1codec.codec import INTEGERS, Filter, FormatError, Int, Layout


class Haar(Filter):
    wire = "h"
    dtypes = INTEGERS
    per_channel = True
    levels: int
    params = {"levels": Int(3, 1, 32, "how often the averages are transformed again")}
    grid = ("remap|haar|rice", "remap|haar|zigzag|planes|zstd")
    floor_xrt = 1000

    def forward(self, x: np.ndarray) -> tuple[np.ndarray, bytes]:
        y = x.view(f"i{x.dtype.itemsize}").copy()
        for size in _sizes(x.size, self.levels):
            odd = y[1:size:2]
            even = y[0:size:2].copy()
            odd -= even[: odd.size]
            even[: odd.size] += odd >> 1
            y[even.size : size] = odd.copy()
            y[: even.size] = even
        return y.view(x.dtype), bytes([self.levels])

    def inverse(self, y: np.ndarray, side: bytes, layout: Layout) -> np.ndarray:
        if len(side) != 1:
            raise FormatError("its number of levels is missing")
        x = y.view(f"i{y.dtype.itemsize}").copy()
        for size in reversed(_sizes(x.size, side[0])):
            even, odd = x[: (size + 1) // 2].copy(), x[(size + 1) // 2 : size].copy()
            even[: odd.size] -= odd >> 1
            x[0:size:2] = even
            x[1:size:2] = odd + even[: odd.size]
        return x.view(layout.dtype)


def _sizes(size: int, levels: int) -> list[int]:
    """Return how many samples each level transforms."""
    sizes: list[int] = []
    while size > 1 and len(sizes) < levels:
        sizes.append(size)
        size = (size + 1) // 2
    return sizes
