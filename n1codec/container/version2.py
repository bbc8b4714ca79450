"""Format version 2 of the .n1c file: streams cut into chunks, and every byte of their source (docs/format.md).

A file is ``N1C``, the byte 2, and sections. A section is a tag of one letter, a uint length, so many bytes, and the
CRC-32 of all of these. The sections are, in this order::

    H  head: what the source is made of, its streams, their channels and codecs
    B  bytes of a file of the source that are no samples: what stands before them, or behind them
    M  a model that chunks behind it refer to
    C  a chunk of some channels of one stream, decodable by itself and its model
    I  index: which sections there are, how many frames, and the checksums of the files of the source

The last 17 bytes say where the index is. Who appends writes more chunks behind them, another index that refers to the
one before, and other last bytes: what is written is never changed. Without the last bytes all of it can still be found
by going from section to section. There is no byte between the sections, and so none that no checksum covers.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from n1codec.codec import CodecError, FormatError
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
SHORTEST = 6
"""Bytes of the shortest section: a tag, a length and a checksum."""

# What a reader takes at most, so that a short file cannot make it prepare for a long one.
MOST_STREAMS = 1 << 16
MOST_FILES = 1 << 16
MOST_HEAD = 1 << 24
"""Bytes of the fields of a head, and of its metadata."""
MOST_BYTES = 1 << 22
"""Bytes of a file in one section, so that neither side needs more memory than that."""
MOST_CHUNK = 1 << 28
"""Bytes of samples of all chunks of a stream over the same frames."""


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
    behind: int
    """1: they stand behind the samples; 0: before them, or there are none."""
    offset: int
    length: int


class Index(NamedTuple):
    sections: tuple[Chunk | Model | Bytes, ...]
    """Those since the index before, one behind the other."""
    frames: tuple[int, ...]
    """Of each stream, in the whole file."""
    checksums: tuple[int, ...]
    """CRC-32 of each file of the source."""


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
    if tag not in SECTIONS and not may_be_skipped(tag):
        raise FormatError(f"it has a section of an unknown kind ({tag})")
    size = reader.uint()
    start, end = reader.at, reader.at + size
    if end + 4 > len(data):
        raise FormatError("it is truncated")
    if zlib.crc32(data[:end]) != struct.unpack_from("<I", data, end)[0]:
        raise FormatError("a section in it is damaged: its checksum does not match")
    return tag, data[start:end], end + 4


def may_be_skipped(tag: int) -> bool:
    """Return whether a reader that does not know a kind of section goes on without it: its tag is a small letter."""
    return ord("a") <= tag <= ord("z")


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

    Raises:
        CodecError: there is more of it than a reader takes.
    """
    most = max(len(head.streams) - MOST_STREAMS, len(head.files) - MOST_FILES)
    if most > 0 or sum(stream.channels for stream in head.streams) > MOST_CHANNELS:
        raise CodecError("it has more streams, files or channels than a .n1c file can hold")
    _check_files(head.streams, head.files)
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
    text = json.dumps(about, separators=(",", ":")).encode() if any(about) else b""
    if max(len(body), len(text)) > MOST_HEAD:
        raise CodecError("the names of its files or channels are longer than a .n1c file can hold")
    return section(HEAD, zlib.compress(bytes(body), 9), zlib.compress(text, 9) if text else b"")


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
    if flags > 3:
        raise _unknown()
    if count > MOST_STREAMS:
        raise FormatError("it has more streams than a source has")
    streams: list[Stream] = []
    left = MOST_CHANNELS
    for _ in range(count):
        stream, form = _decoded(reader.prefixed()), reader.take(1)[0]
        rate, channels, groups = take_rate(reader, whole=False), reader.uint(), []
        if form & 15 >= len(DTYPES):
            raise FormatError("its dtype is not known")
        if form > 63:
            raise _unknown()
        if channels > left or (form & 32 and channels != 1):
            raise FormatError("its shape makes no sense")
        left -= channels
        missing = channels
        for _ in range(reader.uint()):
            groups.append(Group(_take_channels(reader, missing), take_stages(reader)))
            missing -= len(groups[-1].channels)
        if missing or {channel for group in groups for channel in group.channels} != set(range(channels)):
            raise FormatError("its groups of channels make no sense")
        streams.append(Stream(stream, DTYPES[form & 15], rate, channels, tuple(groups), 2 - (form >> 5 & 1),
                              bool(form & 16)))  # fmt: skip
    if len({stream.name for stream in streams}) < count:
        raise FormatError("two of its streams have the same name")
    files: list[File] = []
    if (listed := reader.uint()) > MOST_FILES:
        raise FormatError("it has more files than a source has")
    for _ in range(listed):
        file, number = _decoded(reader.prefixed()), reader.uint() - 1
        if number < 0:
            files.append(File(file, -1))
            continue
        first, channels, form = reader.uint(), reader.uint(), reader.take(1)[0]
        if form & 15 >= len(DTYPES):
            raise FormatError("its dtype is not known")
        if form > 63:
            raise _unknown()
        shape = Form(DTYPES[form & 15], bool(form & 16), bool(form & 32))
        if number >= len(streams):
            raise FormatError("one of its files holds a stream that is not there")
        files.append(File(file, number, first, channels, shape))
    if reader.rest():
        raise FormatError("there are bytes after its head")
    _check_files(streams, files)
    about = _take_about(rest, count)
    return Head(name, bool(flags & 1), bool(flags & 2),
                tuple(stream._replace(about=one) for stream, one in zip(streams, about, strict=True)),
                tuple(files))  # fmt: skip


def _check_files(streams: Sequence[Stream], files: Sequence[File]) -> None:
    """Check that each channel of each stream is in one file, where there are files, and that each has another name.

    Raises:
        FormatError: it is not so.
    """
    if len({file.name for file in files}) < len(files):
        raise FormatError("it names a file twice")
    ends = [0] * len(streams)
    for file in sorted((file for file in files if file.stream >= 0), key=lambda file: file.first_channel):
        if file.first_channel != ends[file.stream] or not file.channels:
            raise FormatError("its files do not hold each channel once")
        ends[file.stream] += file.channels
        if file.form.dtype != Form(streams[file.stream].kind).dtype:
            raise FormatError("the dtypes of its files and of its streams differ")
    if files and ends != [stream.channels for stream in streams]:
        raise FormatError("its files do not hold each channel once")


def _unknown() -> FormatError:
    return FormatError("it says something that this program does not know (update n1codec)")


def _inflate_first(body: memoryview) -> tuple[bytes, bytes]:
    """Return what the zlib stream at the front holds, and the bytes behind it."""
    inflater = zlib.decompressobj()
    try:
        fields = inflater.decompress(body, MOST_HEAD)
    except zlib.error as error:
        raise FormatError(f"its head is damaged: {error}") from error
    if not inflater.eof:
        raise FormatError("its head is damaged")
    return fields, inflater.unused_data


def _take_about(data: bytes, count: int) -> list[dict[str, Any]]:
    """Return what a head says of the channels of each stream; nothing where it says nothing that can be read."""
    if data:
        try:
            about = json.loads(inflate(data, "its metadata", MOST_HEAD))
        except (ValueError, RecursionError) as error:
            raise FormatError("its metadata are damaged") from error
        if isinstance(about, list) and len(about) == count and all(isinstance(one, dict) for one in about):
            return about
        raise FormatError("its metadata make no sense")
    return [{} for _ in range(count)]


def _put_channels(channels: Sequence[int]) -> bytes:
    """Return numbers of channels as runs: how many runs, and of each the first channel and how many there are."""
    runs: list[list[int]] = []
    for channel in channels:
        if runs and channel == sum(runs[-1]):
            runs[-1][1] += 1
        else:
            runs.append([channel, 1])
    return put_uint(len(runs)) + b"".join(put_uint(first) + put_uint(length) for first, length in runs)


def _take_channels(reader: Reader, most: int) -> tuple[int, ...]:
    """Return the channels of a group, one at least and ``most`` at most."""
    channels: list[int] = []
    for _ in range(reader.uint()):
        first, length = reader.uint(), reader.uint()
        if not length or first + length > MOST_CHANNELS or len(channels) + length > most:
            raise FormatError("its groups of channels make no sense")
        channels += range(first, first + length)
    if not channels:
        raise FormatError("its groups of channels make no sense")
    return tuple(channels)


def _encoded(name: str) -> bytes:
    return name.encode("utf-8", "surrogateescape")


def _decoded(name: bytes) -> str:
    return name.decode("utf-8", "surrogateescape")


# -- bytes, models, chunks -------------------------------------------------------------------------------------------


def put_file_bytes(file: int, behind: int, data: Buffer) -> list[Buffer]:
    """Return the section of bytes of a file, MOST_BYTES at most."""
    packed = zlib.compress(data, 9)
    stored = len(packed) >= len(memoryview(data))
    return section(BYTES, put_uint(file) + bytes([behind, not stored]), data if stored else packed)


def take_file_bytes(body: memoryview) -> tuple[tuple[int, int], Buffer]:
    """Return the number of a file and whether its bytes stand behind its samples, and the bytes.

    Raises:
        FormatError: they are damaged, or too many.
    """
    reader = Reader(body)
    file, behind, packed = reader.uint(), reader.take(1)[0], reader.take(1)[0]
    data = body[reader.at :]
    if max(behind, packed) > 1:
        raise _unknown()
    if not packed and len(data) > MOST_BYTES:
        raise FormatError("a section in it is longer than one may be")
    return (file, behind), inflate(bytes(data), "bytes of its source", MOST_BYTES) if packed else data


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


def put_index(index: Index, previous: int = 0) -> list[Buffer]:
    """Return the section of an index.

    Args:
        previous: offset of the index before, 0 where this is the first.
    """
    body = bytearray(put_uint(len(index.sections)))
    for entry in index.sections:
        *fields, _, length = entry
        body.append({Chunk: CHUNK, Model: MODEL, Bytes: BYTES}[type(entry)])
        body += put_uint(length) + b"".join(map(put_uint, fields))
    body += b"".join(map(put_uint, index.frames)) + struct.pack(f"<{len(index.checksums)}I", *index.checksums)
    return section(INDEX, put_uint(previous), zlib.compress(bytes(body), 9))


def previous_index(body: memoryview) -> tuple[int, memoryview]:
    """Return the offset of the index before one, 0 for none, and the rest of what its section holds."""
    reader = Reader(body)
    return reader.uint(), body[reader.at :]


def take_index(rest: memoryview, head: Head, start: int, end: int) -> Index:
    """Return the index that a section holds.

    Args:
        rest: what :func:`previous_index` leaves.
        head: of the file.
        start, end: offsets between which its sections stand, without a gap.

    Raises:
        FormatError: it makes no sense.
    """
    streams, files = len(head.streams), len(head.files)
    # No entry is longer than twelve times its section, which must be there: the file backs what is read here.
    most = 10 + 12 * (end - start) + 10 * streams + 4 * files
    reader = Reader(inflate(bytes(rest), "its index", most))
    sections: list[Chunk | Model | Bytes] = []
    at = start
    for _ in range(reader.uint()):
        tag, offset, length = reader.take(1)[0], at, reader.uint()
        at += length
        if at > end or length < SHORTEST:
            raise FormatError("its index makes no sense: the sections that it names are not those that are there")
        if tag == CHUNK:
            stream, group, first, count, model = (reader.uint() for _ in range(5))
            if not count or stream >= streams or group >= len(head.streams[stream].groups):
                raise FormatError("its index makes no sense: it names a chunk of nothing")
            sections.append(Chunk(stream, group, first, count, model, offset, length))
        elif tag == MODEL:
            stream, group, number = (reader.uint() for _ in range(3))
            if not number or stream >= streams or group >= len(head.streams[stream].groups):
                raise FormatError("its index makes no sense: it names a model of nothing")
            sections.append(Model(stream, group, number, offset, length))
        elif tag == BYTES:
            some = Bytes(reader.uint(), reader.uint(), offset, length)
            if some.file >= files or some.behind > 1:
                raise FormatError("its index makes no sense: it names bytes of no file")
            sections.append(some)
        elif not may_be_skipped(tag):
            raise FormatError("its index makes no sense: it names a section of an unknown kind")
    if at != end:
        raise FormatError("its index makes no sense: the sections that it names are not those that are there")
    frames = tuple(reader.uint() for _ in range(streams))
    checksums = struct.unpack(f"<{files}I", reader.take(4 * files))
    if reader.rest():
        raise FormatError("there are bytes after its index")
    return Index(tuple(sections), frames, checksums)
