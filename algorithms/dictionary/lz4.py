"""LZ4 (its block format): LZ77 with byte-aligned tokens and no entropy coding, as numcodecs brings it."""

from __future__ import annotations

from n1codec.codec import ByteCoder, FormatError, Int


class Lz4(ByteCoder):
    wire = "l4"
    requires = ("numcodecs",)
    extra = "bench"
    acceleration: int
    params = {"acceleration": Int(9, 1, 65537, "1 is small, more is faster")}
    grid = ("lz4:acceleration=1", "lz4", "delta|lz4", "remap|lz4", "remap|delta|zigzag|planes|lz4:acceleration=1")

    def compress(self, data: bytes) -> bytes:
        from numcodecs import lz4

        return lz4.compress(data, self.acceleration)

    def decompress(self, data: bytes, size: int) -> bytes:
        from numcodecs import lz4

        if int.from_bytes(data[:4], "little") != size or len(data) < 5:
            raise FormatError("its LZ4 block has another size")
        return lz4.decompress(data)
