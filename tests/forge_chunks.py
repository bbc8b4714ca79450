"""Files of format version 2 with right checksums and any fields: what somebody who means harm would write."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, replace

from n1codec.container import DTYPES, RATES
from n1codec.varint import Reader, put_bytes, put_uint

HZ = put_uint(RATES.index(30000))
SAMPLES = struct.pack("<6h", 1, 2, 3, 4, 5, 6)
SOURCE = b"head" + SAMPLES + b"end"


def uints(*values: int) -> bytes:
    return b"".join(map(put_uint, values))


def stream(name: bytes = b"", form: int = DTYPES.index("int16"), rate: bytes = HZ, channels: int = 2,
           groups: bytes | None = None) -> bytes:  # fmt: skip
    """Return what a head says of a stream; without ``groups`` all channels are one, coded by copy."""
    return (
        put_bytes(name)
        + bytes([form])
        + rate
        + put_uint(channels)
        + (uints(1, 1, 0, channels) + b"\xe3" if groups is None else groups)
    )


def file(name: bytes = b"x.raw", number: int = 1, first: int = 0, channels: int = 2, form: int = 1) -> bytes:
    """Return what a head says of a file with samples, of stream ``number`` - 1."""
    return put_bytes(name) + uints(number, first, channels) + bytes([form])


def bare(name: bytes = b"x.txt") -> bytes:
    """Return what a head says of a file without samples."""
    return put_bytes(name) + b"\0"


def some(number: int, behind: int, data: bytes, packed: int = 0) -> tuple[bytes, bytes]:
    """Return tag and content of a section of bytes of a file."""
    return b"B", put_uint(number) + bytes([behind, packed]) + data


def model(stream: int = 0, group: int = 0, number: int = 1, data: bytes = b"model") -> tuple[bytes, bytes]:
    return b"M", uints(stream, group, number) + data


def chunk(stream: int = 0, group: int = 0, start: int = 0, frames: int = 3, model: int = 0, payload: bytes = SAMPLES,
          checksum: int | None = None) -> tuple[bytes, bytes]:  # fmt: skip
    checksum = zlib.crc32(payload) if checksum is None else checksum
    return b"C", uints(stream, group, start, frames, model) + struct.pack("<I", checksum) + payload


def section(tag: bytes, content: bytes) -> bytes:
    whole = tag + put_bytes(content)
    return whole + struct.pack("<I", zlib.crc32(whole))


def tail(index: int) -> bytes:
    start = b"T" + struct.pack("<Q", index)
    return start + struct.pack("<I", zlib.crc32(start)) + b"2C1N"


def entry(tag: bytes, content: bytes, length: int | None = None, fields: bytes | None = None) -> bytes:
    """Return what an index says of a section; what is not given is the truth."""
    if fields is None:
        reader = Reader(content)
        fields = uints(*(reader.uint() for _ in range({b"C": 5, b"M": 3, b"B": 2}.get(tag, 0))))
    return tag + put_uint(len(section(tag, content)) if length is None else length) + fields


@dataclass(frozen=True)
class Chunked:
    """The fields of a file as they are written; those that are bytes may be anything.

    The defaults are those of a file ``x.raw`` of 3 frames of 2 channels of int16, with bytes before and behind them.
    """

    flags: int = 0
    streams: tuple[bytes, ...] = (stream(),)
    stream_count: int | None = None
    files: tuple[bytes, ...] = (file(),)
    file_count: int | None = None
    more_head: bytes = b""
    metadata: bytes = b""
    head: bytes | None = None
    """The content of its section, in place of all fields above."""
    sections: tuple[tuple[bytes, bytes], ...] = (some(0, 0, b"head"), chunk(), some(0, 1, b"end"))
    entries: tuple[bytes, ...] | None = None
    entry_count: int | None = None
    frames: bytes = put_uint(3)
    checksums: bytes = struct.pack("<I", zlib.crc32(SOURCE))
    more_index: bytes = b""
    previous: int = 0
    index: bytes | None = None
    """What stands behind ``previous`` in its section, in place of the fields above."""
    between: bytes = b""
    """Bytes before the index that are no section."""
    index_at: int | None = None

    def bytes(self) -> bytes:
        head = self.head
        if head is None:
            head = bytes([self.flags]) + put_bytes(b"x.raw")
            head += put_uint(len(self.streams) if self.stream_count is None else self.stream_count)
            head += b"".join(self.streams)
            head += put_uint(len(self.files) if self.file_count is None else self.file_count) + b"".join(self.files)
            head = zlib.compress(head + self.more_head) + self.metadata
        blob = b"N1C\x02" + section(b"H", head)
        blob += b"".join(section(*one) for one in self.sections) + self.between
        index = self.index
        if index is None:
            entries = tuple(entry(*one) for one in self.sections) if self.entries is None else self.entries
            index = put_uint(len(entries) if self.entry_count is None else self.entry_count) + b"".join(entries)
            index = zlib.compress(index + self.frames + self.checksums + self.more_index)
        at = len(blob) if self.index_at is None else self.index_at
        return blob + section(b"I", put_uint(self.previous) + index) + tail(at)

    def but(self, **fields: object) -> Chunked:
        return replace(self, **fields)  # type: ignore[arg-type]


FILE = Chunked()
ARRAY = Chunked(files=(), checksums=b"", sections=(chunk(),))
"""Samples that came from no file."""


def written_on(first: bytes, second: Chunked) -> bytes:
    """Return a file with the sections, the index and the tail of a second one, whose head is the same, behind it."""
    whole = second.bytes()
    behind_head = 5 + len(put_bytes(Reader(whole[5:]).prefixed())) + 4
    sections = b"".join(section(*one) for one in second.sections)
    return first + whole[behind_head : -len(tail(0))] + tail(len(first) + len(sections + second.between))


def index_of(blob: bytes) -> int:
    """Return the offset of the index that the last bytes of a file name."""
    return int(struct.unpack_from("<Q", blob, len(blob) - 16)[0])
