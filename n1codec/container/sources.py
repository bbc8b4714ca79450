"""The bytes of files to .n1c bytes and back.

A source is looked at through views: the samples of a WAV file that is mapped into memory are coded where they are, and
the decoded samples are written from where the codec put them. Neither way holds a second copy of the file.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from n1codec import registry
from n1codec.codec import FormatError
from n1codec.container.header import ARRAY, MOST_AROUND, OPAQUE, WAV, WAV_AND_MORE, Header, decoder, differs
from n1codec.container.version1 import assemble, read
from n1codec.pipeline import Pipeline, get_codec
from n1codec.recordings import UnknownFormat, wav
from n1codec.recordings.samples import Form

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer as Buffer

_PACKED_AT_A_TIME = 1 << 20
"""Frames whose bytes are put together at a time where the file's form of them is not the array's."""


class Source(NamedTuple):
    """The bytes of a file, ready to be encoded."""

    data: memoryview
    """The whole file."""
    samples: np.ndarray
    """What the codec is given: shape (frames, channels), or the file's bytes."""
    header: Header
    """All but the payload."""
    stages: Pipeline
    """The codec: the one that was asked for, or the one that stores bytes as they are."""
    stored: str
    """Why the file is stored as it is; empty where its samples are coded."""

    def seal(self, payload: bytes) -> list[Buffer]:
        """Return the .n1c bytes, in pieces, of a payload that ``stages`` made of ``samples``."""
        return assemble(self.header._replace(payload=payload), self.stages)


def open_source(data: Buffer, stages: Pipeline) -> Source:
    """Return a file's bytes ready to be encoded; what no reader understands is stored as it is, by whatever codec."""
    data = memoryview(data).cast("B")
    if stages.external:
        return _stored(data, stages, "")
    try:
        found = wav.read(data)
        if max(len(found.prefix), len(found.suffix)) > MOST_AROUND:
            raise UnknownFormat(f"more than {MOST_AROUND >> 20} MiB stand around its samples")
    except UnknownFormat as error:
        return _stored(data, get_codec(registry.STORED), str(error))
    kind = "int24" if found.bits == 24 else found.dtype.name
    source, before, after = (WAV_AND_MORE, found.prefix, found.suffix) if not found.canonical else (WAV, b"", b"")
    frames, channels = found.shape
    header = Header(source, kind, found.rate, frames, channels, 2, before, after, stages.spec, zlib.crc32(data), b"")
    return Source(data, found.samples, header, stages, "")


def _stored(data: memoryview, stages: Pipeline, why: str) -> Source:
    header = Header(OPAQUE, "uint8", None, len(data), 1, 1, b"", b"", stages.spec, zlib.crc32(data), b"")
    return Source(data, np.frombuffer(data, np.uint8), header, stages, why)


def encode_bytes(data: Buffer, stages: Pipeline) -> bytes:
    """Return .n1c bytes of a file's bytes; what no reader understands is stored as it is."""
    source = open_source(data, stages)
    return b"".join(source.seal(source.stages.encode(source.samples)))


def decode_bytes(blob: Buffer, given: Pipeline | None = None) -> bytes:
    """Return the bytes of the file that .n1c bytes hold.

    Args:
        given: the codec, where the file may not name it in full (see :func:`n1codec.container.header.decoder`).

    Raises:
        CodecError: ``given`` did not write it, or is needed.
        FormatError: the bytes are damaged, not .n1c, or hold an array that came from no file.
        UnavailableError: the codec that wrote them is not here.
    """
    header = read(blob)
    x = decoder(header, given).decode(header.payload, header.layout)
    return b"".join(restore(header, x))


def restore(header: Header, x: np.ndarray) -> Iterable[Buffer]:
    """Return the bytes of the file that a header was read for, in pieces, from its decoded samples.

    The pieces are checked as a whole before the first of them is given.

    Raises:
        FormatError: they are not the bytes that were encoded, or there was no file.
    """
    if header.source == ARRAY:
        raise FormatError("it holds an array, not a file (read it with n1codec.decode)")
    checksum = 0
    for piece in pieces(header, x):
        checksum = zlib.crc32(piece, checksum)
    if checksum != header.checksum:
        raise differs()
    return pieces(header, x)


def pieces(header: Header, x: np.ndarray) -> Iterator[Buffer]:
    """Yield the bytes of a source in order, unchecked: what stood before the samples, the samples, what came behind."""
    if header.source == WAV:
        yield wav.header(header.frames, header.channels, int(header.rate or 0), header.bits)
    else:
        yield header.prefix
    if header.kind == "int24":
        for start in range(0, len(x), _PACKED_AT_A_TIME):
            yield Form(header.kind).pack(x[start : start + _PACKED_AT_A_TIME])
    elif x.size:
        yield np.ascontiguousarray(x, x.dtype.newbyteorder("<")).reshape(-1).view(np.uint8).data
    yield header.suffix
