"""Byte planes: the low bytes of all samples, then the next ones, so that a byte coder sees each kind by itself."""

from __future__ import annotations

import numpy as np

from n1codec.codec import Filter, Layout


class Planes(Filter):
    wire = "p"
    side = False
    grid = ("remap|planes|zstd", "remap|planes|bz2")
    floor_xrt = 1000

    def forward(self, x: np.ndarray) -> tuple[np.ndarray, bytes]:
        rows = x.astype(x.dtype.newbyteorder("<"), copy=False).view(np.uint8).reshape(x.size, x.dtype.itemsize)
        return rows.T.reshape(-1), b""

    def inverse(self, y: np.ndarray, side: bytes, layout: Layout) -> np.ndarray:
        rows = np.ascontiguousarray(y.reshape(layout.dtype.itemsize, layout.size).T)
        return rows.view(layout.dtype.newbyteorder("<")).reshape(layout.shape).astype(layout.dtype, copy=False)

    def output(self, layout: Layout, side: bytes) -> Layout:
        return Layout((layout.nbytes,), np.dtype(np.uint8))
