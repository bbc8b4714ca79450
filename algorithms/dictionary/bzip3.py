"""bzip3: Burrows-Wheeler transform, then context mixing and an arithmetic coder."""

from __future__ import annotations

import struct

from n1codec.codec import ByteCoder, FormatError, Int

_MAGIC = b"BZ3v1"
_SMALLEST = 66_560  # 65 KiB, the library's lower bound for a block


class Bzip3(ByteCoder):
    wire = "b3"
    requires = ("bz3",)
    extra = "more"
    block: int
    params = {"block": Int(16, 1, 511, "largest block in MiB, the unit that is sorted")}
    grid = ("bzip3", "remap|bzip3", "remap|delta|zigzag|planes|bzip3")

    def compress(self, data: bytes) -> bytes:
        import bz3

        return bz3.compress(data, max(_SMALLEST, min(self.block << 20, len(data))))

    def decompress(self, data: bytes, size: int) -> bytes:
        import bz3

        _check(data, size)
        return bz3.decompress(data)


def _check(data: bytes, size: int) -> None:
    """Refuse what the library would believe: sizes of blocks that the bytes do not bear out."""
    if len(data) < 9 or data[:5] != _MAGIC:
        raise FormatError("its bzip3 stream has no header")
    (block,) = struct.unpack_from("<I", data, 5)
    if not _SMALLEST <= block <= max(_SMALLEST, size):
        raise FormatError("its bzip3 stream has blocks of another size")
    at, total = 9, 0
    while at + 8 <= len(data):
        packed, raw = struct.unpack_from("<II", data, at)
        if raw > block or packed > len(data) - at - 8:
            raise FormatError("its bzip3 stream is damaged")
        at, total = at + 8 + packed, total + raw
    if at != len(data) or total != size:
        raise FormatError("its bzip3 stream does not end where it should")
