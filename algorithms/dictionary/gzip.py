"""gzip (RFC 1952): Deflate (RFC 1951) with a ten-byte header, a CRC-32 and the length."""

from __future__ import annotations

from typing import Any

from n1codec.codec import Int

from .._shared.stream_coder import StreamCoder

_GZIP = 16 + 15  # zlib's window bits: the gzip form with the largest window


class Gzip(StreamCoder):
    stream = "gzip"
    wire = "g"
    level: int
    params = {"level": Int(9, 0, 9, "0 stores, 1 is fast, 9 is small")}
    grid = ("gzip", "delta|gzip", "remap|gzip")

    def compress(self, data: bytes) -> bytes:
        import zlib

        deflater = zlib.compressobj(self.level, wbits=_GZIP)
        return deflater.compress(data) + deflater.flush()

    def decompressor(self) -> Any:
        import zlib

        return zlib.decompressobj(_GZIP)
