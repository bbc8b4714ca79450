"""A source ready to be encoded: which version of the format, which chunks, which codec for which channels."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from n1codec import files, n1_mapping, recordings, registry
from n1codec.codec import Coder, FileCoder, FormatError, Layout
from n1codec.container import version1, version2
from n1codec.container.archive import about, checksum_of
from n1codec.container.header import MOST_AROUND, OPAQUE, WAV, WAV_AND_MORE, Header
from n1codec.container.models import Kept, frames_of_model, looked_at
from n1codec.container.restoring import Restorer
from n1codec.container.version2 import MOST_CHUNK, Chunk, File, Group, Head, Stream
from n1codec.container.writer import Writer
from n1codec.pipeline import Pipeline, get_codec
from n1codec.recordings import Place, Recording, Source, SourceFile, UnknownFormat, flat, wav
from n1codec.recordings.samples import Form, Mapped

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer as Buffer

CHUNK_BYTES = 24 << 20
"""About how many bytes of samples a chunk has at most."""
_SHORTEST = 0.25
"""Seconds that a chunk has at least, however many channels there are."""
_BLOCK = 32
"""Channels that are coded together by a codec that codes each by itself: who reads one pays for so many."""

STORED = "zstd:level=9"
"""The codec of bytes that no reader understands, of whoever names none."""
FLOATS = "planes|zstd:level=9"
TIMES = "delta|zstd:level=9"
"""The codec of integers beside a recording, such as the numbers of its frames."""
_ZSTD, _ZLIB = "zstd:level=9", "zlib"
"""What is in these, and what takes its place where its library is not installed."""


class Piece(NamedTuple):
    """Samples that become one chunk."""

    stream: int
    group: int
    start: int
    stop: int


class Encoded(NamedTuple):
    """What became of a piece."""

    payload: bytes
    checksum: int
    """CRC-32 of its samples."""
    seconds: float
    """The codec's own."""
    start_seconds: float = 0.0
    """What the start of a process took that is not in them, where somebody else's program did the work."""
    model: bytes | None = None
    """What the piece was coded with, where pieces share models."""
    kept: np.ndarray | None = None
    """The samples that will come back, where any codec of the source is lossy."""


def choose(recording: Recording) -> Pipeline:
    """Return the codec of a recording where nobody names one."""
    if recording.channels == 1 and recording.dtype == np.int16 and of_n1(recording.blocks()):
        return get_codec(registry.DEFAULT)
    return suited(recording.dtype)


def suited(dtype: np.dtype[Any]) -> Pipeline:
    """Return the codec of samples that are not one channel of N1's codes, where nobody names one."""
    return _usual(FLOATS) if dtype.kind == "f" else get_codec(registry.INTEGERS)


def _usual(spec: str) -> Pipeline:
    """Return the codec of one of the specs above, with zlib where the library of zstd is not installed."""
    codec = get_codec(spec)
    return codec if codec.unavailable() is None else get_codec(spec.replace(_ZSTD, _ZLIB))


def of_n1(blocks: Iterable[np.ndarray]) -> bool:
    """Return whether samples, int16, are N1's codes of 10 bits stretched to 16, and not all the same."""
    low, high = 32767, -32768
    for block in blocks:
        if not n1_mapping.covers(block):
            return False
        low, high = min(low, int(block.min())), max(high, int(block.max()))
    return low < high


class Packing:
    """A source ready to be encoded.

    Args:
        place: a file, ``-`` for standard input, a folder that is one recording, or a source that is open.
        stages: the codec; None takes the one that suits the recording.
        data: the bytes of the file, where they are in memory already.

    Raises:
        CodecError: a folder is no recording.
        OSError: it cannot be read.
    """

    def __init__(
        self, place: str | Path | Place | Source, stages: Pipeline | None = None, data: Buffer | None = None
    ) -> None:
        given = place if isinstance(place, Source) else None
        if isinstance(place, Source):
            place = Place(Path(place.name))
        place = place if isinstance(place, Place) else Place(Path(place))
        self.place = place
        if data is None and not given and not (place.members or place.path.is_file() or place.path.is_dir()):
            data = files.view(place.path)  # a pipe can be read once
        self._data = None if data is None else memoryview(data).cast("B")
        self.stored = ""
        """Why a file is stored as bytes; empty where its samples are coded."""
        self.has_path = given is None and self._data is None
        """Whether another process can open the same source by :attr:`place`."""
        self.source = given or self._open(place, stages)
        self._codecs = [self._groups(stream, stages) for stream in self.source.streams.values()]
        self._chunks = [
            chunk_frames(stream, codecs[0][1] if codecs else _usual(STORED))
            for stream, codecs in zip(self.source.streams.values(), self._codecs, strict=True)
        ]
        self.old = self._old_header(stages)
        """The header of a file of version 1, where that is what is written."""
        self.models = Kept(2 * max(1, sum(map(len, self._codecs))))  # of the last span of each group and of the next

    @property
    def version(self) -> int:
        return version1.VERSION if self.old else version2.VERSION

    @property
    def codec(self) -> Pipeline:
        """The codec of the first channels of the first stream."""
        return next((codecs[0][1] for codecs in self._codecs if codecs), _usual(STORED))

    @property
    def spec(self) -> str:
        return self.codec.spec

    @property
    def source_bytes(self) -> int:
        """Bytes of all files of the source."""
        return sum(len(file.data) for file in self.source.files)

    @property
    def sample_bytes(self) -> int:
        """Bytes of those files of the source that hold samples."""
        return sum(len(file.data) for file in self.source.files if file.channels)

    @property
    def doubt(self) -> str:
        """What is odd about the source, in words: whether a flat file has so many channels; empty for nothing."""
        return next(filter(None, map(flat.doubt, self.source.streams.values())), "")

    # -- how it is cut -----------------------------------------------------------------------------------------------

    def _open(self, place: Place, stages: Pipeline | None) -> Source:
        if stages and stages.external:
            return self._opaque(place, "")
        try:
            source = recordings.open_source(place, self._data)
        except (UnknownFormat, FormatError) as error:
            if place.path.is_dir() or place.flat:
                raise
            return self._opaque(place, _bare(str(error), place))
        if any(file.channels for file in source.files):
            used = {file.stream for file in source.files if file.channels}
            return source._replace(streams={name: one for name, one in source.streams.items() if name in used})
        if source.folder:
            return source._replace(streams={})
        return self._opaque(place, "its samples can be read, but not put back as they stand in it")

    def _opaque(self, place: Place, why: str) -> Source:
        self.stored = why
        data = files.view(place.path) if self._data is None else self._data
        samples = Mapped(place.path.name, 0.0, 1, Form("uint8"), data)
        samples.auxiliary = True
        return Source(place.path.name, {"": samples}, (SourceFile.of(samples, place.path.name),))

    def _is_opaque(self, stream: Recording) -> bool:
        return stream.auxiliary and stream.dtype == np.uint8 and not stream.stream

    def _groups(self, stream: Recording, stages: Pipeline | None) -> list[tuple[tuple[int, ...], Pipeline]]:
        """Return the channels that are coded together, and by what."""
        if self._is_opaque(stream):
            if stages is None:
                return [((0,), _usual(STORED))]
            return [((0,), get_codec(registry.STORED) if self.stored else stages)]
        if not stream.channels:
            return []
        if stream.auxiliary:
            return [(tuple(range(stream.channels)), _usual(FLOATS if stream.dtype.kind == "f" else TIMES))]
        codec = stages or choose(stream)
        signal = [channel for channel in range(stream.channels) if channel not in stream.sync]
        return [(block, codec) for block in groups_of(signal, codec)] + [
            ((channel,), _usual(STORED)) for channel in stream.sync
        ]

    def _old_header(self, stages: Pipeline | None) -> Header | None:
        if self.source.folder or len(self.source.files) != 1 or len(self.source.streams) != 1:
            return None
        (file,), ((stream,), (chunk,)) = self.source.files, (tuple(self.source.streams.values()), self._chunks)
        opaque = self._is_opaque(stream)
        if not (opaque or isinstance(stream, wav.Wav)) or max(len(file.prefix), len(file.suffix)) > MOST_AROUND:
            return None
        coder = stages.model_coder if stages else None
        if coder and 0 < coder.block < stream.channels:
            return None
        whole = self.codec.external or stream.frames <= chunk
        if not whole or stream.frames * max(stream.channels, 1) >= 1 << 48:
            return None
        checksum = zlib.crc32(file.data)
        if opaque:
            return Header(OPAQUE, "uint8", None, stream.frames, 1, 1, b"", b"", self.spec, checksum, b"")
        assert isinstance(stream, wav.Wav)
        kind, before, after = (WAV, b"", b"") if stream.canonical else (WAV_AND_MORE, file.prefix, file.suffix)
        return Header(kind, file.form.kind, stream.rate, stream.frames, stream.channels, 2, before, after, self.spec,
                      checksum, b"")  # fmt: skip

    @cached_property
    def head(self) -> Head:
        """What a file of version 2 says of the source."""
        kinds = {file.stream: file.form.kind for file in self.source.files if file.channels}
        numbers = {name: number for number, name in enumerate(self.source.streams)}
        streams = tuple(
            Stream(
                name, kinds[name], one.rate or None, one.channels,
                tuple(Group(channels, "|".join(stage.name for stage in codec.stages)) for channels, codec in codecs),
                1 if self._is_opaque(one) else 2, one.auxiliary, about(one),
            )
            for (name, one), codecs in zip(self.source.streams.items(), self._codecs, strict=True)
        )  # fmt: skip
        listed = tuple(
            File(file.name, numbers[file.stream], file.first_channel, file.channels, file.form)
            if file.channels
            else File(file.name, -1)
            for file in self.source.files
        )
        return Head(self.source.name, self.source.folder, bool(self.loss), streams, listed)

    @cached_property
    def loss(self) -> str:
        """What is lost, in words; empty where nothing is."""
        return next((loss for codecs in self.codecs for codec in codecs if (loss := codec.loss())), "")

    @property
    def codecs(self) -> list[list[Pipeline]]:
        """The codec of each group of channels of each stream."""
        return [[codec for _, codec in codecs] for codecs in self._codecs]

    def pieces(self) -> Iterator[Piece]:
        """Yield what becomes a chunk each, in the order of the file."""
        if self.old:
            yield Piece(0, 0, 0, self.old.frames)
            return
        for number, (stream, codecs, chunk) in enumerate(
            zip(self.source.streams.values(), self._codecs, self._chunks, strict=True)
        ):
            for start in range(0, stream.frames, chunk):
                for group in range(len(codecs)):
                    yield Piece(number, group, start, min(start + chunk, stream.frames))

    def piece_bytes(self, piece: Piece) -> int:
        """Return how many bytes of the source a piece stands for."""
        stream = self._stream(piece.stream)
        channels = stream.channels if self.old else len(self._codecs[piece.stream][piece.group][0])
        return (piece.stop - piece.start) * channels * stream.bits // 8

    def _stream(self, number: int) -> Recording:
        return list(self.source.streams.values())[number]

    # -- encoding ----------------------------------------------------------------------------------------------------

    def samples(self, piece: Piece) -> np.ndarray:
        """Return the samples of a piece as its codec gets them."""
        stream = self._stream(piece.stream)
        if self.old:
            return stream.read()[:, 0] if self.old.axes == 1 else stream.read()
        channels = self._codecs[piece.stream][piece.group][0]
        x = stream.read(piece.start, piece.stop, None if len(channels) == stream.channels else channels)
        return x[:, 0] if self._is_opaque(stream) else x

    def encode(self, piece: Piece, model: bytes | None = None) -> Encoded:
        """Return what a codec makes of a piece.

        Args:
            model: what to code it with, where pieces share models; the one fitted to the piece's span if None.
        """
        codec = self._codecs[piece.stream][piece.group][1]
        fitting = 0.0
        if model is None and (span := self._span(piece)):
            model, fitting = self._fitted(piece, span)
        x = self.samples(piece)
        if isinstance(codec.coder, FileCoder):
            done = codec.coder.run_encoder(x.tobytes())
            return Encoded(done.output, 0, done.seconds, done.start_seconds)
        start = perf_counter()
        payload = codec.encode(x, model)
        seconds = perf_counter() - start + fitting
        kept = None
        if self.loss:
            kept = x = x if codec.lossless else codec.decode(payload, Layout.of(x), model)
        return Encoded(payload, 0 if self.old else checksum_of(x), seconds, model=model, kept=kept)

    def _span(self, piece: Piece) -> int:
        """Return how many frames share a model with a piece, from a multiple of that on; 0 where it has none."""
        if self.old:
            return 0
        codec, rate = self._codecs[piece.stream][piece.group][1], self._stream(piece.stream).rate
        return frames_of_model(codec, rate, self._chunks[piece.stream])

    def _fitted(self, piece: Piece, span: int) -> tuple[bytes, float]:
        """Return the model of a piece, and the seconds that it took to fit it; 0 if it was there already."""
        channels, codec = self._codecs[piece.stream][piece.group]
        stream = self._stream(piece.stream)
        start = piece.start // span * span
        seconds = 0.0

        def fit() -> bytes:
            nonlocal seconds
            assert codec.model_coder
            stretches = looked_at(codec.model_coder, stream.rate, start, min(start + span, stream.frames))
            parts = [self.samples(piece._replace(start=a, stop=b)) for a, b in stretches]
            x = np.concatenate(parts) if len(parts) > 1 else parts[0]
            begun = perf_counter()
            model = codec.fit(x, None if stream.converters is None else stream.converters[list(channels)])
            seconds = perf_counter() - begun
            return model

        model = self.models.get((piece.stream, piece.group, start), fit)
        return model, seconds

    def write(self, writer: Writer, piece: Piece, done: Encoded) -> None:
        """Write the chunk that a piece became, and before the first chunk of a model the model."""
        number = 0
        if done.model is not None:
            number = piece.start // self._span(piece) + 1
            last, model = writer.last_models.get((piece.stream, piece.group), (0, b""))
            if last != number:
                writer.model(piece.stream, piece.group, number, done.model)
            elif model != done.model:  # another machine's arithmetic fitted another model to the same samples
                done = self.encode(piece, model)
        chunk = Chunk(piece.stream, piece.group, piece.start, piece.stop - piece.start, number, 0, 0)
        writer.chunk(chunk, done.checksum, done.payload)

    def assemble(self, encoded: Sequence[Encoded]) -> list[Buffer]:
        """Return the bytes of the whole .n1c file, in pieces.

        Args:
            encoded: what became of :meth:`pieces`, in their order.
        """
        if self.old:
            (only,), (piece,) = encoded, self.pieces()
            header = self.old._replace(payload=only.payload)
            if only.kept is not None:
                checksums = self.checksums()
                checksums.add(piece, only)
                (checksum,) = checksums.whole()
                header = header._replace(checksum=checksum)
            return version1.assemble(header, self.codec)
        out: list[Buffer] = []
        writer = Writer(out.append, self.head)
        writer.begin(self.codecs, self.prefixes())
        checksums = self.checksums()
        for piece, done in zip(self.pieces(), encoded, strict=True):
            self.write(writer, piece, done)
            checksums.add(piece, done)
        self.finish(writer, checksums)
        return out

    def release(self) -> None:
        """Give back the memory that holds what was read of the source so far."""
        for stream in self.source.streams.values():
            stream.release()

    def checksums(self) -> SourceChecksums | KeptChecksums:
        """Return what computes the checksums of the files that will come back, piece after piece."""
        return KeptChecksums(self) if self.loss else SourceChecksums(self)

    def finish(self, writer: Writer, checksums: SourceChecksums | KeptChecksums) -> None:
        """Write what stands behind the chunks.

        Args:
            checksums: has got all pieces.
        """
        writer.finish(self.frames, self.suffixes(), checksums.whole())

    @property
    def frames(self) -> list[int]:
        """How many frames each stream has."""
        return [stream.frames for stream in self.source.streams.values()]

    def dtype(self, stream: int) -> np.dtype[Any]:
        """Return the dtype of the samples of a stream."""
        return self._stream(stream).dtype

    def prefix(self, number: int) -> Iterator[Buffer]:
        """Yield the bytes of a file that stand before its samples."""
        file = self.source.files[number]
        yield file.prefix if file.channels else file.data

    def suffix(self, number: int) -> Iterator[Buffer]:
        """Yield those that stand behind them."""
        file = self.source.files[number]
        yield file.suffix if file.channels else b""

    def suffixes(self) -> list[Buffer]:
        """Return what stands behind the samples of each file."""
        return [part for number in range(len(self.source.files)) for part in self.suffix(number)]

    def prefixes(self) -> Iterable[Buffer]:
        """Return what stands before the samples of each file, and all of those that have none."""
        return [part for number in range(len(self.source.files)) for part in self.prefix(number)]


class SourceChecksums:
    """CRC-32 of the files of a source, added to in the order of the pieces."""

    def __init__(self, packing: Packing) -> None:
        self._files, self._suffixes = packing.source.files, packing.suffixes()
        self._stops = packing.frames
        self._numbers = {name: number for number, name in enumerate(packing.source.streams)}
        self._so_far = [zlib.crc32(prefix) for prefix in packing.prefixes()]
        self._frames = [0] * len(self._files)

    def add(self, piece: Piece, done: Encoded) -> None:
        """Go on to the end of a piece."""
        if piece.group == 0:
            self._go_on(piece.stream, piece.stop)

    def _go_on(self, stream: int, stop: int) -> None:
        for number, file in enumerate(self._files):
            if not file.channels or self._numbers[file.stream] != stream or file.form.channels_apart:
                continue
            block = file.channels * file.form.bits // 8
            part = file.data[file.start + self._frames[number] * block : file.start + stop * block]
            self._so_far[number] = zlib.crc32(part, self._so_far[number])
            self._frames[number] = stop

    def whole(self) -> list[int]:
        """Return the checksum of each file; what no piece had of it is read now."""
        for stream, stop in enumerate(self._stops):
            self._go_on(stream, stop)
        for number, file in enumerate(self._files):
            if file.channels and file.form.channels_apart:
                self._so_far[number] = zlib.crc32(file.data[file.start : file.end], self._so_far[number])
        return [zlib.crc32(suffix, checksum) for suffix, checksum in zip(self._suffixes, self._so_far, strict=True)]


class KeptChecksums:
    """CRC-32 of the files that come back of a source, where they are not those that were given."""

    def __init__(self, packing: Packing) -> None:
        self._head = packing.head
        self._restorer = Restorer(packing, lambda number, data, at: None)
        self._restorer.begin()
        self._parts: list[np.ndarray] = []

    def add(self, piece: Piece, done: Encoded) -> None:
        """Go on to the end of a piece."""
        assert done.kept is not None
        self._parts.append(done.kept)
        if piece.group + 1 == len(self._head.streams[piece.stream].groups):
            self._restorer.add(piece.stream, piece.start, self._parts)
            self._parts = []

    def whole(self) -> list[int]:
        """Return the checksum of each file, when all pieces were added."""
        return self._restorer.end()


def groups_of(channels: Sequence[int], codec: Pipeline) -> list[tuple[int, ...]]:
    """Return which channels are coded together: all of them, or some at a time where the codec codes each by itself or
    is told how many."""
    width = _BLOCK if codec.coder.per_channel else max(1, len(channels))
    if codec.model_coder and codec.model_coder.block:
        width = codec.model_coder.block
    return [tuple(channels[first : first + width]) for first in range(0, len(channels), width)]


def chunk_frames(stream: Recording, codec: Pipeline) -> int:
    """Return how many frames of a stream a chunk has: see docs/format.md, "How long a chunk is"."""
    return frames_of_chunk(stream.rate, stream.channels * stream.dtype.itemsize, codec.coder)


def frames_of_chunk(rate: float, block: int, coder: Coder) -> int:
    """Return how many frames a chunk has.

    Args:
        rate: frames a second; 0 where it is not known.
        block: bytes of a frame.
        coder: may ask for no more than so many seconds.
    """
    most = CHUNK_BYTES // max(block, 1)
    if rate:
        most = max(most, round(_SHORTEST * rate))
        if coder.chunk_seconds:
            most = min(most, round(coder.chunk_seconds * rate))
        most = min(most, MOST_CHUNK // max(block, 1))
        if most > rate and block * rate > CHUNK_BYTES / 4:
            most = round(most // rate * rate)  # whole seconds, where a second is a large part of a chunk
    return max(1, most)


def _bare(text: str, place: Place) -> str:
    return text.removeprefix(f"{place.path}: ")
