"""Adaptive Golomb-Rice codes of zigzagged samples (Golomb 1966; Rice 1979); the parameter follows a running mean.

For residuals: behind ``delta``, ``fixed`` or ``lpc``, and ``remap`` before them. Samples that it cannot shorten are
stored.
"""

from __future__ import annotations

import numpy as np

from n1codec.codec import Coder, Layout
from n1codec.native import Kernel, reads, writes

_encode = Kernel("n1c_rice_encode", reads(np.int16), writes(np.uint8))
_decode = Kernel("n1c_rice_decode", reads(np.uint8), writes(np.int16))


class Rice(Coder):
    wire = "ri"
    dtypes = ("int16",)
    per_channel = True
    traits = frozenset({"streaming"})
    grid = ("delta|rice", "remap|delta|rice", "remap|lpc|rice")
    floor_xrt = 1000

    def encode(self, x: np.ndarray) -> bytes:
        out = np.empty(2 * x.size, np.uint8)
        return out[: _encode(x, out)].tobytes()

    def decode(self, data: bytes, layout: Layout) -> np.ndarray:
        x = np.empty(layout.shape, np.int16)
        _decode(data, x)
        return x
