"""RIFF WAVE files, read so that they can be written back byte for byte.

Formats: Microsoft/IBM "Multimedia Programming Interface and Data Specifications 1.0", WAVE_FORMAT_EXTENSIBLE, and RF64
(EBU Tech 3306) for files beyond 4 GB.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

import numpy as np

PCM, FLOAT, EXTENSIBLE = 1, 3, 0xFFFE
_UNKNOWN = 0xFFFFFFFF

_DTYPES = {
    (PCM, 8): "u1",
    (PCM, 16): "<i2",
    (PCM, 24): "<i4",
    (PCM, 32): "<i4",
    (FLOAT, 32): "<f4",
    (FLOAT, 64): "<f8",
}


class Wav(NamedTuple):
    """The samples of a WAV file, shape (frames, channels), and every byte around them."""

    samples: np.ndarray
    rate: int
    bits: int
    """Bits that a sample takes in the file: 8 (unsigned), 16, 24 (held in int32), 32 or 64."""
    prefix: bytes
    suffix: bytes

    @property
    def canonical(self) -> bool:
        """Whether ``header`` alone gives the bytes around the samples."""
        frames, channels = self.samples.shape
        return not self.suffix and self.prefix == header(frames, channels, self.rate, self.bits)


def header(frames: int, channels: int, rate: int, bits: int) -> bytes:
    """Return the canonical 44-byte header; empty if its fields cannot hold the numbers."""
    block = channels * bits // 8
    size = frames * block
    try:
        return struct.pack(
            "<4sI4s4sIHHIIHH4sI",
            b"RIFF", 36 + size, b"WAVE", b"fmt ", 16, PCM, channels, rate, rate * block, block, bits, b"data", size,
        )  # fmt: skip
    except struct.error:
        return b""


def parse(data: bytes) -> Wav | None:
    """Return what a WAV file holds, or None if it is no WAV file, or one whose samples have no known form.

    A data chunk that claims more than the file holds has what is there, and so has one of size 0, as recorders leave
    it that were cut off, unless whole chunks follow it; bytes that fill no whole frame are suffix.
    """
    if len(data) < 12 or data[:4] not in (b"RIFF", b"RF64") or data[8:12] != b"WAVE":
        return None
    at, form, long_size = 12, None, _UNKNOWN
    while at + 8 <= len(data):
        chunk, size = struct.unpack_from("<4sI", data, at)
        at += 8
        if chunk == b"fmt " and size >= 16 and at + size <= len(data):
            form = struct.unpack_from("<HHIIHH", data, at)
            if form[0] == EXTENSIBLE and size >= 40:
                form = (*struct.unpack_from("<H", data, at + 24), *form[1:])
        elif chunk == b"ds64" and size >= 16 and at + size <= len(data):
            (long_size,) = struct.unpack_from("<Q", data, at + 8)
        elif chunk == b"data":
            if data[:4] == b"RF64" and size == _UNKNOWN:
                size = long_size
            if size == 0 and not _chunks(data, at):
                size = len(data) - at
            return _samples(data, at, size, form) if form else None
        at += size + (size & 1)
    return None


def _chunks(data: bytes, at: int) -> bool:
    """Return whether nothing but whole chunks with readable names stands from ``at`` to the end."""
    while at + 8 <= len(data):
        chunk, size = struct.unpack_from("<4sI", data, at)
        if not all(0x20 <= byte < 0x7F for byte in chunk):
            return False
        at += 8 + size
        at += size & 1 and at < len(data)  # some writers leave the last pad byte out
    return at == len(data)


def _samples(data: bytes, at: int, size: int, form: tuple[int, ...]) -> Wav | None:
    tag, channels, rate, _, block, bits = form
    bits = (bits + 7) // 8 * 8  # fewer valid bits stand in whole bytes
    dtype = _DTYPES.get((tag, bits))
    if dtype is None or not channels or block != channels * bits // 8:
        return None
    frames = min(size, len(data) - at) // block
    end = at + frames * block
    return Wav(unpack(memoryview(data)[at:end], channels, bits, np.dtype(dtype)), rate, bits, data[:at], data[end:])


def unpack(raw: bytes | memoryview, channels: int, bits: int, dtype: np.dtype) -> np.ndarray:
    """Return sample bytes as an array of shape (frames, channels) in the machine's byte order."""
    if bits == 24:
        wide = np.zeros((len(raw) // 3, 4), np.uint8)
        wide[:, 1:] = np.frombuffer(raw, np.uint8).reshape(-1, 3)
        samples = wide.view("<i4")[:, 0] >> 8
    else:
        samples = np.frombuffer(raw, dtype)
    return samples.astype(samples.dtype.newbyteorder("="), copy=False).reshape(-1, channels)


def pack(samples: np.ndarray, bits: int) -> bytes:
    """Return the sample bytes as they stand in a file; the inverse of ``unpack``."""
    little = np.ascontiguousarray(samples, samples.dtype.newbyteorder("<"))
    if bits == 24:
        return little.view(np.uint8).reshape(-1, 4)[:, :3].tobytes()
    return little.tobytes()


def write(samples: np.ndarray, rate: int) -> bytes:
    """Return a canonical WAV file of samples of shape (frames,) or (frames, channels), int16 or uint8 or int32."""
    columns = samples if samples.ndim == 2 else samples[:, None]
    bits = columns.dtype.itemsize * 8
    return header(len(columns), columns.shape[1], rate, bits) + pack(columns, bits)
