"""Format version 2 of the .n1c file: streams cut into chunks, and every byte of their source (docs/format.md).

A file is ``N1C``, the byte 2, and sections. A section is a tag of one letter, a uint length, so many bytes, and the
CRC-32 of all of these. The sections are, in this order::

    H  head: what the source is made of, its streams, their channels and codecs
    B  bytes of a file of the source that are no samples: what stands before them
    M  a model that chunks behind it refer to
    C  a chunk of some channels of one stream, decodable by itself and its model
    I  index: where all these are, how many frames there are, and what ends the files of the source

The last 17 bytes say where the index is. Who appends writes more chunks behind them, another index that refers to the
one before, and other last bytes: what is written is never changed. Without the last bytes all of it can still be found
by going from section to section.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from n1codec.codec import FormatError
from n1codec.container.fields import inflate, put_rate, put_stages, take_rate, take_stages
from n1codec.container.header import DTYPES, MAGIC, MOST_CHANNELS
from n1codec.pipeline import Pipeline
from n1codec.recordings.samples import Form
from n1codec.varint import Reader, put_bytes, put_uint

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer as Buffer

VERSION = 2
START = MAGIC + bytes([VERSION])
END = b"2C1N"
TAIL_SIZE = 17
HEAD, BYTES, MODEL, CHUNK, INDEX, TAIL = b"HBMCIT"
SECTIONS = bytes([HEAD, BYTES, MODEL, CHUNK, INDEX])
MOST_STREAMS = 1 << 16
_FLAT = 1 << 28
"""Bytes that a compressed field of a head or an index may have at most."""


class Group(NamedTuple):
    """Channels of a stream that are coded together."""

    channels: tuple[int, ...]
    spec: str
    """The names of the stages."""


class Stream(NamedTuple):
    """What a head says of a stream."""

    name: str
    kind: str
    """The dtype's name in DTYPES."""
    rate: float | None
    channels: int
    groups: tuple[Group, ...]
    axes: int = 2
    auxiliary: bool = False
    about: dict[str, Any] = {}
    """What it says of the channels: names, gains and so on; nothing that decoding needs."""


class File(NamedTuple):
    """What a head says of a file of the source."""

    name: str
    stream: int
    """Number of the stream whose samples it holds; -1 where it holds none."""
    first_channel: int = 0
    channels: int = 0
    form: Form = Form()


class Head(NamedTuple):
    name: str
    """Of the source."""
    folder: bool
    lossy: bool
    streams: tuple[Stream, ...]
    files: tuple[File, ...]
    """None of them where the samples came from no file."""


class Chunk(NamedTuple):
    """What the index says of a section of samples."""

    stream: int
    group: int
    start: int
    """The first frame."""
    frames: int
    model: int
    """Number of the model in its stream and group; 0 where the chunk needs none."""
    offset: int
    """Of the section in the file."""
    length: int
    """Of the section, all of it."""


class Model(NamedTuple):
    """What the index says of a section with a model."""

    stream: int
    group: int
    number: int
    """From 1 on."""
    offset: int
    length: int


class Bytes(NamedTuple):
    """What the index says of a section with bytes of a file."""

    file: int
    offset: int
    length: int


class Ending(NamedTuple):
    """What ends a file of the source."""

    checksum: int
    """CRC-32 of what stands before the samples and of the samples, in the order of the file."""
    suffix: Buffer = b""
    """What stands behind the samples."""


class Index(NamedTuple):
    previous: int
    """Offset of the index before, 0 where this is the first."""
    frames: tuple[int, ...]
    """Of each stream, in the whole file."""
    endings: tuple[Ending, ...]
    """Of each file of the source."""
    sections: tuple[Chunk | Model | Bytes, ...]
    """Those since the index before, in the order in which they stand."""


# -- sections --------------------------------------------------------------------------------------------------------


def section(tag: int, *pieces: Buffer) -> list[Buffer]:
    """Return a section in pieces."""
    start = bytes([tag]) + put_uint(sum(len(memoryview(piece)) for piece in pieces))
    checksum = zlib.crc32(start)
    for piece in pieces:
        checksum = zlib.crc32(piece, checksum)
    return [start, *pieces, struct.pack("<I", checksum)]


def open_section(data: memoryview) -> tuple[int, memoryview, int]:
    """Return the tag and the content of the section at the front of ``data``, and how long the section is.

    Raises:
        FormatError: it is cut off or damaged.
    """
    reader = Reader(data)
    tag = reader.take(1)[0]
    if tag not in SECTIONS:
        raise FormatError(f"it has a section of an unknown kind ({tag})")
    size = reader.uint()
    start, end = reader.at, reader.at + size
    if end + 4 > len(data):
        raise FormatError("it is truncated")
    if zlib.crc32(data[:end]) != struct.unpack_from("<I", data, end)[0]:
        raise FormatError("a section in it is damaged: its checksum does not match")
    return tag, data[start:end], end + 4


def tail(index: int) -> bytes:
    """Return the last bytes of a file whose index is at an offset."""
    start = bytes([TAIL]) + struct.pack("<Q", index)
    return start + struct.pack("<I", zlib.crc32(start)) + END


def open_tail(data: Buffer) -> int:
    """Return the offset of the index from the last bytes of a file.

    Raises:
        FormatError: they are not what a file ends with.
    """
    data = bytes(data)
    if len(data) != TAIL_SIZE or data[0] != TAIL or data[-4:] != END:
        raise FormatError("it is truncated (n1codec recover gives back what is whole)")
    if zlib.crc32(data[:9]) != struct.unpack_from("<I", data, 9)[0]:
        raise FormatError("its end is damaged (n1codec recover gives back what is whole)")
    return int(struct.unpack_from("<Q", data, 1)[0])


# -- head ------------------------------------------------------------------------------------------------------------


def put_head(head: Head, stages: Sequence[Sequence[Pipeline]]) -> list[Buffer]:
    """Return the section of a head.

    Args:
        stages: the codec of each group of each stream.
    """
    body = bytearray([head.folder | head.lossy << 1])
    body += put_bytes(_encoded(head.name)) + put_uint(len(head.streams))
    for stream, codecs in zip(head.streams, stages, strict=True):
        body += put_bytes(_encoded(stream.name))
        body.append(DTYPES.index(stream.kind) | stream.auxiliary << 4 | (stream.axes == 1) << 5)
        body += put_rate(stream.rate) + put_uint(stream.channels) + put_uint(len(stream.groups))
        for group, codec in zip(stream.groups, codecs, strict=True):
            body += _put_channels(group.channels) + put_stages(codec)
    body += put_uint(len(head.files))
    for file in head.files:
        body += put_bytes(_encoded(file.name)) + put_uint(file.stream + 1)
        if file.stream >= 0:
            body += put_uint(file.first_channel) + put_uint(file.channels)
            body.append(DTYPES.index(file.form.kind) | file.form.big_endian << 4 | file.form.channels_apart << 5)
    about = [stream.about for stream in head.streams]
    text = json.dumps(about, separators=(",", ":")) if any(about) else ""
    return section(HEAD, zlib.compress(bytes(body), 9), zlib.compress(text.encode(), 9) if text else b"")


def take_head(body: memoryview) -> Head:
    """Return the head that a section holds.

    Raises:
        FormatError: it makes no sense.
        UnavailableError: it needs a codec that is not here.
    """
    fields, rest = _inflate_first(body)
    reader = Reader(fields)
    flags = reader.take(1)[0]
    name, count = _decoded(reader.prefixed()), reader.uint()
    if count > MOST_STREAMS:
        raise FormatError("it has more streams than a source has")
    streams: list[Stream] = []
    for _ in range(count):
        stream, form = _decoded(reader.prefixed()), reader.take(1)[0]
        rate, channels, groups = take_rate(reader, whole=False), reader.uint(), []
        if form & 15 >= len(DTYPES):
            raise FormatError("its dtype is not known")
        if channels > MOST_CHANNELS:
            raise FormatError("its shape makes no sense")
        for _ in range(reader.uint()):
            groups.append(Group(_take_channels(reader), take_stages(reader)))
        listed = sorted(channel for group in groups for channel in group.channels)
        if listed != list(range(channels)) or (form & 32 and channels != 1):
            raise FormatError("its groups of channels make no sense")
        streams.append(Stream(stream, DTYPES[form & 15], rate, channels, tuple(groups), 2 - (form >> 5 & 1),
                              bool(form & 16)))  # fmt: skip
    files: list[File] = []
    for _ in range(reader.uint()):
        file, number = _decoded(reader.prefixed()), reader.uint() - 1
        if number < 0:
            files.append(File(file, -1))
            continue
        first, channels, form = reader.uint(), reader.uint(), reader.take(1)[0]
        if form & 15 >= len(DTYPES):
            raise FormatError("its dtype is not known")
        shape = Form(DTYPES[form & 15], bool(form & 16), bool(form & 32))
        if number >= len(streams) or first + channels > streams[number].channels or not channels:
            raise FormatError("its files make no sense")
        if shape.dtype != Form(streams[number].kind).dtype:
            raise FormatError("the dtypes of its files and of its streams differ")
        files.append(File(file, number, first, channels, shape))
    if reader.rest():
        raise FormatError("there are bytes after its head")
    about = _take_about(rest, count)
    return Head(name, bool(flags & 1), bool(flags & 2),
                tuple(stream._replace(about=one) for stream, one in zip(streams, about, strict=True)),
                tuple(files))  # fmt: skip


def _inflate_first(body: memoryview) -> tuple[bytes, bytes]:
    """Return what the zlib stream at the front holds, and the bytes behind it."""
    inflater = zlib.decompressobj()
    try:
        fields = inflater.decompress(body, _FLAT)
    except zlib.error as error:
        raise FormatError(f"its head is damaged: {error}") from error
    if not inflater.eof:
        raise FormatError("its head is damaged")
    return fields, inflater.unused_data


def _take_about(data: bytes, count: int) -> list[dict[str, Any]]:
    """Return what a head says of the channels of each stream; nothing where it says nothing that can be read."""
    if data:
        try:
            about = json.loads(inflate(data, "its metadata", _FLAT))
        except (ValueError, RecursionError) as error:
            raise FormatError("its metadata are damaged") from error
        if isinstance(about, list) and len(about) == count and all(isinstance(one, dict) for one in about):
            return about
        raise FormatError("its metadata make no sense")
    return [{} for _ in range(count)]


def _put_channels(channels: Sequence[int]) -> bytes:
    """Return numbers of channels as runs: how many runs, and of each how far behind the one before, and its length."""
    runs: list[list[int]] = []
    for channel in channels:
        if runs and channel == sum(runs[-1]):
            runs[-1][1] += 1
        else:
            runs.append([channel, 1])
    return put_uint(len(runs)) + b"".join(put_uint(first) + put_uint(length) for first, length in runs)


def _take_channels(reader: Reader) -> tuple[int, ...]:
    channels: list[int] = []
    for _ in range(reader.uint()):
        first, length = reader.uint(), reader.uint()
        if first + length > MOST_CHANNELS or len(channels) + length > MOST_CHANNELS:
            raise FormatError("its groups of channels make no sense")
        channels += range(first, first + length)
    return tuple(channels)


def _encoded(name: str) -> bytes:
    return name.encode("utf-8", "surrogateescape")


def _decoded(name: bytes) -> str:
    return name.decode("utf-8", "surrogateescape")


# -- bytes, models, chunks -------------------------------------------------------------------------------------------


def put_file_bytes(file: int, data: Buffer) -> list[Buffer]:
    """Return the section of bytes of a file."""
    packed = zlib.compress(data, 9)
    stored = len(packed) >= len(memoryview(data))
    return section(BYTES, put_uint(file) + bytes([not stored]), data if stored else packed)


def take_file_bytes(body: memoryview, most: int) -> tuple[int, Buffer]:
    """Return the number of a file, and ``most`` bytes of it at most."""
    reader = Reader(body)
    file, packed = reader.uint(), reader.take(1)[0]
    data = body[reader.at :]
    return file, inflate(bytes(data), "bytes of its source", most) if packed else data


def put_model(stream: int, group: int, number: int, data: Buffer) -> list[Buffer]:
    """Return the section of a model."""
    return section(MODEL, put_uint(stream) + put_uint(group) + put_uint(number), data)


def take_model(body: memoryview) -> tuple[tuple[int, int, int], memoryview]:
    """Return the stream, the group and the number of a model, and its bytes."""
    reader = Reader(body)
    key = reader.uint(), reader.uint(), reader.uint()
    return key, body[reader.at :]


def put_chunk(chunk: Chunk, checksum: int, payload: Buffer) -> list[Buffer]:
    """Return the section of a chunk; its offset and length are not in it.

    Args:
        checksum: CRC-32 of the samples, little-endian, the channels of a frame together.
    """
    head = b"".join(map(put_uint, chunk[:5]))
    return section(CHUNK, head + struct.pack("<I", checksum), payload)


def take_chunk(body: memoryview) -> tuple[Chunk, int, memoryview]:
    """Return what a chunk says of itself, the checksum of its samples, and its payload."""
    reader = Reader(body)
    stream, group, start, frames, model = (reader.uint() for _ in range(5))
    (checksum,) = struct.unpack("<I", reader.take(4))
    return Chunk(stream, group, start, frames, model, 0, 0), checksum, body[reader.at :]


# -- index -----------------------------------------------------------------------------------------------------------


def put_index(index: Index, streams: int, files: int) -> list[Buffer]:
    """Return the section of an index."""
    assert len(index.frames) == streams and len(index.endings) == files
    body = bytearray(put_uint(index.previous))
    for frames in index.frames:
        body += put_uint(frames)
    for ending in index.endings:
        body += struct.pack("<I", ending.checksum) + put_bytes(bytes(ending.suffix))
    body += put_uint(len(index.sections))
    end = 0
    for entry in index.sections:
        *fields, offset, length = entry
        body.append({Chunk: CHUNK, Model: MODEL, Bytes: BYTES}[type(entry)])
        body += put_uint(offset - end) + put_uint(length) + b"".join(map(put_uint, fields))
        end = offset + length
    return section(INDEX, zlib.compress(bytes(body), 9))


def take_index(body: memoryview, streams: int, files: int, size: int) -> Index:
    """Return the index that a section holds.

    Args:
        streams, files: how many the head has.
        size: of the file, which all sections must lie in.

    Raises:
        FormatError: it makes no sense.
    """
    reader = Reader(inflate(bytes(body), "its index", _FLAT))
    previous = reader.uint()
    frames = tuple(reader.uint() for _ in range(streams))
    endings = tuple(Ending(struct.unpack("<I", reader.take(4))[0], reader.prefixed()) for _ in range(files))
    sections: list[Chunk | Model | Bytes] = []
    end = 0
    for _ in range(reader.uint()):
        tag = reader.take(1)[0]
        offset = end + reader.uint()
        end = offset + reader.uint()
        if end > size:
            raise FormatError("its index points beyond its end")
        if tag == CHUNK:
            stream, group, start, count, model = (reader.uint() for _ in range(5))
            if stream >= streams or not count:
                raise FormatError("its index makes no sense")
            sections.append(Chunk(stream, group, start, count, model, offset, end - offset))
        elif tag == MODEL:
            sections.append(Model(reader.uint(), reader.uint(), reader.uint(), offset, end - offset))
        elif tag == BYTES:
            sections.append(Bytes(reader.uint(), offset, end - offset))
        else:
            raise FormatError("its index makes no sense")
    if reader.rest():
        raise FormatError("there are bytes after its index")
    if max(frames, default=0) >= 1 << 47:
        raise FormatError("its shape makes no sense")
    return Index(previous, frames, endings, tuple(sections))
