"""Static range coder: arithmetic coding with one table of frequencies (Martin 1979; Witten, Neal and Cleary 1987).

The table is part of the output; frequencies are kept to the precision that pays, so that a symbol takes some five
bits. Several channels share one table.
"""

from __future__ import annotations

from .._shared.kernel_coder import KernelCoder


class Range(KernelCoder):
    wire = "ra"
    kernel = "range"
    grid = ("range", "delta|range", "remap|delta|range")
    floor_xrt = 1000
