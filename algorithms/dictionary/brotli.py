"""Brotli (RFC 7932): LZ77 with Huffman codes chosen by context."""

from __future__ import annotations

from n1codec.codec import ByteCoder, FormatError, Int


class Brotli(ByteCoder):
    wire = "B"
    requires = ("brotli",)
    extra = "bench"
    quality: int
    lgwin: int
    params = {
        "quality": Int(11, 0, 11, "0 is fast, 11 is small"),
        "lgwin": Int(22, 10, 24, "log2 of the window in bytes"),
    }
    grid = ("brotli", "remap|delta|zigzag|planes|brotli", "remap|delta|zigzag|planes|brotli:quality=5")

    def compress(self, data: bytes) -> bytes:
        import brotli

        return brotli.compress(data, quality=self.quality, lgwin=self.lgwin)

    def decompress(self, data: bytes, size: int) -> bytes:
        import brotli

        decompressor = brotli.Decompressor()
        raw = decompressor.process(data, output_buffer_limit=size + 1)
        if not decompressor.is_finished():
            raise FormatError("its Brotli stream does not end where it should")
        return raw
