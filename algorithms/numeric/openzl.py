"""OpenZL: a graph of simple transforms chosen for the data, which its frame describes to one universal decoder.

Collet et al., "OpenZL: A Graph-Based Model for Compression", arXiv:2510.03203 (2025). The graphs here:

    tokens   used values, sorted, and each sample's index in them; indices as in "delta"
    delta    differences, zigzag, bytes in planes, each plane an order-0 entropy code
    generic  the library's own choice for numbers, LZ77 over whole samples
"""

from __future__ import annotations

from typing import Any

import numpy as np

from n1codec.codec import Choice, Coder, FormatError, Layout

_FORMAT = 21
"""Version of the frame format that is written; the library reads all since 8."""
_OFF = 2  # a .n1c file has its own checksum


class Openzl(Coder):
    wire = "o"
    requires = ("openzl",)
    extra = "more"
    per_channel = True
    graph: str
    entropy: str
    params = {
        "graph": Choice("tokens", "delta", "generic", help="how numbers are transformed"),
        "entropy": Choice("fse", "huffman", help="the entropy code of byte planes"),
    }
    grid = ("openzl", "openzl:graph=generic", "remap|openzl:graph=delta", "remap|openzl:graph=delta,entropy=huffman")

    def encode(self, x: np.ndarray) -> bytes:
        from openzl import ext

        compressor, context = ext.Compressor(), ext.CCtx()
        for settings in (compressor, context):
            settings.set_parameter(ext.CParam.FormatVersion, _FORMAT)
            settings.set_parameter(ext.CParam.CompressedChecksum, _OFF)
            settings.set_parameter(ext.CParam.ContentChecksum, _OFF)
        compressor.select_starting_graph(self._graph(ext, compressor))
        context.ref_compressor(compressor)
        words = x.view(f"u{x.dtype.itemsize}")
        return context.compress([ext.Input(ext.Type.Numeric, words)])

    def _graph(self, ext: Any, compressor: Any) -> Any:
        nodes, graphs = ext.nodes, ext.graphs
        if self.graph == "generic":
            return graphs.Compress()(compressor)
        code = (graphs.Fse if self.entropy == "fse" else graphs.Huffman)()(compressor)
        planes = nodes.ConvertNumToStructLE()(compressor, nodes.TransposeSplit()(compressor, code))
        delta = nodes.DeltaInt()(compressor, nodes.Zigzag()(compressor, planes))
        if self.graph == "delta":
            return delta
        alphabet = nodes.DeltaInt()(compressor, graphs.FieldLz()(compressor))
        return nodes.TokenizeNumeric(sort=True)(compressor, alphabet, delta)

    def decode(self, data: bytes, layout: Layout) -> np.ndarray:
        from openzl import ext

        info = ext.FrameInfo(data)
        if info.num_outputs != 1 or info.output_type(0) != ext.Type.Numeric:
            raise FormatError("its OpenZL frame holds something else than numbers")
        if info.output_content_size(0) != layout.nbytes:
            raise FormatError("its OpenZL frame has another size")
        words = ext.DCtx().decompress(data)[0].content.as_nparray()
        if words.dtype.itemsize != layout.dtype.itemsize:
            raise FormatError("its OpenZL frame has samples of another width")
        return words.copy().view(layout.dtype)
