"""TTA (True Audio): a hybrid of fixed prediction and sign-LMS filters with adaptive Rice codes, by FFmpeg (PyAV).

The payload is the number of samples (uint), then the length of each frame's packet (uint) and the packet; the header of
a .tta file is made up again.
"""

from __future__ import annotations

import struct
import zlib
from fractions import Fraction

import numpy as np

from n1codec.codec import Coder, FormatError, Layout
from n1codec.varint import Reader, put_bytes, put_uint

_RATE = 96_000
"""Sampling rate in Hz that the library is told: it alone sets the frame's length, and longer ones compress better."""
_FRAME = _RATE * 256 // 245
_SHORTEST = 64
"""Samples that a frame is filled up to with zeros: the library aborts on a frame of one sample."""


class Tta(Coder):
    wire = "t"
    requires = ("av",)
    extra = "audio"
    dtypes = ("int16",)
    per_channel = True
    grid = ("tta", "remap|tta")

    def encode(self, x: np.ndarray) -> bytes:
        import av

        context = av.CodecContext.create("tta", "w")
        context.sample_rate, context.layout, context.format = _RATE, "mono", "s16"
        context.time_base = Fraction(1, _RATE)
        packets = []
        padded = np.pad(x, (0, _padded(x.size) - x.size))
        for at in range(0, padded.size, _FRAME):
            frame = av.AudioFrame.from_ndarray(padded[None, at : at + _FRAME], format="s16", layout="mono")
            frame.sample_rate, frame.pts = _RATE, at
            packets += context.encode(frame)
        packets += context.encode(None)
        return put_uint(x.size) + b"".join(put_bytes(bytes(packet)) for packet in packets)

    def decode(self, data: bytes, layout: Layout) -> np.ndarray:
        import av

        reader = Reader(data)
        if reader.uint() != layout.size:
            raise FormatError("its TTA stream has another size")
        header = struct.pack("<4sHHHII", b"TTA1", 1, 1, 16, _RATE, _padded(layout.size) & 0xFFFFFFFF)
        context = av.CodecContext.create("tta", "r")
        context.extradata = header + struct.pack("<I", zlib.crc32(header))
        x = np.empty(_padded(layout.size), np.int16)
        for at in range(0, x.size, _FRAME):
            wanted = x[at : at + _FRAME]
            frames = context.decode(av.Packet(reader.prefixed()))
            if len(frames) != 1 or frames[0].format.name != "s16" or frames[0].samples != wanted.size:
                raise FormatError("its TTA frame has another size")
            wanted[:] = frames[0].to_ndarray()[0]
        if reader.rest():
            raise FormatError("there are bytes after its last TTA frame")
        return x[: layout.size]


def _padded(size: int) -> int:
    rest = size % _FRAME
    return size + (_SHORTEST - rest if 0 < rest < _SHORTEST else 0)
