"""Differences of order 1 to 3: y[n] = x[n] - x[n-1], repeated, modulo the word size.

The first sample of each difference is kept aside and a 0 stands in its place, so that no outlier widens the
alphabet of the coder behind it.
"""

from __future__ import annotations

import numpy as np

from n1codec.codec import INTEGERS, Filter, FormatError, Int, Layout


class Delta(Filter):
    wire = "d"
    dtypes = INTEGERS
    order: int
    params = {"order": Int(1, 1, 3, "how often to take differences")}
    traits = frozenset({"streaming"})
    grid = ("delta:order=2|zstd", "remap|delta:order=2|zigzag|planes|zstd", "remap|delta|zigzag|planes|lzma")
    floor_xrt = 1000

    def forward(self, x: np.ndarray) -> tuple[np.ndarray, bytes]:
        y, firsts = x, []
        with np.errstate(over="ignore"):
            for _ in range(self.order):
                firsts.append(y[:1].astype(y.dtype.newbyteorder("<")).tobytes())
                y = np.diff(y, axis=0, prepend=y[:1])
        return y, b"".join(firsts)

    def inverse(self, y: np.ndarray, side: bytes, layout: Layout) -> np.ndarray:
        firsts = np.frombuffer(side, y.dtype.newbyteorder("<")).reshape(-1, *y.shape[1:])
        if not 1 <= len(firsts) <= 3:
            raise FormatError(f"a difference of order {len(firsts)} is not known")
        x = y
        for first in firsts[::-1]:
            x = np.add.accumulate(np.concatenate([first[None], x[1:]]), axis=0, dtype=layout.dtype)
        return x
