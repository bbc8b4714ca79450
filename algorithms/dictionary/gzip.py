"""gzip (RFC 1952): Deflate (RFC 1951) with a ten-byte header, a CRC-32 and the length."""

from __future__ import annotations

from n1codec.codec import ByteCoder, FormatError, Int

_GZIP = 16 + 15  # zlib's window bits: the gzip form with the largest window


class Gzip(ByteCoder):
    wire = "g"
    level: int
    params = {"level": Int(9, 0, 9, "0 stores, 1 is fast, 9 is small")}
    grid = ("gzip", "delta|gzip", "remap|gzip")

    def compress(self, data: bytes) -> bytes:
        import zlib

        deflater = zlib.compressobj(self.level, wbits=_GZIP)
        return deflater.compress(data) + deflater.flush()

    def decompress(self, data: bytes, size: int) -> bytes:
        import zlib

        inflater = zlib.decompressobj(_GZIP)
        raw = inflater.decompress(data, size + 1)
        if not inflater.eof or inflater.unused_data:
            raise FormatError("its gzip stream does not end where it should")
        return raw
