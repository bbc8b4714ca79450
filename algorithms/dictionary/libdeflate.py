"""Deflate (RFC 1951) by libdeflate: faster than zlib at every level, and smaller at its highest."""

from __future__ import annotations

from n1codec.codec import ByteCoder, FormatError, Int
from n1codec.varint import Reader, put_bytes


class Libdeflate(ByteCoder):
    wire = "ld"
    requires = ("deflate",)
    extra = "more"
    level: int
    params = {"level": Int(12, 1, 12, "1 is fast, 12 is small")}
    grid = ("libdeflate", "remap|delta|zigzag|planes|libdeflate")

    def compress(self, data: bytes) -> bytes:
        import deflate

        # The decompressor stops where the stream ends and does not tell; with the length in front nothing can follow.
        return put_bytes(bytes(deflate.deflate_compress(data, self.level)))

    def decompress(self, data: bytes, size: int) -> bytes:
        import deflate

        reader = Reader(data)
        stream = reader.prefixed()
        if reader.rest():
            raise FormatError("its Deflate stream does not end where it should")
        return bytes(deflate.deflate_decompress(stream, size))
