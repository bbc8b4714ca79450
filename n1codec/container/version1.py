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

from n1codec.codec import FormatError
from n1codec.container.fields import inflate, put_rate, put_stages, take_rate, take_stages
from n1codec.container.header import (
    ARRAY,
    DTYPES,
    MAGIC,
    MOST_AROUND,
    MOST_CHANNELS,
    OPAQUE,
    WAV_AND_MORE,
    Header,
)
from n1codec.pipeline import Pipeline
from n1codec.varint import Reader, put_bytes, put_uint

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer as Buffer

VERSION = 1


def assemble(header: Header, stages: Pipeline) -> list[Buffer]:
    """Return the bytes of a .n1c file, in two pieces: what stands before the payload, and the payload."""
    mono = header.channels == 1 and header.axes == (1 if header.source in (ARRAY, OPAQUE) else 2)
    body = bytearray(struct.pack("<I", header.checksum))
    rate = b"" if header.source == OPAQUE else put_rate(header.rate, short=True)
    body.append(header.source | mono << 2 | DTYPES.index(header.kind) << 3 | (len(rate) == 2) << 7)
    body += rate
    body += put_uint(header.frames)
    if not mono:
        body += put_uint(header.channels)
        if header.source == ARRAY:
            body.append(header.axes)
    if header.source == WAV_AND_MORE:
        body += put_bytes(zlib.compress(header.prefix, 9)) + put_bytes(zlib.compress(header.suffix, 9))
    body += put_stages(stages)
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
        raise FormatError(f"it has format version {blob[3]}, this program reads 1 and 2 (update n1codec)")
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
        rate = int.from_bytes(reader.take(2), "little") if short_rate else take_rate(reader, whole=source != ARRAY)
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
        prefix, suffix = (inflate(reader.prefixed(), "the bytes around its samples", MOST_AROUND) for _ in range(2))
    spec = take_stages(reader)
    return Header(source, DTYPES[kind], rate, frames, channels, axes, prefix, suffix, spec, checksum,
                  blob[reader.at :])  # fmt: skip
