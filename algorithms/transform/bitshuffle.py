"""Bit shuffle: the samples' bits in planes, the lowest first, so that a byte coder sees each plane by itself."""

from __future__ import annotations

import numpy as np

from n1codec.codec import Filter, Layout
from n1codec.native import Kernel, reads, writes

_shuffle = Kernel("n1c_bitshuffle16", reads(np.int16), writes(np.uint8))
_unshuffle = Kernel("n1c_bitunshuffle16", reads(np.uint8), writes(np.int16))


class BitShuffle(Filter):
    wire = "b"
    side = False
    dtypes = ("int16",)
    per_channel = True
    grid = ("remap|delta|zigzag|bitshuffle|zstd",)
    floor_xrt = 1000

    def forward(self, x: np.ndarray) -> tuple[np.ndarray, bytes]:
        y = np.empty(self.output(Layout.of(x), b"").shape, np.uint8)
        _shuffle(x, y)
        return y, b""

    def inverse(self, y: np.ndarray, side: bytes, layout: Layout) -> np.ndarray:
        x = np.empty(layout.shape, np.int16)
        _unshuffle(y, x)
        return x

    def output(self, layout: Layout, side: bytes) -> Layout:
        return Layout((16 * ((layout.size + 7) // 8),), np.dtype(np.uint8))
