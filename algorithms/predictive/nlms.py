"""Normalised LMS in integers: a predictor of the first difference that adapts as it goes and sends nothing.

S. Haykin, "Adaptive Filter Theory", the normalised LMS algorithm. Weights move by the error times the history divided
by the history's energy. Side information: order and rate, a byte each.
"""

from __future__ import annotations

import numpy as np

from n1codec.codec import Filter, FormatError, Int, Layout
from n1codec.native import Kernel, reads, writes

_encode = Kernel("n1c_nlms_encode", reads(np.int16), int, int, writes(np.int16))
_decode = Kernel("n1c_nlms_decode", reads(np.int16), int, int, writes(np.int16))


class Nlms(Filter):
    wire = "nl"
    dtypes = ("int16",)
    per_channel = True
    order: int
    rate: int
    params = {
        "order": Int(16, 1, 128, "number of taps"),
        "rate": Int(5, 1, 16, "step size 2^-rate: low adapts fast, high settles better"),
    }
    traits = frozenset({"streaming"})
    grid = ("remap|nlms|rice", "remap|nlms|arange", "remap|nlms:order=32,rate=6|arange")
    floor_xrt = 300

    def forward(self, x: np.ndarray) -> tuple[np.ndarray, bytes]:
        y = np.empty_like(x)
        _encode(x, self.order, self.rate, y)
        return y, bytes([self.order, self.rate])

    def inverse(self, y: np.ndarray, side: bytes, layout: Layout) -> np.ndarray:
        if len(side) != 2:
            raise FormatError("its order and rate are missing")
        x = np.empty(layout.shape, np.int16)
        _decode(y, *side, x)
        return x
