"""Zstandard (RFC 8878): LZ77 with finite-state entropy coding."""

from __future__ import annotations

from n1codec.codec import ByteCoder, FormatError, Int


class Zstd(ByteCoder):
    wire = "z"
    requires = ("zstandard",)
    extra = "pip install zstandard"
    level: int
    params = {"level": Int(22, -7, 22, "negative and low is fast, high is small")}
    grid = ("zstd:level=3", "zstd", "delta|zstd", "remap|zstd", "remap|delta|zigzag|planes|zstd")
    reference = ("remap|delta|zstd:level=3",)

    def compress(self, data: bytes) -> bytes:
        import zstandard

        return zstandard.ZstdCompressor(level=self.level).compress(data)

    def decompress(self, data: bytes, size: int) -> bytes:
        import zstandard

        if zstandard.frame_content_size(data) != size:
            raise FormatError("its Zstandard frame has another size")
        return zstandard.ZstdDecompressor().decompress(data, allow_extra_data=False)
