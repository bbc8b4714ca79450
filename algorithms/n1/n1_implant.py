"""N1 for the implant: a coder that firmware could run, in small integers and without a division.

Trained widths of the ADC's codes, sign-error LMS (Gersho, "Adaptive filtering with binary reinforcement", IEEE Trans.
Inf. Theory 30(2), 1984) over the last step and three running means of the signal, a residual of trained shape scaled by
running means of the absolute error, and a range coder that propagates carries (Martin 1979). It looks at no sample
before its turn. docs/implant.md describes it and states what it costs.

Samples that are not N1's 10 bits stretched to 16 are coded by sign-sign LMS and adaptive Rice codes.
"""

from __future__ import annotations

import numpy as np

from n1codec.codec import Coder, Layout
from n1codec.native import SCRATCH, Kernel, reads, writes

_work_size = Kernel("n1c_n1_implant_work_size", int)
_encode = Kernel("n1c_n1_implant_encode", reads(np.int16), reads(np.uint8), SCRATCH, writes(np.uint8))
_decode = Kernel("n1c_n1_implant_decode", reads(np.uint8), reads(np.uint8), SCRATCH, writes(np.int16))

_BUILT_IN = b""


class N1Implant(Coder):
    wire = "ni"
    dtypes = ("int16",)
    per_channel = True
    chunk_seconds = 10
    traits = frozenset({"trained", "streaming"})
    trainer = "n1codec.train.implant"
    grid = ("n1_implant",)
    floor_xrt = 500

    def packet_model(self) -> tuple[int, bytes]:
        return 2, b"\x01"

    def encode(self, x: np.ndarray) -> bytes:
        out = np.empty(2 * x.size + 1, np.uint8)
        size = _encode(x, _BUILT_IN, np.empty(_work_size(x.size), np.uint8), out)
        return out[:size].tobytes()

    def decode(self, data: bytes, layout: Layout) -> np.ndarray:
        x = np.empty(layout.shape, np.int16)
        _decode(data, _BUILT_IN, np.empty(_work_size(x.size), np.uint8), x)
        return x
