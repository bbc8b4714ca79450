"""WAV files in their RIFF, RF64, BW64 and Wave64 forms, read so that they can be written back byte for byte.

Formats: Microsoft/IBM "Multimedia Programming Interface and Data Specifications 1.0", WAVE_FORMAT_EXTENSIBLE; RF64 (EBU
Tech 3306) and BW64 (ITU-R BS.2088) for files beyond 4 GB; Wave64 (Sonic Foundry / Sony), whose chunks have names of 16
bytes and sizes of 64 bits.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from n1codec.recordings.recording import UnknownFormat
from n1codec.recordings.samples import Form, Mapped

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer as Buffer

PCM, FLOAT, EXTENSIBLE = 1, 3, 0xFFFE
_UNKNOWN = 0xFFFFFFFF
_LONG = (b"RF64", b"BW64")
"""Kinds of files whose true sizes are in a chunk called ds64."""
_WAVE64 = b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\x00\x00"
_WAVE64_TAIL = b"\xf3\xac\xd3\x11\x8c\xd1\x00\xc0\x4f\x8e\xdb\x8a"
"""What follows the four letters of a chunk's name in Wave64."""

_KINDS = {
    (PCM, 8): "uint8",
    (PCM, 16): "int16",
    (PCM, 24): "int24",
    (PCM, 32): "int32",
    (PCM, 64): "int64",
    (FLOAT, 32): "float32",
    (FLOAT, 64): "float64",
}
_CODINGS = {2: "Microsoft ADPCM", 6: "A-law", 7: "mu-law", 17: "IMA ADPCM", 49: "GSM 6.10", 80: "MPEG", 85: "MP3"}
"""Names of the most common format tags that are neither PCM nor floating point."""


class Wav(Mapped):
    """The samples of a WAV file, mapped or in memory, and every byte around them."""

    @property
    def prefix(self) -> memoryview:
        """The bytes before the samples."""
        return self.data[: self.start]

    @property
    def suffix(self) -> memoryview:
        """The bytes behind the samples."""
        return self.data[self.end :]

    @property
    def samples(self) -> np.ndarray:
        """All samples, shape (frames, channels): a read-only view of the file where that is possible."""
        return self.read()

    @property
    def canonical(self) -> bool:
        """Whether :func:`header` alone gives the bytes around the samples."""
        return not self.suffix and self.prefix == header(self.frames, self.channels, int(self.rate), self.bits)


def is_wav(data: Buffer) -> bool:
    """Return whether bytes begin as a WAV file does, of whatever form."""
    start = bytes(memoryview(data)[:16])
    return start == _WAVE64 or (start[:4] in (b"RIFF", b"RIFX", *_LONG) and start[8:12] == b"WAVE")


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


def read(data: Buffer, name: str = "") -> Wav:
    """Return the recording in the bytes of a WAV file.

    A data chunk that claims more than the file holds has what is there, and so has one of size 0, as recorders leave
    it that were cut off, unless whole chunks follow it; bytes that fill no whole frame are suffix.

    Args:
        data: the whole file; views of it are kept.
        name: the file's name, for messages.

    Raises:
        UnknownFormat: it is no WAV file, or its samples have a form that is not read; the message says which.
    """
    data = memoryview(data).cast("B")
    form: tuple[int, ...] | None = None
    long_size = _UNKNOWN
    for chunk in _chunks(data):
        body = data[chunk.start : chunk.start + chunk.size]
        if chunk.name == b"fmt " and len(body) == chunk.size >= 16:
            form = struct.unpack_from("<HHIIHH", body)
            if form[0] == EXTENSIBLE and chunk.size >= 40:
                form = (*struct.unpack_from("<H", body, 24), *form[1:])
        elif chunk.name == b"ds64" and len(body) == chunk.size >= 16:
            (long_size,) = struct.unpack_from("<Q", body, 8)
        elif chunk.name == b"data":
            if form is None:
                raise UnknownFormat("its samples have no description (no chunk fmt before the chunk data)")
            size = long_size if data[:4] in _LONG and chunk.size == _UNKNOWN else chunk.size
            if size == _UNKNOWN or (size == 0 and not _whole_chunks(data, chunk.start)):
                size = len(data) - chunk.start
            return _described(name, data, chunk.start, size, form)
    raise UnknownFormat("it is a WAV file without samples (it has no chunk data)")


class _Chunk(NamedTuple):
    name: bytes
    """Four letters."""
    start: int
    """Where its content begins."""
    size: int
    """Bytes of its content."""


def _chunks(data: memoryview) -> Iterator[_Chunk]:
    """Yield the chunks of a file, up to its end or to the first whose name cannot be one."""
    kind = bytes(data[:4])
    if kind in (b"RIFF", *_LONG) and data[8:12] == b"WAVE":
        at, head, pad, long_names = 12, 8, 2, False
    elif data[:16] == _WAVE64 and data[24:40] == b"wave" + _WAVE64_TAIL:
        at, head, pad, long_names = 40, 24, 8, True
    elif kind == b"RIFX":
        raise UnknownFormat("it is a big-endian WAV file (RIFX), which is not read")
    else:
        raise UnknownFormat("it is no WAV file")
    odd = False
    while at + head <= len(data):
        name = bytes(data[at : at + 4])
        if long_names:
            size = max(struct.unpack_from("<Q", data, at + 16)[0] - head, 0)
            named = data[at + 4 : at + 16] == _WAVE64_TAIL
        else:
            (size,) = struct.unpack_from("<I", data, at + 4)
            named = _printable(name)
        if odd and not named:
            raise UnknownFormat("its chunks cannot be followed (one of odd length may lack its pad byte)")
        yield _Chunk(name if named else b"", at + head, size)
        odd = bool(size % pad)
        at += head + size + -size % pad


def _printable(name: bytes) -> bool:
    return all(0x20 <= byte < 0x7F for byte in name)


def _whole_chunks(data: memoryview, at: int) -> bool:
    """Return whether nothing but whole chunks with readable names stands from ``at`` to the end."""
    while at + 8 <= len(data):
        chunk, size = struct.unpack_from("<4sI", data, at)
        if not _printable(chunk):
            return False
        at += 8 + size
        at += size & 1 and at < len(data)  # some writers leave the last pad byte out
    return at == len(data)


def _described(name: str, data: memoryview, start: int, size: int, form: tuple[int, ...]) -> Wav:
    tag, channels, rate, _, block, bits = form
    if tag not in (PCM, FLOAT):
        raise UnknownFormat(f"its samples are coded as {_CODINGS.get(tag, f'format {tag}')}, which is not read")
    bits = (bits + 7) // 8 * 8  # fewer valid bits stand in whole bytes
    sample = _KINDS.get((tag, bits))
    if sample is None:
        kind = "integers" if tag == PCM else "floating-point numbers"
        raise UnknownFormat(f"its samples are {kind} of {bits} bits, which are not read")
    if not channels or block != channels * bits // 8:
        raise UnknownFormat(f"its header contradicts itself: {channels} channels of {bits} bits, {block} bytes a frame")
    return Wav(name, rate, channels, Form(sample), data, start, size)


def write(samples: np.ndarray, rate: int) -> bytes:
    """Return a canonical WAV file of samples of shape (frames,) or (frames, channels), int16 or uint8 or int32."""
    columns = samples if samples.ndim == 2 else samples[:, None]
    bits = columns.dtype.itemsize * 8
    return header(len(columns), columns.shape[1], rate, bits) + Form(columns.dtype.name).pack(columns)
