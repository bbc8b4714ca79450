"""bzip2: Burrows-Wheeler transform, move to front, Huffman codes."""

from __future__ import annotations

from n1codec.codec import ByteCoder, FormatError, Int


class Bz2(ByteCoder):
    wire = "bz"
    level: int
    params = {"level": Int(9, 1, 9, "block size in 100 kB")}
    grid = ("bz2", "delta|bz2", "remap|bz2", "remap|delta|zigzag|planes|bz2")

    def compress(self, data: bytes) -> bytes:
        import bz2

        return bz2.compress(data, self.level)

    def decompress(self, data: bytes, size: int) -> bytes:
        import bz2

        decompressor = bz2.BZ2Decompressor()
        raw = decompressor.decompress(data, size + 1)
        if not decompressor.eof or decompressor.unused_data:
            raise FormatError("its bzip2 stream does not end where it should")
        return raw
