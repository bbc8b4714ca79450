"""Format version 1 of the .n1c file: one header, one payload (docs/format.md).

Over the payload of a canonical 16-bit WAV, up to five stages and 65,535 Hz take at most 24 bytes.

All integers are little-endian; ``uint`` is LEB128::

    3  magic "N1C"
    1  format version
    4  CRC-32 of every byte after this field
    4  CRC-32 of the source: the bytes of the file, or of the samples where there was no file
    1  form: bits 0..1 source (0 opaque bytes, 1 WAV, 2 WAV with other bytes around its samples, 3 array),
             bit 2 one channel, bits 3..6 dtype, bit 7 rate in 2 bytes
    .  rate, not for opaque bytes: uint16 if bit 7 is set, else uint: below 64 an index into RATES, 64 and then a
       float64 (not for a WAV file), or the whole rate + 65
    .  uint frames
    .  uint channels, and 1 byte number of axes if an array          (not if bit 2 is set)
    .  uint length and bytes of prefix and of suffix, zlib           (only source 2)
    .  short names of the stages, the coder last, the last character of each with bit 7 set
    .  payload
"""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

from n1codec import registry
from n1codec.codec import Coder, FormatError
from n1codec.container.header import (
    ARRAY,
    DTYPES,
    MAGIC,
    MOST_AROUND,
    MOST_CHANNELS,
    OPAQUE,
    RATES,
    WAV_AND_MORE,
    Header,
)
from n1codec.pipeline import MOST_STAGES, Pipeline
from n1codec.varint import Reader, put_bytes, put_uint

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer as Buffer

VERSION = 1
_OTHER_RATE = 64
_WHOLE_RATE = 65
_LONGEST_NAME = 100
"""Of a stage, in bytes: what is longer is no module's name, and would fill an error message."""


def assemble(header: Header, stages: Pipeline) -> list[Buffer]:
    """Return the bytes of a .n1c file, in two pieces: what stands before the payload, and the payload."""
    mono = header.channels == 1 and header.axes == (1 if header.source in (ARRAY, OPAQUE) else 2)
    body = bytearray(struct.pack("<I", header.checksum))
    rate = b"" if header.source == OPAQUE else _put_rate(header.rate)
    body.append(header.source | mono << 2 | DTYPES.index(header.kind) << 3 | (len(rate) == 2) << 7)
    body += rate
    body += put_uint(header.frames)
    if not mono:
        body += put_uint(header.channels)
        if header.source == ARRAY:
            body.append(header.axes)
    if header.source == WAV_AND_MORE:
        body += put_bytes(zlib.compress(header.prefix, 9)) + put_bytes(zlib.compress(header.suffix, 9))
    for stage in stages.stages:
        wire = registry.wire(stage).encode("ascii")
        body += wire[:-1] + bytes([wire[-1] | 0x80])
    checksum = zlib.crc32(header.payload, zlib.crc32(body))
    return [b"".join((MAGIC, bytes([VERSION]), struct.pack("<I", checksum), body)), header.payload]


def read(blob: Buffer) -> Header:
    """Return the header of .n1c bytes, with a view of the payload in it; nothing is decoded.

    Raises:
        FormatError: not .n1c, another version, damaged.
        UnavailableError: it needs a codec that is not here.
    """
    blob = memoryview(blob).cast("B")
    if not blob:
        raise FormatError("it is empty")
    if blob[:3] != MAGIC:
        raise FormatError("it is not a .n1c file")
    if len(blob) < 14:
        raise FormatError("it is truncated")
    if blob[3] != VERSION:
        raise FormatError(f"it has format version {blob[3]}, this program reads {VERSION} (update n1codec)")
    if zlib.crc32(blob[8:]) != struct.unpack_from("<I", blob, 4)[0]:
        raise FormatError("it is damaged or truncated: its checksum does not match")
    reader = Reader(blob)
    reader.take(8)
    (checksum,) = struct.unpack("<I", reader.take(4))
    form = reader.take(1)[0]
    source, mono, kind, short_rate = form & 3, bool(form & 4), form >> 3 & 15, bool(form & 128)
    if kind >= len(DTYPES) or (short_rate and source == OPAQUE):
        raise FormatError("its dtype is not known")
    rate: float | None = None
    if source != OPAQUE:
        rate = int.from_bytes(reader.take(2), "little") if short_rate else _take_rate(reader, source != ARRAY)
    frames, channels = reader.uint(), 1
    axes = 1 if source in (OPAQUE, ARRAY) else 2
    if not mono:
        channels = reader.uint()
        axes = reader.take(1)[0] if source == ARRAY else 2
    if axes not in (1, 2) or channels > MOST_CHANNELS or frames * max(channels, 1) >= 1 << 48:
        raise FormatError("its shape makes no sense")
    if axes == 1 and channels != 1:
        raise FormatError("its shape makes no sense")
    if source == OPAQUE and (DTYPES[kind], axes) != ("uint8", 1):
        raise FormatError("its dtype is not that of bytes")
    prefix = suffix = b""
    if source == WAV_AND_MORE:
        prefix, suffix = (_inflate(reader.prefixed()) for _ in range(2))
    names: list[str] = []
    coded = False
    while not coded:
        if len(names) == MOST_STAGES:
            raise FormatError("it names more stages than a codec has")
        wire = bytearray()
        while not wire or wire[-1] < 0x80:
            wire += reader.take(1)
            if len(wire) > _LONGEST_NAME:
                raise FormatError("the name of a stage in it is too long")
        wire[-1] &= 0x7F
        stage = registry.find_wire(wire.decode("ascii", "replace"))
        names.append(stage.name)
        coded = issubclass(stage, Coder)
    return Header(source, DTYPES[kind], rate, frames, channels, axes, prefix, suffix, "|".join(names), checksum,
                  blob[reader.at :])  # fmt: skip


def _put_rate(rate: float | None) -> bytes:
    if rate in RATES:
        return put_uint(RATES.index(rate))
    if rate is not None and rate == int(rate) >= 0:
        return int(rate).to_bytes(2, "little") if rate < 1 << 16 else put_uint(int(rate) + _WHOLE_RATE)
    return put_uint(_OTHER_RATE) + struct.pack("<d", float("nan") if rate is None else rate)


def _take_rate(reader: Reader, of_wav: bool) -> float | None:
    code = reader.uint()
    if code >= _WHOLE_RATE:
        return code - _WHOLE_RATE
    if code == _OTHER_RATE:
        if of_wav:
            raise FormatError("its sampling rate makes no sense for a WAV file, whose rate is a whole number")
        (rate,) = struct.unpack("<d", reader.take(8))
        if rate != rate:
            return None
        if not 0 <= rate < float("inf"):
            raise FormatError(f"its sampling rate of {rate} Hz makes no sense")
        return float(rate)
    if code >= len(RATES):
        raise FormatError("its sampling rate is not known")
    return RATES[code]


def _inflate(data: bytes) -> bytes:
    """Inflate the bytes around the samples of a WAV file."""
    inflater = zlib.decompressobj()
    try:
        out = inflater.decompress(data, MOST_AROUND + 1)
    except zlib.error as error:
        raise FormatError(f"the bytes around its samples are damaged: {error}") from error
    if not inflater.eof or inflater.unused_data or len(out) > MOST_AROUND:
        raise FormatError("the bytes around its samples are damaged")
    return out
