"""Sign-sign LMS: a predictor of the first difference that adapts as it goes, in 16-bit integers, and sends nothing.

A. Gersho, "Adaptive filtering with binary reinforcement", IEEE Trans. Inf. Theory 30(2), 1984. Side information: order
and step, a byte each.
"""

from __future__ import annotations

import numpy as np

from n1codec.codec import Filter, FormatError, Int, Layout
from n1codec.native import Kernel, reads, writes

_encode = Kernel("n1c_slms_encode", reads(np.int16), int, int, writes(np.int16))
_decode = Kernel("n1c_slms_decode", reads(np.int16), int, int, writes(np.int16))


class Slms(Filter):
    wire = "s"
    dtypes = ("int16",)
    per_channel = True
    order: int
    step: int
    params = {
        "order": Int(16, 1, 32, "number of taps"),
        "step": Int(3, 1, 16, "how far a weight moves, in 2^-13"),
    }
    traits = frozenset({"streaming"})
    grid = ("remap|slms:order=8|rice", "remap|slms|rice", "remap|slms|huffman", "remap|slms|arange")
    floor_xrt = 1000

    def forward(self, x: np.ndarray) -> tuple[np.ndarray, bytes]:
        y = np.empty_like(x)
        _encode(x, self.order, self.step, y)
        return y, bytes([self.order, self.step])

    def inverse(self, y: np.ndarray, side: bytes, layout: Layout) -> np.ndarray:
        if len(side) != 2:
            raise FormatError("its order and step are missing")
        x = np.empty(layout.shape, np.int16)
        _decode(y, *side, x)
        return x
