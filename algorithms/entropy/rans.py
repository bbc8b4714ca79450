"""rANS: asymmetric numeral systems, the range variant (Duda, arXiv:1311.2540), two interleaved states.

It has the table of the static range coder, nearly its ratio, and a decoder without divisions. Several channels share
one table.
"""

from __future__ import annotations

from .._shared.kernel_coder import KernelCoder


class Rans(KernelCoder):
    wire = "rn"
    kernel = "rans"
    grid = ("rans", "remap|delta|rans", "remap|lpc|rans")
    floor_xrt = 1000
