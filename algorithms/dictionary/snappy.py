"""Snappy (its raw format): LZ77 with byte-aligned tokens, made for speed."""

from __future__ import annotations

from n1codec.codec import ByteCoder, FormatError
from n1codec.varint import Reader


class Snappy(ByteCoder):
    wire = "sn"
    requires = ("cramjam",)
    extra = "more"
    grid = ("snappy", "remap|delta|zigzag|planes|snappy")

    def compress(self, data: bytes) -> bytes:
        import cramjam

        return bytes(cramjam.snappy.compress_raw(data))

    def decompress(self, data: bytes, size: int) -> bytes:
        import cramjam

        if Reader(data).uint() != size:
            raise FormatError("its Snappy block has another size")
        if size > 32 * len(data):  # three bytes copy at most 64
            raise FormatError("its Snappy block is too short for its size")
        return bytes(cramjam.snappy.decompress_raw(data))
