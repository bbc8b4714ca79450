"""The samples as they are: what every ratio is measured against, and the floor of the bench's own time."""

from __future__ import annotations

from n1codec.codec import ByteCoder


class Copy(ByteCoder):
    wire = "c"
    grid = ("copy", "remap|copy")
    reference = ("copy",)

    def compress(self, data: bytes) -> bytes:
        return data

    def decompress(self, data: bytes, size: int) -> bytes:
        return data
