"""bzip2: Burrows-Wheeler transform, move to front, Huffman codes."""

from __future__ import annotations

from typing import Any

from n1codec.codec import Int

from .._shared.stream_coder import StreamCoder


class Bz2(StreamCoder):
    stream = "bzip2"
    wire = "bz"
    level: int
    params = {"level": Int(9, 1, 9, "block size in 100 kB")}
    grid = ("bz2", "delta|bz2", "remap|bz2", "remap|delta|zigzag|planes|bz2")

    def compress(self, data: bytes) -> bytes:
        import bz2

        return bz2.compress(data, self.level)

    def decompressor(self) -> Any:
        import bz2

        return bz2.BZ2Decompressor()
