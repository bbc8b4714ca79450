"""Canonical Huffman code over int16 symbols (Huffman 1952), lengths limited to 20 bits by package-merge.

The table of used symbols and code lengths is part of the output; it takes about half a byte per symbol. Several
channels share one code.
"""

from __future__ import annotations

from .._shared.kernel_coder import KernelCoder


class Huffman(KernelCoder):
    wire = "hu"
    kernel = "huffman"
    grid = ("huffman", "delta|huffman", "remap|huffman", "remap|delta|huffman")
    floor_xrt = 1000
