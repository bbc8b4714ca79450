"""Blosc 2: a chain of filters over blocks (delta against the first block, byte or bit shuffle), then a compressor.

The payload is chunks of at most 64 MiB, one after the other; each says its own length.
"""

from __future__ import annotations

import struct

import numpy as np

from n1codec.codec import Choice, Coder, FormatError, Int, Layout

_CHUNK = 64 << 20
_HEADER = 32
_NONE, _BYTE, _BIT, _DELTA = range(4)
_SHUFFLES = {"none": _NONE, "byte": _BYTE, "bit": _BIT}
_CODECS = {"blosclz": 0, "lz4": 1, "lz4hc": 2, "zlib": 4, "zstd": 5}
_FORMATS = {0, 1, 3, 4}
"""What bits 5..7 of the flags may be: blosclz, lz4 and lz4hc, zlib, zstd. Others name plug-ins, which could be code."""
_MEMORY, _ZEROS = 0x00, 0x10
"""What the last byte of the header may be. Others stand for chunks in files, memory as it is found and the like."""


class Blosc2(Coder):
    wire = "b2"
    requires = ("blosc2",)
    extra = "bench"
    cname: str
    clevel: int
    shuffle: str
    delta: int
    typesize: int
    params = {
        "cname": Choice("zstd", "blosclz", "lz4", "lz4hc", "zlib", help="the compressor inside"),
        "clevel": Int(9, 0, 9, "0 stores, 9 is small"),
        "shuffle": Choice("byte", "none", "bit", help="what is brought together across samples"),
        "delta": Int(0, 0, 1, "1 turns on the library's delta filter: each block minus the first one"),
        "typesize": Int(0, 0, 255, "bytes of a sample, for the filters; 0 is the array's own"),
    }
    grid = (
        "blosc2",
        "blosc2:shuffle=bit",
        "blosc2:delta=1",
        "remap|delta|zigzag|blosc2",
        "remap|delta|zigzag|blosc2:shuffle=bit",
        "remap|delta|zigzag|blosc2:cname=lz4,shuffle=bit",
    )

    def encode(self, x: np.ndarray) -> bytes:
        import blosc2

        raw = x.astype(x.dtype.newbyteorder("<"), copy=False).tobytes()
        filters = [_NONE] * 4 + [_DELTA if self.delta else _NONE, _SHUFFLES[self.shuffle]]
        settings = {
            "codec": blosc2.Codec(_CODECS[self.cname]),
            "clevel": self.clevel,
            "typesize": self.typesize or x.dtype.itemsize,
            "filters": [blosc2.Filter(code) for code in filters],
            "filters_meta": [0] * 6,
            "nthreads": 1,
        }
        return b"".join(blosc2.compress2(raw[at : at + _CHUNK], **settings) for at in range(0, len(raw), _CHUNK))

    def decode(self, data: bytes, layout: Layout) -> np.ndarray:
        import blosc2

        pieces, at, left = [], 0, layout.nbytes
        while left:
            length = _check(memoryview(data)[at:], min(left, _CHUNK))
            pieces.append(blosc2.decompress2(data[at : at + length], nthreads=1))
            at, left = at + length, left - len(pieces[-1])
        if at != len(data):
            raise FormatError("there are bytes after its last Blosc chunk")
        raw = b"".join(pieces)
        return np.frombuffer(raw, layout.dtype.newbyteorder("<")).reshape(layout.shape).astype(layout.dtype, copy=False)


def _check(data: memoryview, size: int) -> int:
    """Return the length of the chunk of ``size`` bytes that ``data`` begins with, if ``encode`` makes such chunks."""
    if len(data) < _HEADER:
        raise FormatError("its Blosc chunk is truncated")
    version, _, flags, typesize, raw, block, packed = struct.unpack_from("<BBBBIII", data)
    if raw != size or not _HEADER <= packed <= len(data):
        raise FormatError("its Blosc chunk has another size")
    if version > 6 or not typesize or not 0 < block <= max(raw, typesize):
        raise FormatError("its Blosc chunk has a damaged header")
    filters, codec, codec_meta = data[16:22], data[22], data[23]
    if flags >> 5 not in _FORMATS or codec > 5 or codec_meta or any(code > _DELTA for code in filters):
        raise FormatError("its Blosc chunk needs a plug-in, which is not trusted")
    if data[31] not in (_MEMORY, _ZEROS) or (data[31] == _ZEROS and packed != _HEADER):
        raise FormatError("its Blosc chunk is of a kind that is not trusted")
    return packed
