"""zlib (RFC 1950): Deflate (RFC 1951), LZ77 and Huffman codes, with a two-byte header and an Adler-32 sum."""

from __future__ import annotations

from typing import Any

from n1codec.codec import Int

from .._shared.stream_coder import StreamCoder


class Zlib(StreamCoder):
    stream = "zlib"
    wire = "zl"
    level: int
    params = {"level": Int(9, 0, 9, "0 stores, 1 is fast, 9 is small")}
    grid = ("zlib:level=1", "remap|delta|zigzag|planes|zlib")

    def compress(self, data: bytes) -> bytes:
        import zlib

        return zlib.compress(data, self.level)

    def decompressor(self) -> Any:
        import zlib

        return zlib.decompressobj()
