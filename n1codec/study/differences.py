"""First differences in 4, 6 or 8 bits, and outliers aside, as the class project stored them."""

from __future__ import annotations

import numpy as np

from n1codec.codec import CodecError, Layout
from n1codec.pipeline import get_codec
from n1codec.varint import Reader, put_uint


class Differences:
    """A lossless codec of samples of 16 bits, shape (frames, channels), channel after channel.

    Each difference takes ``bits`` bits. One that does not fit leaves a 0 there and is listed behind: its index in 32
    bits, its value in 16. The differences come first, then all indices, then all values; ``coder``, a spec, compresses
    the whole where it is given.
    """

    def __init__(self, bits: int, coder: str = "") -> None:
        self.bits, self.coder = bits, coder

    def encode(self, x: np.ndarray) -> bytes:
        if x.dtype.itemsize != 2 or x.dtype.kind not in "iu":
            raise CodecError(f"these differences are of samples of 16 bits, not of {x.dtype}")
        line = np.ascontiguousarray(x.T).reshape(-1).view(np.int16)
        steps = np.diff(line, prepend=np.int16(0))  # modulo 2**16
        limit = 1 << (self.bits - 1)
        outliers = np.flatnonzero((steps < -limit) | (steps >= limit))
        values = steps[outliers].astype("<i2")
        steps[outliers] = 0
        bits = np.unpackbits(steps.astype(np.int8).view(np.uint8)[:, None], axis=1)[:, 8 - self.bits :]
        data = (
            put_uint(outliers.size) + np.packbits(bits).tobytes() + outliers.astype("<u4").tobytes() + values.tobytes()
        )
        if not self.coder:
            return data
        return put_uint(len(data)) + get_codec(self.coder).encode(np.frombuffer(data, np.uint8))

    def decode(self, data: bytes, layout: Layout) -> np.ndarray:
        if self.coder:
            reader = Reader(data)
            size = reader.uint()
            data = get_codec(self.coder).decode(reader.rest(), Layout((size,), np.dtype(np.uint8))).tobytes()
        reader = Reader(data)
        count = reader.uint()
        packed = np.frombuffer(reader.take((layout.size * self.bits + 7) // 8), np.uint8)
        indices = np.frombuffer(reader.take(4 * count), "<u4")
        values = np.frombuffer(reader.take(2 * count), "<i2")
        wide = np.zeros((layout.size, 8), np.uint8)
        wide[:, : self.bits] = np.unpackbits(packed, count=layout.size * self.bits).reshape(-1, self.bits)
        steps = (np.packbits(wide).view(np.int8) >> (8 - self.bits)).astype(np.int16)
        steps[indices] = values
        frames, channels = layout.shape
        return np.add.accumulate(steps, dtype=np.int16).reshape(channels, frames).T.view(layout.dtype)
