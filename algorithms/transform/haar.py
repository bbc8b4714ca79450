"""Integer Haar wavelet by lifting: sums and differences of neighbours, of the sums again, and so on.

A. R. Calderbank, I. Daubechies, W. Sweldens, B.-L. Yeo, "Wavelet transforms that map integers to integers", Appl.
Comput. Harmon. Anal. 5(3), 1998. The low band are the averages, the high band the differences.
"""

from __future__ import annotations

import numpy as np

from .._shared.lifting import Lifting


class Haar(Lifting):
    wire = "h"
    grid = ("remap|haar|rice", "remap|haar|zigzag|planes|zstd")
    floor_xrt = 1000

    def lift(self, even: np.ndarray, odd: np.ndarray) -> None:
        odd -= even[: len(odd)]
        even[: len(odd)] += odd >> 1

    def unlift(self, even: np.ndarray, odd: np.ndarray) -> None:
        even[: len(odd)] -= odd >> 1
        odd += even[: len(odd)]
