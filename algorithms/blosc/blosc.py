"""Blosc 1 (numcodecs): bytes or bits shuffled by sample width, then a fast compressor.

The defaults are those of the classic modes: level 9 and byte shuffle with type size 1, which shuffles nothing.
The payload is chunks of at most 64 MiB, one after the other; each says its own length.
"""

from __future__ import annotations

import struct
from itertools import pairwise

from n1codec.codec import ByteCoder, Choice, FormatError, Int

_CHUNK = 64 << 20
_HEADER = 16
_SHUFFLES = ("none", "byte", "bit")
_STORED = 2


class Blosc(ByteCoder):
    wire = "bl"
    requires = ("numcodecs",)
    extra = "bench"
    cname: str
    clevel: int
    shuffle: str
    typesize: int
    params = {
        "cname": Choice("lz4", "lz4hc", "blosclz", "zlib", "zstd", help="the compressor inside"),
        "clevel": Int(9, 0, 9, "0 stores, 9 is small"),
        "shuffle": Choice(*_SHUFFLES, default="byte", help="what is brought together across samples"),
        "typesize": Int(1, 1, 255, "bytes of a sample, for the shuffle: 2 for 16-bit samples"),
    }
    grid = (
        "blosc:cname=lz4",
        "blosc:cname=lz4hc",
        "blosc:cname=zlib",
        "blosc:cname=zstd",
        "remap|blosc:cname=lz4",
        "remap|blosc:cname=lz4hc",
        "remap|blosc:cname=zlib",
        "remap|blosc:cname=zstd",
        "delta|blosc:cname=lz4",
        "delta|blosc:cname=lz4hc",
        "delta|blosc:cname=zlib",
        "delta|blosc:cname=zstd",
        "blosc:cname=zstd,typesize=2",
        "blosc:cname=blosclz,shuffle=bit,typesize=2",
        "remap|delta|zigzag|blosc:cname=zstd,typesize=2",
        "remap|delta|zigzag|blosc:cname=lz4,shuffle=bit,typesize=2",
    )

    def compress(self, data: bytes) -> bytes:
        from numcodecs import blosc

        # Bits are shuffled in eights of samples, and a block that is no multiple of those is left as it is: what
        # remains at the end is a chunk of its own.
        unit = 8 * self.typesize if self.shuffle == "bit" else 1
        chunk, end = _CHUNK // unit * unit, len(data) // unit * unit
        bounds = [*range(0, end, chunk), end, len(data)]
        mode = _SHUFFLES.index(self.shuffle)
        return b"".join(
            blosc.compress(data[start:stop], self.cname.encode(), self.clevel, mode, typesize=self.typesize)
            for start, stop in pairwise(bounds)
            if start < stop
        )

    def decompress(self, data: bytes, size: int) -> bytes:
        from numcodecs import blosc

        pieces, at, left = [], 0, size
        while left:
            length = _check(memoryview(data)[at:], left)
            pieces.append(blosc.decompress(data[at : at + length]))
            at, left = at + length, left - len(pieces[-1])
        if at != len(data):
            raise FormatError("there are bytes after its last Blosc chunk")
        return b"".join(pieces)


def _check(data: memoryview, size: int) -> int:
    """Return the length of the chunk that ``data`` begins with, of at most ``size`` bytes.

    The library takes no length of its input, so what its header says must hold before the library sees it.
    """
    if len(data) < _HEADER:
        raise FormatError("its Blosc chunk is truncated")
    version, _, flags, typesize, raw, block, packed = struct.unpack_from("<BBBBIII", data)
    if version != 2 or not 0 < raw <= size or not _HEADER <= packed <= len(data):
        raise FormatError("its Blosc chunk has another size")
    if flags & _STORED:
        if packed != raw + _HEADER:
            raise FormatError("its Blosc chunk has another size")
        return packed
    if not typesize or not 0 < block <= raw:
        raise FormatError("its Blosc chunk has a damaged header")
    starts_end = _HEADER + 4 * -(-raw // block)
    if packed < starts_end:
        raise FormatError("its Blosc chunk is truncated")
    starts = struct.unpack_from(f"<{-(-raw // block)}I", data, _HEADER)
    if not all(starts_end <= start <= packed - 4 for start in starts):
        raise FormatError("its Blosc chunk is damaged")
    return packed
