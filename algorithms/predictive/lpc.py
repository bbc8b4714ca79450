"""Linear prediction in blocks: Levinson-Durbin on a windowed autocorrelation, quantised coefficients, as in FLAC.

J. Makhoul, "Linear prediction: a tutorial review", Proc. IEEE 63(4), 1975. Neighbouring blocks share their coefficients
where that takes fewer bits, and history runs on across blocks. The encoder alone computes with floating point. Side
information: the block length (uint), then bits that native/src/lpc.c describes.
"""

from __future__ import annotations

import numpy as np

from n1codec.codec import Filter, Int, Layout
from n1codec.native import SCRATCH, Kernel, reads, writes
from n1codec.varint import Reader, put_uint

_work_size = Kernel("n1c_lpc_encode_work_size", int, int)
_encode = Kernel("n1c_lpc_encode", reads(np.int16), int, int, int, SCRATCH, writes(np.uint8), writes(np.int16))
_decode = Kernel("n1c_lpc_decode", reads(np.int16), int, reads(np.uint8), writes(np.int16))

_SIDE_BYTES = 70
"""What a block's coefficients take at most."""


class Lpc(Filter):
    wire = "l"
    dtypes = ("int16",)
    per_channel = True
    order: int
    block: int
    precision: int
    params = {
        "order": Int(32, 1, 32, "largest order; each block has the one that pays"),
        "block": Int(4096, 64, 1 << 20, "samples after which coefficients may change"),
        "precision": Int(12, 5, 15, "bits of a coefficient"),
    }
    grid = (
        "remap|lpc:order=8|rice",
        "remap|lpc:order=16|rice",
        "remap|lpc|rice",
        "remap|lpc|huffman",
        "remap|lpc|rans",
        "remap|lpc|arange",
        "remap|lpc|zigzag|planes|brotli",
    )
    floor_xrt = 1000

    def forward(self, x: np.ndarray) -> tuple[np.ndarray, bytes]:
        work = np.empty(_work_size(x.size, self.block), np.uint8)
        side = np.empty(_SIDE_BYTES * -(-x.size // self.block), np.uint8)
        y = np.empty_like(x)
        used = _encode(x, self.block, self.order, self.precision, work, side, y)
        return y, put_uint(self.block) + side[:used].tobytes()

    def inverse(self, y: np.ndarray, side: bytes, layout: Layout) -> np.ndarray:
        reader = Reader(side)
        block = min(reader.uint(), y.size)
        x = np.empty(layout.shape, np.int16)
        _decode(y, block, reader.rest(), x)
        return x
