"""ALAC (Apple Lossless): sign-LMS prediction from quantised coefficients, adaptive Rice codes; by FFmpeg (PyAV).

The payload is the length of each frame's packet (uint) and the packet; the decoder's "magic cookie" is made up again.
"""

from __future__ import annotations

import struct
from fractions import Fraction

import numpy as np

from n1codec.codec import CodecError, Coder, FormatError, Int, Layout
from n1codec.varint import Reader, put_bytes

_RATE = 48_000
_FRAME = 4096
# Apple's ALACSpecificConfig: frame length, version, bits, Rice's history, initial and limit, channels; the longest
# run, the largest packet and the bit rate may be unknown.
_COOKIE = struct.pack(">I4sIIBBBBBBHIII", 36, b"alac", 0, _FRAME, 0, 16, 40, 10, 14, 1, 0, 0, 0, _RATE)


class Alac(Coder):
    wire = "al"
    requires = ("av",)
    extra = "audio"
    dtypes = ("int16",)
    per_channel = True
    order: int
    params = {"order": Int(6, 4, 30, "largest order of the prediction")}
    grid = ("alac", "remap|alac")

    def encode(self, x: np.ndarray) -> bytes:
        import av

        context = av.CodecContext.create("alac", "w")
        context.sample_rate, context.layout, context.format = _RATE, "mono", "s16p"
        context.time_base = Fraction(1, _RATE)
        context.options = {"max_prediction_order": str(self.order)}
        context.open()
        if context.frame_size != _FRAME or (context.extradata or b"")[:24] != _COOKIE[:24]:
            raise CodecError("this FFmpeg writes ALAC with settings that are not known (use another version of av)")
        packets = []
        for at in range(0, x.size, _FRAME):
            frame = av.AudioFrame.from_ndarray(x[None, at : at + _FRAME], format="s16p", layout="mono")
            frame.sample_rate, frame.pts = _RATE, at
            packets += context.encode(frame)
        packets += context.encode(None)
        return b"".join(put_bytes(bytes(packet)) for packet in packets)

    def decode(self, data: bytes, layout: Layout) -> np.ndarray:
        import av

        context = av.CodecContext.create("alac", "r")
        context.extradata = _COOKIE
        reader, x = Reader(data), np.empty(layout.size, np.int16)
        for at in range(0, x.size, _FRAME):
            wanted = x[at : at + _FRAME]
            frames = context.decode(av.Packet(reader.prefixed()))
            if len(frames) != 1 or frames[0].format.name != "s16p" or frames[0].samples != wanted.size:
                raise FormatError("its ALAC frame has another size")
            wanted[:] = frames[0].to_ndarray()[0]
        if reader.rest():
            raise FormatError("there are bytes after its last ALAC frame")
        return x
