"""N1 at its smallest: linear predictors and a small neural network that learns while it codes.

Trained widths of the ADC's codes; three recursive least-squares predictors with a trained prior; a network, trained
beforehand and learning on, that says a mixture of normal densities from what the predictors miss; Bayes' rule between
its mixture and theirs (linear mixing of experts as in Willems, Shtarkov and Tjalkens 1995, with a share dealt anew as
in Herbster and Warmuth 1998); a range coder (Martin 1979). Both sides compute all of it in floating point in one fixed
order, so that the bytes are the same on every machine. docs/max.md describes the model and the format.

Samples that are not N1's 10 bits stretched to 16 are coded as n1 codes them.
"""

from __future__ import annotations

import numpy as np

from n1codec.codec import Coder, Layout
from n1codec.native import SCRATCH, SIMD, Kernel, reads, writes

_work_size = Kernel("n1c_n1_max_work_size", int)
_encode = Kernel("n1c_n1_max_encode", reads(np.int16), SCRATCH, writes(np.uint8), int)
_decode = Kernel("n1c_n1_max_decode", reads(np.uint8), SCRATCH, writes(np.int16), int)


class N1Max(Coder):
    wire = "nm"
    dtypes = ("int16",)
    per_channel = True
    chunk_seconds = 10
    traits = frozenset({"slow", "trained"})
    trainer = "n1codec.train.max"
    grid = ("n1_max",)
    floor_xrt = 20

    def encode(self, x: np.ndarray) -> bytes:
        out = np.empty(2 * x.size + 1, np.uint8)
        size = _encode(x, np.empty(_work_size(x.size), np.uint8), out, SIMD)
        return out[:size].tobytes()

    def decode(self, data: bytes, layout: Layout) -> np.ndarray:
        x = np.empty(layout.shape, np.int16)
        _decode(data, np.empty(_work_size(x.size), np.uint8), x, SIMD)
        return x
