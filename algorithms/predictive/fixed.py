"""Fixed polynomial predictors of order 0 to 4, the best one for each block, as in Shorten and FLAC.

T. Robinson, "SHORTEN: simple lossless and near-lossless waveform compression", 1994, section 3.2. Side information: the
block length (uint), then the orders, three to a byte in base 5.
"""

from __future__ import annotations

import numpy as np

from n1codec.codec import Filter, FormatError, Int, Layout
from n1codec.native import Kernel, reads, writes
from n1codec.varint import Reader, put_uint

_encode = Kernel("n1c_fixed_encode", reads(np.int16), int, writes(np.uint8), writes(np.int16))
_decode = Kernel("n1c_fixed_decode", reads(np.int16), int, reads(np.uint8), writes(np.int16))

_DIGITS = np.array([1, 5, 25], np.uint8)


class Fixed(Filter):
    wire = "f"
    dtypes = ("int16",)
    per_channel = True
    block: int
    params = {"block": Int(4096, 16, 1 << 20, "samples that share an order")}
    grid = ("remap|fixed|rice", "remap|fixed|huffman")
    floor_xrt = 1000

    def forward(self, x: np.ndarray) -> tuple[np.ndarray, bytes]:
        orders = np.empty(-(-x.size // self.block), np.uint8)
        y = np.empty_like(x)
        _encode(x, self.block, orders, y)
        digits = np.zeros((-(-orders.size // 3), 3), np.uint8)
        digits.reshape(-1)[: orders.size] = orders
        return y, put_uint(self.block) + (digits @ _DIGITS).tobytes()

    def inverse(self, y: np.ndarray, side: bytes, layout: Layout) -> np.ndarray:
        reader = Reader(side)
        block = reader.uint()
        packed = np.frombuffer(reader.rest(), np.uint8)
        blocks = -(-y.size // block) if block else 0
        if packed.size != -(-blocks // 3) or (packed >= 125).any():
            raise FormatError("its predictors do not fit its blocks")
        orders = (packed[:, None] // _DIGITS % 5).reshape(-1)[:blocks]
        x = np.empty(layout.shape, np.int16)
        _decode(y, min(block, y.size), orders, x)
        return x
