"""Files to .n1c files and back: what ``n1codec.encode_file`` and ``n1codec.decode_file`` do.

Chunks are coded in threads, a few at a time, and written in their order by one: neither way needs more memory than
some chunks, however long the recording is.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np

from n1codec import files
from n1codec.codec import CodecError, FileCoder, FormatError
from n1codec.container.access import access
from n1codec.container.archive import Archive, checksum_of
from n1codec.container.header import differs
from n1codec.container.packing import Encoded, Packing, Piece
from n1codec.container.restoring import Restorer, open_targets
from n1codec.container.version2 import Chunk
from n1codec.container.writer import Writer
from n1codec.pipeline import Pipeline, default_codec, get_codec
from n1codec.recordings import Place, Source

if TYPE_CHECKING:
    from concurrent.futures import Executor, Future

T = TypeVar("T")
R = TypeVar("R")
Advance = Callable[[int], Any]
"""Is told how many bytes of samples are done."""

PART = ".part"
_AHEAD = 64
"""Pieces that the workers of a cluster have in hand or done, at most; one is under 2 MB of a probe's samples."""


class Converted(NamedTuple):
    """What became of one file, or of several that belong together."""

    source_bytes: int
    """Bytes of the original files."""
    packed_bytes: int
    """Bytes of the .n1c file."""
    spec: str
    """The codec; of a decoded file the stages' names alone."""
    stored: str = ""
    """Why the file is stored as bytes; empty where its samples are coded, and after decoding."""
    seconds: float = 0.0
    """The codec's own work, the sum over all threads."""
    note: str = ""
    """What is odd about the source, or was left out, such as a .meta where only one file can be written."""
    loss: str = ""
    """What is lost, in words; empty where what comes back is what was given."""


def encode_file(
    source: str | Path | Place | Source,
    target: str | Path,
    spec: str | Pipeline | None = None,
    *,
    jobs: int = 1,
    advance: Advance | None = None,
    executor: Executor | None = None,
) -> Converted:
    """Encode a recording, a file of any kind or a folder that is one recording, into a .n1c file.

    Args:
        source, target: paths; ``-`` is standard input or output. The source may be open already.
        spec: the codec; $N1_CODEC if None, or else the one that suits the recording.
        jobs: threads.
        advance: is called with the bytes of samples that are done, each time some are.
        executor: where chunks are coded, instead of in threads; its workers see the same files. A pipe, and a source
            that is open already, are coded in threads: no worker could open them.

    Raises:
        SpecError, UnavailableError, CodecError: the codec, or a folder that is no recording.
        OSError: the files.
    """
    stages = as_pipeline(spec) if spec is not None else default_codec()
    packing = Packing(source, stages)
    advance = advance or (lambda size: None)
    if packing.old:
        done = packing.encode(next(packing.pieces()))
        advance(packing.sample_bytes)
        size = files.write(target, *packing.assemble([done]))
        return Converted(packing.source_bytes, size, packing.spec, packing.stored, done.seconds, packing.doubt,
                         packing.loss)  # fmt: skip
    with writing_part(target) as file:
        writer = Writer(file.write, packing.head)
        writer.begin(packing.codecs, packing.prefixes())
        checksums = packing.checksums()
        seconds = 0.0
        executor = executor if packing.has_path else None
        work = _Remote(packing.place.absolute(), stages) if executor else packing.encode
        ahead = _AHEAD if executor else jobs + 2
        with _pool(jobs, executor) as pool:
            for piece, encoded in in_order(pool, work, packing.pieces(), ahead):
                packing.write(writer, piece, encoded)
                checksums.add(piece, encoded)
                if piece.group == 0:
                    packing.release()
                seconds += encoded.seconds
                advance(packing.piece_bytes(piece))
        packing.finish(writer, checksums)
    return Converted(
        packing.source_bytes, writer.size, packing.spec, packing.stored, seconds, packing.doubt, packing.loss
    )


class _Remote:
    """Encodes a piece of a recording in another process, which opens the recording by its name."""

    def __init__(self, place: Place, stages: Pipeline | None) -> None:
        self.place, self.spec = place, stages.spec if stages else None

    def __call__(self, piece: Piece) -> Encoded:
        return _packing(self.place, self.spec).encode(piece)


_last: tuple[Any, Packing] | None = None


def _packing(place: Place, spec: str | None) -> Packing:
    """Return a source ready to be encoded; the one of the call before is kept."""
    global _last
    if _last is None or _last[0] != (place, spec):
        _last = (place, spec), Packing(place, get_codec(spec) if spec else None)
    return _last[1]


def decode_file(
    source: str | Path,
    target: str | Path,
    spec: str | Pipeline | None = None,
    *,
    jobs: int = 1,
    advance: Advance | None = None,
) -> Converted:
    """Decode one .n1c file into what it was made from, byte for byte; nothing is written if it is damaged.

    Args:
        source, target: paths; ``-`` is standard input or output. Of a folder the target is a new folder. To standard
            output, and to any other special file, a damaged file may have been written in part.
        spec: the codec, for a file that somebody else's program wrote; the others say themselves what it is.
        jobs: threads.
        advance: is called with the bytes of samples that are done, each time some are.

    Raises:
        CodecError: ``spec`` did not write it, or is needed; the target is a folder that exists.
        FormatError, UnavailableError: the .n1c file.
        OSError: the files.
    """
    archive = Archive(access(files.view(source)), as_pipeline(spec))
    old = archive.old
    with _checked_first(archive, str(target)) as (opened, note):
        restorer = Restorer(archive, lambda number, data, at: opened[number].put(data, at))
        seconds = restore(archive, restorer, jobs=jobs, advance=advance)
    spec_ = old.spec if old else _spec(archive)
    return Converted(restorer.size, archive.access.size, spec_, "", seconds, note, archive.loss)


@contextmanager
def _checked_first(archive: Archive, target: str) -> Iterator[tuple[list[Any], str]]:
    """Give the files to write; what goes to a special file is held back until it is known to be right, if it is small.

    A file of version 1 is one chunk, which is in memory anyway.
    """
    if not archive.old:
        with open_targets(archive, target) as found:
            yield found
        return
    held = _Held()
    yield [held], ""
    files.write(target, *held.pieces)


class _Held:
    """Bytes that are kept until they are known to be right."""

    def __init__(self) -> None:
        self.pieces: list[Any] = []

    def put(self, data: Any, at: int) -> None:
        self.pieces.append(data)


def verify(source: str | Path, *, jobs: int = 1, advance: Advance | None = None, of: Source | None = None) -> int:
    """Decode a .n1c file from the disk and check it against its checksums, and return the bytes that it stands for.

    Args:
        source: a path.
        jobs: threads.
        advance: is called with the bytes of samples that are done, each time some are.
        of: compare with the files of this source, byte for byte.

    Raises:
        FormatError: it is damaged, or something else than ``of``.
        CodecError, UnavailableError: the codec that wrote it is not here.
        OSError: it cannot be read.
    """
    archive = Archive(access(files.view(source)))
    if not archive.head.files:  # samples that came from no file
        with _pool(jobs, None) as pool:
            for _, x in in_order(pool, archive.decode, archive.chunks, jobs + 2):
                if advance:
                    advance(x.nbytes)
        if archive.old and checksum_of(archive.decode(archive.chunks[0])) != archive.old.checksum:
            raise differs()
        sizes = (count * one.channels for count, one in zip(archive.frames, archive.head.streams, strict=True))
        return sum(size * archive.dtype(number).itemsize for number, size in enumerate(sizes))
    originals = [file.data for file in of.files] if of else []
    if of and [len(data) for data in originals] != restored_sizes(archive):
        raise FormatError("it is not what it was made from: its files have other sizes")

    def check(number: int, data: memoryview, at: int) -> None:
        if of and data != originals[number][at : at + data.nbytes]:
            raise FormatError(f"it is not what it was made from: {of.files[number].name} differs")

    restorer = Restorer(archive, check)
    restore(archive, restorer, jobs=jobs, advance=advance)
    return restorer.size


def restored_sizes(archive: Archive) -> list[int]:
    """Return how many bytes each file of a source has."""
    found = []
    for number, file in enumerate(archive.head.files):
        samples = archive.frames[file.stream] * file.channels * file.form.bits // 8 if file.stream >= 0 else 0
        found.append(archive.around(number) + samples)
    return found


def compare(packed: str | Path, original: Place | Source, *, jobs: int = 1, advance: Advance | None = None) -> Source:
    """Check that a .n1c file gives back each byte of the files it was made from, as they are now, and return these.

    It is decoded from the disk, not from memory. Of a lossy file only the checksums are checked.

    Raises:
        FormatError: it does not.
        OSError: the files.
    """
    files.forget(packed)
    source = Packing(original).source
    lossy = Archive(access(files.view(packed))).head.lossy
    verify(packed, jobs=jobs, advance=advance, of=None if lossy else source)
    return source


def remove_original(source: Source, folder: Path) -> None:
    """Remove the files of a source, and of one that is a folder the folders that are empty then.

    Args:
        folder: what the names of its files are relative to.
    """
    for file in source.files:
        (folder / file.name).unlink()
    if source.folder:
        for path in sorted((path for path in folder.rglob("*") if path.is_dir()), reverse=True):
            with suppress(OSError):
                path.rmdir()
        with suppress(OSError):
            folder.rmdir()
    files.sync_folder(folder if folder.exists() else folder.parent)


def restore(
    archive: Archive,
    restorer: Restorer,
    *,
    jobs: int = 1,
    advance: Advance | None = None,
    keep: Callable[[np.ndarray], Any] | None = None,
) -> float:
    """Decode all chunks of an archive into a restorer, and return the seconds that the codecs took.

    Args:
        keep: takes the samples of each chunk, shape (frames, channels of its group).

    Raises:
        FormatError: it is damaged.
    """
    restorer.begin()
    seconds = 0.0
    with _pool(jobs, None) as pool:
        parts: list[np.ndarray] = []
        work = ((stream, span, chunk) for stream, spans in enumerate(archive.spans) for span in spans
                for chunk in span.chunks)  # fmt: skip
        for (stream, span, chunk), (x, took, _) in in_order(
            pool, lambda item: timed_decode(archive, item[2]), work, jobs + 2
        ):
            seconds += took
            parts.append(x)
            if keep:
                keep(x)
            if chunk is span.chunks[-1]:
                restorer.add(stream, span.start, parts)
                parts = []
                archive.access.release()
            if advance:
                advance(x.nbytes)
    restorer.finish(archive.checksums)
    return seconds


def timed_decode(archive: Archive, chunk: Chunk) -> tuple[np.ndarray, float, float]:
    """Return the samples of a chunk, the seconds that the codec took, and those that the start of a process took."""
    checksum, payload, layout = archive.payload(chunk)
    codec = archive.pipeline(chunk.stream, chunk.group)
    if isinstance(codec.coder, FileCoder):
        done = codec.coder.run_decoder(bytes(payload), layout.nbytes)
        return (
            archive.checked(chunk, codec.coder.as_array(done.output, layout), checksum),
            done.seconds,
            done.start_seconds,
        )
    model = archive.model(chunk)
    start = perf_counter()
    x = codec.decode(payload, layout, model)
    seconds = perf_counter() - start
    return archive.checked(chunk, x, checksum), seconds, 0.0


def _spec(archive: Archive) -> str:
    """Return the names of the stages of the first channels."""
    return next((group.spec for stream in archive.head.streams for group in stream.groups), "copy")


# -- in threads, in order --------------------------------------------------------------------------------------------


@contextmanager
def _pool(jobs: int, executor: Executor | None) -> Iterator[Executor | None]:
    if executor or jobs == 1:
        yield executor
    else:
        from concurrent.futures import ThreadPoolExecutor  # which takes longer to import than a short file to encode

        with ThreadPoolExecutor(jobs) as pool:
            yield pool


def in_order(pool: Executor | None, work: Callable[[T], R], items: Iterable[T], ahead: int) -> Iterator[tuple[T, R]]:
    """Yield each item with what ``work`` makes of it, in their order; at most ``ahead`` are begun and not yielded."""
    if pool is None:
        for item in items:
            yield item, work(item)
        return
    begun: deque[tuple[T, Future[R]]] = deque()
    try:
        for item in items:
            begun.append((item, pool.submit(work, item)))
            if len(begun) >= ahead:
                first, future = begun.popleft()
                yield first, future.result()
        while begun:
            first, future = begun.popleft()
            yield first, future.result()
    finally:
        for _, future in begun:
            future.cancel()


# -- the file that is written ----------------------------------------------------------------------------------------


@contextmanager
def writing_part(target: str | Path) -> Iterator[Any]:
    """Give a file that is called ``TARGET.part`` until the block ends; errors and Ctrl-C remove it.

    After a kill it stays, with every section that was written whole (:func:`n1codec.container.recovery.recover`). The
    next call takes its place, if nobody is writing to it.

    Raises:
        CodecError: somebody is.
        OSError: it cannot be written.
    """
    path = Path(target)
    if str(target) == files.STANDARD or (path.exists() and not path.is_file() and not path.is_dir()):
        with files.writing(target) as file:
            yield file
        return
    with files.named(target):
        path = path.resolve()
        mode = files.mode_to_keep(path, str(target))
        part = path.with_name(path.name + PART)
        with part.open("ab", buffering=0) as file:
            try:
                files.lock(file)
            except OSError as error:
                raise CodecError(f"{target}: another program is writing it") from error
            try:
                file.truncate(0)
                yield _Unbuffered(file)
                if mode is not None and hasattr(os, "fchmod"):
                    os.fchmod(file.fileno(), mode)
                os.fsync(file.fileno())
                part.replace(path)
            except BaseException:
                with suppress(OSError):
                    part.unlink()
                raise
        files.sync_folder(path.parent)


class _Unbuffered:
    """A raw file that writes all it is given: what a program has written survives its end, what it holds does not."""

    def __init__(self, file: Any) -> None:
        self.file = file

    def write(self, data: Any) -> int:
        view = memoryview(data).cast("B")
        while len(view):
            view = view[self.file.write(view) :]
        return len(memoryview(data))


def as_pipeline(spec: str | Pipeline | None) -> Pipeline | None:
    """Return a codec that may be given as a spec; ``auto`` is None."""
    if spec == "auto":
        return None
    return get_codec(spec) if isinstance(spec, str) else spec
