"""LZ4 (its block format) with a thorough search for matches; it decodes as fast as any LZ4."""

from __future__ import annotations

from n1codec.codec import ByteCoder, Int


class Lz4hc(ByteCoder):
    wire = "lh"
    requires = ("lz4",)
    extra = "bench"
    level: int
    params = {"level": Int(12, 1, 12, "1 is fast, 12 is small")}
    grid = ("lz4hc", "remap|delta|zigzag|planes|lz4hc")

    def compress(self, data: bytes) -> bytes:
        import lz4.block

        return lz4.block.compress(data, mode="high_compression", compression=self.level, store_size=False)

    def decompress(self, data: bytes, size: int) -> bytes:
        import lz4.block

        return lz4.block.decompress(data, uncompressed_size=size)
