"""A .n1c file of either version, read chunk by chunk, and the recordings in it."""

from __future__ import annotations

import zlib
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from n1codec import registry
from n1codec.codec import CodecError, FormatError, Layout
from n1codec.container import version1, version2
from n1codec.container.access import Access
from n1codec.container.header import ARRAY, MAGIC, OPAQUE, WAV, Header, decoder
from n1codec.container.models import Kept
from n1codec.container.version2 import Bytes, Chunk, File, Group, Head, Index, Model, Stream
from n1codec.pipeline import Pipeline, get_codec
from n1codec.recordings import wav
from n1codec.recordings.recording import Channels, Recording, channel_numbers, columns
from n1codec.recordings.samples import Form

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer as Buffer

_CACHED = 64 << 20
"""Bytes of decoded chunks that an archive keeps for whoever reads on where he stopped."""


class Span(NamedTuple):
    """The chunks of all groups of a stream over the same frames."""

    start: int
    frames: int
    chunks: tuple[Chunk, ...]
    """By group."""


class Archive:
    """What is in a .n1c file: its head, its chunks, the bytes of its source that are no samples.

    Args:
        access: the file.
        given: the codec of a file that somebody else's program wrote.

    Raises:
        FormatError: it is no .n1c file, or damaged.
        UnavailableError: it needs a codec that is not here.
    """

    def __init__(self, access: Access, given: Pipeline | None = None) -> None:
        self.access, self._given = access, given
        self.old: Header | None = None
        """The header of a file of version 1."""
        start = bytes(access.at(0, min(access.size, 4)))
        if start == version2.START:
            self.version = version2.VERSION
            self._read_index()
        else:
            self.version = version1.VERSION
            self.old = version1.read(access.at(0, access.size))
            self._read_old(self.old)
            self.last_index = 0
        self._check_spans()
        self._kept = Kept(4 * max(1, sum(len(stream.groups) for stream in self.head.streams)))

    # -- reading what a file says of itself --------------------------------------------------------------------------

    def _read_index(self) -> None:
        size = self.access.size
        if size < len(version2.START) + version2.TAIL_SIZE:
            raise FormatError("it is truncated")
        self.last_index = version2.open_tail(self.access.at(size - version2.TAIL_SIZE, version2.TAIL_SIZE))
        self.head, behind_head = read_head(self.access)
        self.chunks: list[Chunk] = []
        self.models: dict[tuple[int, int, int], Model] = {}
        self._bytes: dict[tuple[int, int], list[Bytes]] = {}
        indexes = self._indexes(behind_head, size - version2.TAIL_SIZE)
        for entry in (entry for index in reversed(indexes) for entry in index.sections):
            if isinstance(entry, Chunk):
                self.chunks.append(entry)
                if entry.model and (entry.stream, entry.group, entry.model) not in self.models:
                    raise FormatError("a chunk in it needs a model that is not there")
            elif isinstance(entry, Model):
                if self.models.setdefault(entry[:3], entry) is not entry:
                    raise FormatError("it has the same model twice")
            else:
                self._bytes.setdefault(entry[:2], []).append(entry)
        self.frames, self.checksums = indexes[0].frames, indexes[0].checksums

    def _indexes(self, behind_head: int, end: int) -> list[Index]:
        """Return the index, those before it behind it.

        Args:
            behind_head, end: where the section behind the head begins, and the last one ends.
        """
        found: list[Index] = []
        at = self.last_index
        while True:
            body = self._section(version2.INDEX, at, end - at, "its index")
            previous, rest = version2.previous_index(body)
            start = behind_head
            if previous:
                if not behind_head <= previous < at:
                    raise FormatError("its index makes no sense: it names one before it that is not there")
                end = previous + self._length_of_section(previous, at)
                start = end + version2.TAIL_SIZE
                if start > at or version2.open_tail(self.access.at(end, version2.TAIL_SIZE)) != previous:
                    raise FormatError("its index makes no sense: it names one before it that is not there")
            if start > at:
                raise FormatError("its index is not where it should be")
            found.append(version2.take_index(rest, self.head, start, at))
            if not previous:
                return found
            at = previous

    def _read_old(self, header: Header) -> None:
        """Describe a file of version 1 as one of version 2 with one chunk."""
        kind = "uint8" if header.source == OPAQUE else header.kind
        groups = (Group(tuple(range(header.channels)), header.spec),)
        stream = Stream("", kind, header.rate, header.channels, groups, header.axes, header.source == OPAQUE)
        file = File("", 0, 0, header.channels, Form(kind))
        lossy = any(not registry.find(name).lossless for name in header.spec.split("|"))
        self.head = Head("", False, lossy, (stream,), () if header.source == ARRAY else (file,))
        self.models, self._bytes = {}, {}
        self.chunks = [Chunk(0, 0, 0, header.frames, 0, 0, self.access.size)]
        self.frames = (header.frames,)
        self.checksums = (header.checksum,) if self.head.files else ()

    def _section(self, tag: int, offset: int, length: int, what: str) -> memoryview:
        if length <= 0:
            raise FormatError(f"{what} is not where it should be")
        found, body, size = version2.open_section(self.access.at(offset, length))
        if found != tag or size != length:
            raise FormatError(f"{what} is not where it should be")
        return body

    def _length_of_section(self, offset: int, most: int) -> int:
        reader = version2.Reader(self.access.at(offset, min(16, most - offset)))
        reader.take(1)
        return reader.uint() + reader.at + 4

    def _check_spans(self) -> None:
        """Bring the chunks of each stream together over the same frames.

        Raises:
            FormatError: they do not make up all frames, each group once.
        """
        self.spans: list[list[Span]] = []
        by_stream: list[dict[int, dict[int, Chunk]]] = [{} for _ in self.head.streams]
        for chunk in self.chunks:
            if by_stream[chunk.stream].setdefault(chunk.start, {}).setdefault(chunk.group, chunk) is not chunk:
                raise FormatError("it has the same chunk twice")
        for stream, starts, frames in zip(self.head.streams, by_stream, self.frames, strict=True):
            spans, at = [], 0
            for start, groups in sorted(starts.items()):
                lengths = {chunk.frames for chunk in groups.values()}
                if start != at or len(lengths) != 1 or sorted(groups) != list(range(len(stream.groups))):
                    raise FormatError("its chunks do not make up a recording")
                spans.append(Span(start, lengths.pop(), tuple(groups[g] for g in range(len(groups)))))
                at += spans[-1].frames
                size = spans[-1].frames * stream.channels * Form(stream.kind).dtype.itemsize
                if size > version2.MOST_CHUNK and not self.old:
                    raise FormatError("a chunk in it is longer than one may be")
            if at != frames:
                raise FormatError("its chunks do not make up a recording")
            self.spans.append(spans)

    # -- samples -----------------------------------------------------------------------------------------------------

    def pipeline(self, stream: int, group: int) -> Pipeline:
        """Return the codec of a group of channels."""
        if self.old:
            return decoder(self.old, self._given)
        return get_codec(self.head.streams[stream].groups[group].spec)

    @property
    def loss(self) -> str:
        """Say that what comes back is not what was given; empty where it is."""
        if not self.head.lossy:
            return ""
        specs = dict.fromkeys(group.spec for stream in self.head.streams for group in stream.groups)
        return f"it is near what was encoded, not the same ({' and '.join(specs)})"

    def dtype(self, stream: int) -> np.dtype[Any]:
        return Form(self.head.streams[stream].kind).dtype

    def payload(self, chunk: Chunk) -> tuple[int | None, Buffer, Layout]:
        """Return the checksum of the samples of a chunk, its payload, and the layout of its samples.

        There is no checksum where that of the source is enough.

        Raises:
            FormatError: it is damaged.
        """
        if self.old:
            return None, self.old.payload, self.old.layout
        body = self._section(version2.CHUNK, chunk.offset, chunk.length, "a chunk in it")
        said, checksum, payload = version2.take_chunk(body)
        if said[:5] != chunk[:5]:
            raise FormatError("a chunk in it is not the one that its index promises")
        stream = self.head.streams[chunk.stream]
        shape = (chunk.frames, len(stream.groups[chunk.group].channels))
        return checksum, payload, Layout(shape[: stream.axes], self.dtype(chunk.stream))

    def model(self, chunk: Chunk) -> bytes | None:
        """Return the model that a chunk was coded with; None where its payload is all that decoding needs.

        Raises:
            FormatError: it is damaged, or the codec of the chunk has no models, or needs one that the chunk lacks.
        """
        if self.old:
            return None
        if self.pipeline(chunk.stream, chunk.group).model_coder is None:
            if chunk.model:
                raise FormatError("a chunk in it names a model, which its codec does not have")
            return None
        if not chunk.model:
            raise FormatError("a chunk in it names no model, which its codec needs")
        entry = self.models[chunk.stream, chunk.group, chunk.model]
        return self._kept.get(entry, lambda: self._read_model(entry, chunk))

    def _read_model(self, entry: Model, chunk: Chunk) -> bytes:
        try:
            body = self._section(version2.MODEL, entry.offset, entry.length, "a model in it")
        except FormatError as error:
            advice = "n1codec recover gives back what is before it"
            raise FormatError(f"the model of its chunk at frame {chunk.start} is damaged ({advice})") from error
        said, model = version2.take_model(body)
        if said != entry[:3]:
            raise FormatError("a model in it is not the one that its index promises")
        return bytes(model)

    def decode(self, chunk: Chunk) -> np.ndarray:
        """Return the samples of a chunk, shape (frames, channels of its group).

        Raises:
            FormatError: it is damaged.
        """
        checksum, payload, layout = self.payload(chunk)
        x = self.pipeline(chunk.stream, chunk.group).decode(payload, layout, self.model(chunk))
        return self.checked(chunk, x, checksum)

    def checked(self, chunk: Chunk, x: np.ndarray, checksum: int | None) -> np.ndarray:
        """Return decoded samples with two axes, if they are those that were encoded."""
        if checksum is not None and checksum_of(x) != checksum:
            raise FormatError(f"the chunk of it at frame {chunk.start} decodes to something else than was encoded")
        return x.reshape(chunk.frames, len(self.head.streams[chunk.stream].groups[chunk.group].channels))

    # -- bytes of the source -----------------------------------------------------------------------------------------

    def prefix(self, file: int) -> Iterator[Buffer]:
        """Yield the bytes of a file of the source that stand before its samples, or all where it has none.

        Raises:
            FormatError: they are damaged.
        """
        if self.old:
            header = self.old
            if header.source == WAV:
                yield wav.header(header.frames, header.channels, int(header.rate or 0), header.bits)
            else:
                yield header.prefix
            return
        yield from self._literal(file, 0)

    def suffix(self, file: int) -> Iterator[Buffer]:
        """Yield the bytes of a file of the source that stand behind its samples.

        Raises:
            FormatError: they are damaged.
        """
        if self.old:
            yield self.old.suffix
            return
        yield from self._literal(file, 1)

    def around(self, file: int) -> int:
        """Return how many bytes of a file of the source are no samples."""
        return sum(memoryview(data).nbytes for part in (self.prefix, self.suffix) for data in part(file))

    def _literal(self, file: int, behind: int) -> Iterator[Buffer]:
        for entry in self._bytes.get((file, behind), ()):
            body = self._section(version2.BYTES, entry.offset, entry.length, "a section in it")
            said, data = version2.take_file_bytes(body)
            if said != (file, behind):
                raise FormatError("a section in it is not the one that its index promises")
            yield data

    # -- recordings --------------------------------------------------------------------------------------------------

    @cached_property
    def streams(self) -> Mapping[str, Stored]:
        """The recordings, by name."""
        return {stream.name: Stored(self, number) for number, stream in enumerate(self.head.streams)}


def checksum_of(x: np.ndarray) -> int:
    """Return the CRC-32 of samples as little-endian bytes, the last axis fastest."""
    little = np.ascontiguousarray(x, x.dtype.newbyteorder("<"))
    return zlib.crc32(little.reshape(-1).view(np.uint8).data) if x.size else 0


def read_head(access: Access) -> tuple[Head, int]:
    """Return the head of a file of version 2, and where the next section begins.

    Raises:
        FormatError: it is no such file, or damaged.
        UnavailableError: it needs a codec that is not here.
    """
    start = len(version2.START)
    if bytes(access.at(0, min(start, access.size))) != version2.START:
        raise FormatError("it is not a .n1c file of version 2")
    near = access.at(start, min(1 << 12, access.size - start))
    reader = version2.Reader(near)
    reader.take(1)
    length = reader.uint() + reader.at + 4
    tag, body, end = version2.open_section(near if length <= len(near) else access.at(start, length))
    if tag != version2.HEAD:
        raise FormatError("it has no head")
    return version2.take_head(body), start + end


class Stored(Recording):
    """A recording in a .n1c file; only the chunks that hold what is asked for are decoded.

    It may be used by several threads, and goes to other processes as the name of its file.
    """

    def __init__(self, archive: Archive, number: int) -> None:
        self.archive, self.number = archive, number
        self.threads = 1
        """How many chunks are decoded at the same time."""
        self.origin: tuple[Any, ...] = ()
        """What opens it again: arguments of :func:`n1codec.open`."""
        stream = archive.head.streams[number]
        self.name, self.stream, self.auxiliary = archive.head.name, stream.name, stream.auxiliary
        self.rate, self.channels, self.frames = stream.rate or 0.0, stream.channels, archive.frames[number]
        self.dtype, self.bits = archive.dtype(number), Form(stream.kind).bits
        about = _About(stream)
        self.channel_names = about.names()
        self.gains, self.offsets = about.numbers("gains"), about.numbers("offsets")
        self.geometry = about.numbers("geometry", 2)
        converters = about.numbers("converters")
        whole = converters is not None and np.all((converters % 1 == 0) & (np.abs(converters) < 1 << 53))
        self.converters = converters.astype(np.int64) if converters is not None and whole else None
        self.sync = about.channels("sync")
        self._starts = [span.start for span in archive.spans[number]]
        self._cache: OrderedDict[tuple[int, int], np.ndarray] = OrderedDict()
        self._lock = Lock()

    @property
    def chunks(self) -> list[tuple[int, int]]:
        """(first frame, frame behind the last) of each stretch that is decoded as a whole."""
        return [(span.start, span.start + span.frames) for span in self.archive.spans[self.number]]

    def __reduce__(self) -> tuple[Any, ...]:
        if not self.origin:
            raise CodecError(
                "a recording that was opened from a file object cannot go to another process (open a path)"
            )
        from n1codec.container import open as open_again

        return open_again, self.origin

    def _frames(self, start: int, stop: int) -> np.ndarray:
        return self._decoded(start, stop, range(self.channels))

    def read(self, start: int = 0, stop: int | None = None, channels: Channels = None) -> np.ndarray:
        start, stop, _ = slice(start, stop).indices(self.frames)
        wanted = channel_numbers(channels, self.channels)
        return np.require(self._decoded(start, max(start, stop), wanted), self.dtype, ["C", "A"])

    def _decoded(self, start: int, stop: int, wanted: Any) -> np.ndarray:
        """Return samples of some channels, shape (frames, channels wanted)."""
        if start == stop or not len(wanted):
            return np.empty((stop - start, len(wanted)), self.dtype)
        spans = self.archive.spans[self.number]
        first = bisect_right(self._starts, start) - 1
        last = bisect_right(self._starts, stop - 1)
        work: list[tuple[Span, int]] = []
        for span in spans[first:last]:
            for group, one in enumerate(self.archive.head.streams[self.number].groups):
                if np.isin(one.channels, wanted).any():
                    work.append((span, group))
        self._chunk(*work[0])  # a file that was forged fails here, before it is believed how much there is
        x = np.empty((stop - start, len(wanted)), self.dtype)

        def fill(item: tuple[Span, int]) -> None:
            span, group = item
            decoded = self._chunk(span, group)
            place = np.full(self.channels, -1)
            numbers = np.asarray(self.archive.head.streams[self.number].groups[group].channels)
            place[numbers] = np.arange(len(numbers))
            found = np.flatnonzero(place[wanted] >= 0)
            a, b = max(start, span.start), min(stop, span.start + span.frames)
            part = decoded[a - span.start : b - span.start]
            x[a - start : b - start, columns(found)] = part[:, columns(place[np.asarray(wanted)[found]])]

        if self.threads > 1 and len(work) > 1:
            from concurrent.futures import ThreadPoolExecutor

            with ThreadPoolExecutor(min(self.threads, len(work))) as pool:
                for _ in pool.map(fill, work):
                    pass
        else:
            for item in work:
                fill(item)
        return x

    def _chunk(self, span: Span, group: int) -> np.ndarray:
        key = span.start, group
        with self._lock:
            if key in self._cache:
                self._cache.move_to_end(key)
                return self._cache[key]
        try:
            x = self.archive.decode(span.chunks[group])
        except CodecError as error:
            raise type(error)(f"{self.place.path}: {error}" if self.place else str(error)) from error
        with self._lock:
            self._cache[key] = x
            while len(self._cache) > 1 and sum(one.nbytes for one in self._cache.values()) > _CACHED:
                self._cache.popitem(last=False)
        return x

    def release(self) -> None:
        with self._lock:
            self._cache.clear()


class _About:
    """What a head says of the channels of a stream, as far as it makes sense; nobody needs it to decode."""

    def __init__(self, stream: Stream) -> None:
        self.about, self.count = stream.about, stream.channels

    def names(self) -> tuple[str, ...]:
        found = self.about.get("channel_names")
        if isinstance(found, list) and len(found) == self.count and all(isinstance(name, str) for name in found):
            return tuple(found)
        return tuple(map(str, range(self.count)))

    def numbers(self, key: str, columns: int = 0) -> np.ndarray | None:
        """Return one number, or ``columns`` of them, for each channel; one number alone stands for all."""
        found = self.about.get(key)
        if found is None:
            return None
        shape = (self.count, columns) if columns else (self.count,)
        try:
            return np.array(np.broadcast_to(np.asarray(found, np.float64), shape))
        except (TypeError, ValueError, OverflowError):
            return None

    def channels(self, key: str) -> tuple[int, ...]:
        found = self.about.get(key)
        if isinstance(found, list) and all(isinstance(one, int) and 0 <= one < self.count for one in found):
            return tuple(found)
        return ()


def is_packed(start: bytes) -> bool:
    """Return whether the first bytes of a file are those of a .n1c file."""
    return start[:3] == MAGIC


def about(recording: Recording) -> dict[str, Any]:
    """Return what a head says of the channels of a recording."""
    said: dict[str, Any] = {}
    if recording.channel_names != tuple(map(str, range(recording.channels))):
        said["channel_names"] = list(recording.channel_names)
    for key in ("gains", "offsets", "geometry", "converters"):
        numbers = getattr(recording, key)
        if numbers is not None:
            same = numbers.ndim == 1 and len(numbers) and np.all(numbers == numbers[0])
            plain = [_plain(value) for value in numbers.reshape(-1).tolist()]
            said[key] = plain[0] if same else np.array(plain, object).reshape(numbers.shape).tolist()
    if recording.sync:
        said["sync"] = list(recording.sync)
    return said


def _plain(value: float) -> float | int | None:
    """Return a number as JSON writes it shortest; what is no number becomes null."""
    if value != value or value in (float("inf"), float("-inf")):
        return None
    return int(value) if value == int(value) and abs(value) < 1 << 53 else value
