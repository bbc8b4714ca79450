"""zlib (RFC 1950): Deflate (RFC 1951), LZ77 and Huffman codes, with a two-byte header and an Adler-32 sum."""

from __future__ import annotations

from n1codec.codec import ByteCoder, FormatError, Int


class Zlib(ByteCoder):
    wire = "zl"
    level: int
    params = {"level": Int(9, 0, 9, "0 stores, 1 is fast, 9 is small")}
    grid = ("zlib:level=1", "remap|delta|zigzag|planes|zlib")

    def compress(self, data: bytes) -> bytes:
        import zlib

        return zlib.compress(data, self.level)

    def decompress(self, data: bytes, size: int) -> bytes:
        import zlib

        inflater = zlib.decompressobj()
        raw = inflater.decompress(data, size + 1)
        if not inflater.eof or inflater.unused_data:
            raise FormatError("its zlib stream does not end where it should")
        return raw
