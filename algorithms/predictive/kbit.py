"""k-bit differences: a difference that fits goes into 4, 6 or 8 bits, any other sample behind an escape code.

Codes are packed from the lowest bit up; code c > 0 is the difference c - 2^(k-1), and 0 is followed by the sample
itself in 16 bits. Side information: k, a byte, and the number of packed bytes (uint).
"""

from __future__ import annotations

import numpy as np

from n1codec.codec import Choice, Filter, FormatError, Layout
from n1codec.native import Kernel, reads, writes
from n1codec.varint import Reader, put_uint

_encode = Kernel("n1c_kbit_encode", reads(np.int16), int, writes(np.uint8))
_decode = Kernel("n1c_kbit_decode", reads(np.uint8), int, writes(np.int16))


class Kbit(Filter):
    wire = "k"
    dtypes = ("int16",)
    per_channel = True
    bits: str
    params = {"bits": Choice("4", "6", "8", default="8", help="bits of a difference")}
    traits = frozenset({"streaming"})
    grid = ("remap|kbit:bits=4|copy", "remap|kbit:bits=6|copy", "remap|kbit|zstd")
    floor_xrt = 1000

    def forward(self, x: np.ndarray) -> tuple[np.ndarray, bytes]:
        bits = int(self.bits)
        y = np.empty((x.size * (bits + 16) + 7) // 8, np.uint8)
        used = _encode(x, bits, y)
        return y[:used], bytes([bits]) + put_uint(used)

    def inverse(self, y: np.ndarray, side: bytes, layout: Layout) -> np.ndarray:
        x = np.empty(layout.shape, np.int16)
        _decode(y, side[0], x)
        return x

    def output(self, layout: Layout, side: bytes) -> Layout:
        reader = Reader(side)
        bits, length = reader.take(1)[0], reader.uint()
        if reader.rest() or not layout.size * bits <= 8 * length <= layout.size * (bits + 16) + 7:
            raise FormatError("its number of bytes does not fit its samples")
        return Layout((length,), np.dtype(np.uint8))
