"""FLAC (RFC 9639): linear prediction by blocks, the residual in partitioned Rice codes; libFLAC through soundfile.

Samples of 16 bits are one stream, as are samples of 32 bits whose values fit 24; other samples of 32 bits are two
streams of 16-bit halves. A stream here is the number of samples (uint), the length of its frames
(uint) and the frames; its header is made up again.
"""

from __future__ import annotations

import io

import numpy as np

from n1codec.codec import Coder, FormatError, Int, Layout
from n1codec.varint import Reader, put_bytes, put_uint

_RATE = 48_000
_BLOCKS = b"\x00\x10\xff\xff"  # shortest and longest block: whatever the format allows
_LEVELS = 8
_ONE, _HALVES, _NARROW = 0, 16, 24


class Flac(Coder):
    wire = "fl"
    requires = ("soundfile",)
    extra = "audio"
    dtypes = ("int16", "int32")
    per_channel = True
    level: int
    params = {"level": Int(8, 0, 8, "0 is fast, 8 is small")}
    grid = ("flac", "delta|flac", "remap|flac:level=0", "remap|flac:level=5", "remap|flac")
    reference = ("remap|flac",)

    @classmethod
    def unavailable(cls) -> str | None:
        if reason := super().unavailable():
            return reason
        try:
            import soundfile  # noqa: F401
        except OSError as error:  # a source install without the system's libsndfile
            return f"cannot load libsndfile: {error} (install it, or reinstall the soundfile wheel)"
        return None

    def encode(self, x: np.ndarray) -> bytes:
        if x.dtype == np.int16:
            return _write(x, 16, self.level)
        if x.min() >= -(1 << 23) and x.max() < 1 << 23:
            return bytes([_NARROW]) + _write(x, 24, self.level)
        low, high = x.astype(np.int16), (x >> 16).astype(np.int16)
        return bytes([_HALVES]) + _write(low, 16, self.level) + _write(high, 16, self.level)

    def decode(self, data: bytes, layout: Layout) -> np.ndarray:
        reader = Reader(data)
        form = _ONE if layout.dtype == np.int16 else reader.take(1)[0]
        if form == _ONE:
            x = _read(reader, 16, layout.size)
        elif form == _NARROW:
            x = _read(reader, 24, layout.size)
        elif form == _HALVES:
            low, high = _read(reader, 16, layout.size), _read(reader, 16, layout.size)
            x = high.astype(np.int32) << 16 | low.view(np.uint16)
        else:
            raise FormatError("its FLAC stream is of an unknown form")
        if reader.rest():
            raise FormatError("there are bytes after its last FLAC stream")
        return x


def _stream_info(bits: int, size: int) -> bytes:
    """Return the marker and the STREAMINFO block of a mono stream (RFC 9639, section 8.2), its sums unknown."""
    packed = _RATE << 44 | (bits - 1) << 36 | (size if size < 1 << 36 else 0)
    info = _BLOCKS + bytes(6) + packed.to_bytes(8, "big") + bytes(16)
    return b"fLaC" + bytes([0x80, 0, 0, len(info)]) + info


def _write(x: np.ndarray, bits: int, level: int) -> bytes:
    import soundfile

    file = io.BytesIO()
    samples = x << 8 if bits == 24 else x  # libsndfile takes 24 bits as the upper ones of 32
    soundfile.write(file, samples, _RATE, format="FLAC", subtype=f"PCM_{bits}", compression_level=level / _LEVELS)
    stream = file.getvalue()
    at, last = 4, False
    while not last:
        last, length = bool(stream[at] & 0x80), int.from_bytes(stream[at + 1 : at + 4], "big")
        at += 4 + length
    return put_uint(x.size) + put_bytes(stream[at:])


def _read(reader: Reader, bits: int, size: int) -> np.ndarray:
    import soundfile

    if reader.uint() != size:
        raise FormatError("its FLAC stream has another size")
    try:
        with soundfile.SoundFile(io.BytesIO(_stream_info(bits, size) + reader.prefixed())) as file:
            samples = file.read(size, dtype="int16" if bits == 16 else "int32")
    except soundfile.SoundFileError as error:
        raise FormatError(f"its FLAC stream is damaged: {error}") from error
    if samples.shape != (size,):
        raise FormatError("its FLAC stream does not end where it should")
    return samples if bits == 16 else samples >> 8
