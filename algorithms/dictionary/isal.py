"""Deflate (RFC 1951) by Intel's ISA-L: the fastest Deflate there is, with few levels."""

from __future__ import annotations

from typing import Any

from n1codec.codec import Int

from .._shared.stream_coder import StreamCoder

_RAW = -15  # window bits: bare Deflate with the largest window


class Isal(StreamCoder):
    stream = "Deflate"
    wire = "i"
    requires = ("isal",)
    extra = "more"
    level: int
    params = {"level": Int(3, 0, 3, "0 is fast, 3 is small")}
    grid = ("isal", "remap|delta|zigzag|planes|isal")

    def compress(self, data: bytes) -> bytes:
        from isal import isal_zlib

        deflater = isal_zlib.compressobj(self.level, wbits=_RAW)
        return deflater.compress(data) + deflater.flush()

    def decompressor(self) -> Any:
        from isal import isal_zlib

        return isal_zlib.decompressobj(_RAW)
