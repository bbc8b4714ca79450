"""Static range coder: arithmetic coding with one table of frequencies (Martin 1979; Witten, Neal and Cleary 1987).

The table is part of the output; frequencies are kept to the precision that pays, so that a symbol takes some five
bits. Several channels share one table.
"""

from __future__ import annotations

import numpy as np

from n1codec.codec import Coder, Layout
from n1codec.native import SCRATCH, Kernel, reads, writes

_encode_work_size = Kernel("n1c_range_encode_work_size")
_decode_work_size = Kernel("n1c_range_decode_work_size")
_encode = Kernel("n1c_range_encode", reads(np.int16), writes(np.uint8), SCRATCH)
_decode = Kernel("n1c_range_decode", reads(np.uint8), writes(np.int16), SCRATCH)


class Range(Coder):
    wire = "ra"
    dtypes = ("int16",)
    grid = ("range", "delta|range", "remap|delta|range")
    floor_xrt = 1000

    def encode(self, x: np.ndarray) -> bytes:
        out = np.empty(2 * x.size, np.uint8)
        return out[: _encode(x, out, np.empty(_encode_work_size(), np.uint8))].tobytes()

    def decode(self, data: bytes, layout: Layout) -> np.ndarray:
        x = np.empty(layout.shape, np.int16)
        _decode(data, x, np.empty(_decode_work_size(), np.uint8))
        return x
