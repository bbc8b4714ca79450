"""Zstandard (RFC 8878): LZ77 with finite-state entropy coding."""

from __future__ import annotations

from n1codec.codec import ByteCoder, Int


class Zstd(ByteCoder):
    wire = "z"
    requires = ("zstandard",)
    level: int
    params = {"level": Int(22, -7, 22, "negative and low is fast, high is small")}
    grid = ("zstd:level=3", "zstd", "delta|zstd", "remap|zstd", "remap|delta|zigzag|planes|zstd")

    def compress(self, data: bytes) -> bytes:
        import zstandard

        return zstandard.ZstdCompressor(level=self.level, write_content_size=False).compress(data)

    def decompress(self, data: bytes, size: int) -> bytes:
        import zstandard

        return zstandard.ZstdDecompressor().stream_reader(data).read(size + 1)
