"""Zigzag: 0, -1, 1, -2, ... become 0, 1, 2, 3, ..., so that small numbers of either sign have zero high bits."""

from __future__ import annotations

import numpy as np

from n1codec.codec import INTEGERS, Filter, Layout


class Zigzag(Filter):
    wire = "Z"
    side = False
    dtypes = INTEGERS
    traits = frozenset({"streaming"})
    grid = ("remap|delta|zigzag|planes|gzip",)
    floor_xrt = 1000

    def forward(self, x: np.ndarray) -> tuple[np.ndarray, bytes]:
        signed = x.view(f"i{x.dtype.itemsize}")
        return ((signed << 1) ^ (signed >> (8 * x.dtype.itemsize - 1))).view(_unsigned(x.dtype)), b""

    def inverse(self, y: np.ndarray, side: bytes, layout: Layout) -> np.ndarray:
        sign = (y & 1).view(f"i{y.dtype.itemsize}")
        return ((y >> 1).view(sign.dtype) ^ -sign).view(layout.dtype)

    def output(self, layout: Layout, side: bytes) -> Layout:
        return Layout(layout.shape, _unsigned(layout.dtype))


def _unsigned(dtype: np.dtype) -> np.dtype:
    return np.dtype(f"u{dtype.itemsize}")
