"""rANS: asymmetric numeral systems, the range variant (Duda, arXiv:1311.2540), two interleaved states.

It has the table of the static range coder, nearly its ratio, and a decoder without divisions. Several channels share
one table.
"""

from __future__ import annotations

import numpy as np

from n1codec.codec import Coder, Layout
from n1codec.native import SCRATCH, Kernel, reads, writes

_encode_work_size = Kernel("n1c_rans_encode_work_size")
_decode_work_size = Kernel("n1c_rans_decode_work_size")
_encode = Kernel("n1c_rans_encode", reads(np.int16), writes(np.uint8), SCRATCH)
_decode = Kernel("n1c_rans_decode", reads(np.uint8), writes(np.int16), SCRATCH)


class Rans(Coder):
    wire = "rn"
    dtypes = ("int16",)
    grid = ("rans", "remap|delta|rans", "remap|lpc|rans")
    floor_xrt = 1000

    def encode(self, x: np.ndarray) -> bytes:
        out = np.empty(2 * x.size, np.uint8)
        return out[: _encode(x, out, np.empty(_encode_work_size(), np.uint8))].tobytes()

    def decode(self, data: bytes, layout: Layout) -> np.ndarray:
        x = np.empty(layout.shape, np.int16)
        _decode(data, x, np.empty(_decode_work_size(), np.uint8))
        return x
