"""Canonical Huffman code over int16 symbols (Huffman 1952), lengths limited to 20 bits by package-merge.

The table of used symbols and code lengths is part of the output; it takes about half a byte per symbol. Several
channels share one code.
"""

from __future__ import annotations

import numpy as np

from n1codec.codec import Coder, Layout
from n1codec.native import SCRATCH, Kernel, reads, writes

_encode_work_size = Kernel("n1c_huffman_encode_work_size")
_decode_work_size = Kernel("n1c_huffman_decode_work_size")
_encode = Kernel("n1c_huffman_encode", reads(np.int16), writes(np.uint8), SCRATCH)
_decode = Kernel("n1c_huffman_decode", reads(np.uint8), writes(np.int16), SCRATCH)


class Huffman(Coder):
    wire = "hu"
    dtypes = ("int16",)
    grid = ("huffman", "delta|huffman", "remap|huffman", "remap|delta|huffman")
    floor_xrt = 1000

    def encode(self, x: np.ndarray) -> bytes:
        out = np.empty(2 * x.size, np.uint8)
        return out[: _encode(x, out, np.empty(_encode_work_size(), np.uint8))].tobytes()

    def decode(self, data: bytes, layout: Layout) -> np.ndarray:
        x = np.empty(layout.shape, np.int16)
        _decode(data, x, np.empty(_decode_work_size(), np.uint8))
        return x
