"""Deflate (RFC 1951) by Intel's ISA-L: the fastest Deflate there is, with few levels."""

from __future__ import annotations

from n1codec.codec import ByteCoder, FormatError, Int

_RAW = -15  # window bits: bare Deflate with the largest window


class Isal(ByteCoder):
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

    def decompress(self, data: bytes, size: int) -> bytes:
        from isal import isal_zlib

        inflater = isal_zlib.decompressobj(_RAW)
        raw = inflater.decompress(data, size + 1)
        if not inflater.eof or inflater.unused_data:
            raise FormatError("its Deflate stream does not end where it should")
        return raw
