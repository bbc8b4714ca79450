"""Used values -> consecutive small codes: undoes what stretched, scaled or shifted a converter's codes.

Side information: the form that ``n1codec/converter.py`` found by itself.
"""

from __future__ import annotations

import numpy as np

from n1codec import converter
from n1codec.codec import Filter, Layout


class Remap(Filter):
    wire = "r"
    per_channel = True
    grid = ("remap|gzip", "remap|zlib", "remap|lz4hc")
    floor_xrt = 1000

    def forward(self, x: np.ndarray) -> tuple[np.ndarray, bytes]:
        return converter.find(x)

    def inverse(self, y: np.ndarray, side: bytes, layout: Layout) -> np.ndarray:
        return converter.restore(y, side, layout)
