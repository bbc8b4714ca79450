"""Adaptive range coder: every binary decision of a sample has an adaptive counter (Howard and Vitter 1992), no table.

A zigzagged sample is cut into its width in bits, seen in the context of the samples just before it, and the bits below
its highest.
"""

from __future__ import annotations

import numpy as np

from n1codec.codec import Coder, Layout
from n1codec.native import SCRATCH, Kernel, reads, writes

_work_size = Kernel("n1c_arange_work_size")
_encode = Kernel("n1c_arange_encode", reads(np.int16), writes(np.uint8), SCRATCH)
_decode = Kernel("n1c_arange_decode", reads(np.uint8), writes(np.int16), SCRATCH)


class Arange(Coder):
    wire = "ar"
    dtypes = ("int16",)
    per_channel = True
    grid = ("arange", "delta|arange", "remap|lpc|arange")
    floor_xrt = 300

    def encode(self, x: np.ndarray) -> bytes:
        out = np.empty(2 * x.size, np.uint8)
        return out[: _encode(x, out, np.empty(_work_size(), np.uint8))].tobytes()

    def decode(self, data: bytes, layout: Layout) -> np.ndarray:
        x = np.empty(layout.shape, np.int16)
        _decode(data, x, np.empty(_work_size(), np.uint8))
        return x
