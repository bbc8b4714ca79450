"""What integer wavelets by lifting share: the levels, and where the bands stand.

Lifting modulo the word size is reversible for any input. Of each level the low band stands first, the high band behind
it; side information: the number of levels, a byte.
"""

from __future__ import annotations

from abc import abstractmethod

import numpy as np

from n1codec.codec import INTEGERS, Filter, FormatError, Int, Layout


class Lifting(Filter):
    """A wavelet that says what it does to the samples at even and odd places: arrays of signed integers, in place.

    Codecs hand channels over one by one; whoever calls it with an array of shape (frames, channels) has all of them
    transformed at once, along the first axis.
    """

    dtypes = INTEGERS
    per_channel = True
    levels: int
    params = {"levels": Int(3, 1, 32, "how often the low band is transformed again")}

    @abstractmethod
    def lift(self, even: np.ndarray, odd: np.ndarray) -> None:
        """Make ``even`` the low band and ``odd`` the high band; ``odd`` is as long, or one shorter."""

    @abstractmethod
    def unlift(self, even: np.ndarray, odd: np.ndarray) -> None:
        """Undo ``lift``."""

    def forward(self, x: np.ndarray) -> tuple[np.ndarray, bytes]:
        y = x.view(f"i{x.dtype.itemsize}").copy()
        for size in _sizes(len(x), self.levels):
            even, odd = y[0:size:2].copy(), y[1:size:2].copy()
            self.lift(even, odd)
            y[: len(even)], y[len(even) : size] = even, odd
        return y.view(x.dtype), bytes([self.levels])

    def inverse(self, y: np.ndarray, side: bytes, layout: Layout) -> np.ndarray:
        if len(side) != 1:
            raise FormatError("its number of levels is missing")
        x = y.view(f"i{y.dtype.itemsize}").copy()
        for size in reversed(_sizes(len(x), side[0])):
            even, odd = x[: (size + 1) // 2].copy(), x[(size + 1) // 2 : size].copy()
            self.unlift(even, odd)
            x[0:size:2], x[1:size:2] = even, odd
        return x.view(layout.dtype)


def _sizes(size: int, levels: int) -> list[int]:
    """Return how many samples each level transforms."""
    sizes: list[int] = []
    while size > 1 and len(sizes) < levels:
        sizes.append(size)
        size = (size + 1) // 2
    return sizes
