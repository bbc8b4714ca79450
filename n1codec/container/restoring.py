"""The files of a source, written again from the chunks of a .n1c file."""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np

from n1codec import files
from n1codec.codec import CodecError, FormatError
from n1codec.container.archive import Archive, Span
from n1codec.container.header import ARRAY, differs
from n1codec.container.version2 import File

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer as Buffer

_AT_A_TIME = 4 << 20
"""About how many bytes of samples are put into the form of a file at a time."""


class Restorer:
    """Takes the samples of an archive in order, and gives the bytes of its source's files in order.

    Args:
        archive: the .n1c file.
        put: takes the number of a file, its next bytes, and where in the file they belong, or None: behind the last.
        read: gives a file's bytes again in pieces, by its number; needed only where the channels of a file stand apart.
    """

    def __init__(
        self,
        archive: Archive,
        put: Callable[[int, Any, int | None], Any],
        read: Callable[[int], Iterator[Buffer]] | None = None,
    ) -> None:
        if (archive.old and archive.old.source == ARRAY) or not archive.head.files:
            raise FormatError("it holds an array, not a file (read it with n1codec.decode or n1codec cat)")
        self.archive, self._put, self._read = archive, put, read
        self._checksums = [0] * len(archive.head.files)
        self._sizes = [0] * len(archive.head.files)

    @property
    def size(self) -> int:
        """Bytes of all files so far."""
        return sum(self._sizes)

    def begin(self) -> None:
        """Give what stands before the samples of each file."""
        for number in range(len(self._sizes)):
            for data in self.archive.prefix(number):
                self._next(number, data)
        self._prefixes = list(self._sizes)

    def _next(self, number: int, data: Buffer, at: int | None = None) -> None:
        if at is None:
            self._checksums[number] = zlib.crc32(data, self._checksums[number])
        self._sizes[number] += len(memoryview(data).cast("B")) if len(memoryview(data)) else 0
        self._put(number, data, at)

    def add(self, stream: int, span: Span, parts: list[np.ndarray]) -> None:
        """Give the bytes of the samples of one span of frames.

        Args:
            parts: the samples of each group of channels, shape (frames, channels of the group).
        """
        groups = self.archive.head.streams[stream].groups
        channels = self.archive.head.streams[stream].channels
        if len(groups) == 1 and groups[0].channels == tuple(range(channels)):
            x = parts[0]
        else:
            x = np.empty((span.frames, channels), self.archive.dtype(stream))
            for group, part in zip(groups, parts, strict=True):
                x[:, list(group.channels)] = part
        for number, file in enumerate(self.archive.head.files):
            if file.stream == stream:
                self._samples(number, file, x[:, file.first_channel : file.first_channel + file.channels], span.start)

    def _samples(self, number: int, file: File, x: np.ndarray, start: int) -> None:
        if file.form.channels_apart:
            width = file.form.bits // 8
            for channel in range(file.channels):
                at = self._prefixes[number] + (channel * self.archive.frames[file.stream] + start) * width
                self._next(number, file.form.pack(x[:, channel : channel + 1]), at)
            return
        step = max(1, _AT_A_TIME // max(1, file.channels * file.form.bits // 8))
        for first in range(0, len(x), step):
            self._next(number, file.form.pack(x[first : first + step]))

    def finish(self) -> None:
        """Give what stands behind the samples of each file.

        Raises:
            FormatError: the bytes that were given are not those of the source.
        """
        old = self.archive.old
        for number, (file, ending) in enumerate(zip(self.archive.head.files, self.archive.endings, strict=True)):
            if file.form.channels_apart and file.channels:
                assert self._read
                self._checksums[number] = 0
                for data in self._read(number):
                    self._checksums[number] = zlib.crc32(data, self._checksums[number])
            if not old and self._checksums[number] != ending.checksum:
                raise differs()
            self._next(number, ending.suffix)
            if old and self._checksums[number] != old.checksum:
                raise differs()


def names(archive: Archive, target: str) -> list[str]:
    """Return the paths of the files of a source that is no folder, if the first is to be ``target``.

    ``run.ap.meta``, which stood beside ``run.ap.bin``, stands beside ``x.bin`` as ``x.meta``.

    Raises:
        FormatError: the file names something else than files beside each other.
    """
    path = Path(target)
    first = archive.head.files[0].name
    stem = first.rsplit(".", 1)[0]
    found = [target]
    for file in archive.head.files[1:]:
        if file.name.startswith(f"{first}."):
            name = path.name + file.name[len(first) :]
        elif file.name.startswith(f"{stem}."):
            name = path.name.rsplit(".", 1)[0] + file.name[len(stem) :]
        else:
            name = file.name
        _check_name(name, deep=False)
        found.append(str(path.with_name(name)))
    if len(set(found)) < len(found):
        raise CodecError(f"{target}: a file that belongs to it would have the same name (choose another ending)")
    return found


def _check_name(name: str, *, deep: bool) -> None:
    """Refuse names that lead out of the folder that is written.

    Raises:
        FormatError: it does.
    """
    path = PurePosixPath(name)
    bad = path.is_absolute() or ".." in path.parts or not path.parts or "\0" in name or path.as_posix() != name
    if bad or (not deep and len(path.parts) > 1) or (os.name == "nt" and (":" in name or "\\" in name)):
        raise FormatError(f"it names a file that no source has: {name!r}")


@contextmanager
def open_targets(archive: Archive, target: str) -> Iterator[tuple[list[Any], str]]:
    """Give the open files that a source is written to, and a line on what is left out; they appear when the block ends.

    Raises:
        FormatError: the file names what it may not.
        CodecError: the target is a folder that exists, or cannot be one.
        OSError: a file cannot be written.
    """
    if archive.head.folder:
        with _folder(archive, target) as opened:
            yield opened, ""
        return
    special = target == files.STANDARD or (Path(target).exists() and not Path(target).is_file())
    with ExitStack() as stack:
        if special and not Path(target).is_dir():
            left = ", ".join(file.name for file in archive.head.files[1:])
            opened = [stack.enter_context(files.writing(target))]
            yield opened + [_Nowhere()] * (len(archive.head.files) - 1), left and f"{left} is not written"
        else:
            yield [stack.enter_context(files.writing(name)) for name in names(archive, target)], ""


class _Nowhere:
    """A file that nobody wants."""

    def write(self, data: Buffer) -> None:
        pass


@contextmanager
def _folder(archive: Archive, target: str) -> Iterator[list[Any]]:
    import shutil

    path = Path(target)
    if target == files.STANDARD:
        raise CodecError("it holds a folder, which cannot be written to standard output (name a folder)")
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise CodecError(f"{target}: it exists (name a new folder)")
    listed = [file.name for file in archive.head.files]
    for name in listed:
        _check_name(name, deep=True)
    if len(set(listed)) < len(listed):
        raise FormatError("it names a file twice")
    path = path.resolve()
    made = path.with_name(f".{os.getpid()}-{os.urandom(4).hex()}.part")
    try:
        with files.named(target), ExitStack() as stack:
            made.mkdir()
            opened = []
            for name in listed:
                (made / name).parent.mkdir(parents=True, exist_ok=True)
                opened.append(stack.enter_context(_LazyFile(made / name)))
            yield opened
        with files.named(target):
            for folder, _, _ in os.walk(made):
                files.sync_folder(Path(folder))
            if path.is_dir():
                path.rmdir()
            made.replace(path)
            files.sync_folder(path.parent)
    finally:
        shutil.rmtree(made, ignore_errors=True)


class _LazyFile:
    """A file of a folder, open only while it is written: a folder may have more files than a process may open."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> _LazyFile:
        self.path.touch(exist_ok=False)
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            with self.path.open("rb") as file:
                os.fsync(file.fileno())

    def write(self, data: Buffer) -> None:
        with self.path.open("ab") as file:
            file.write(data)

    def write_at(self, data: Buffer, at: int) -> None:
        with self.path.open("r+b") as file:
            file.seek(at)
            file.write(data)

    def pieces(self) -> Iterator[bytes]:
        with self.path.open("rb") as file:
            while data := file.read(_AT_A_TIME):
                yield data


def put_at(file: Any, data: Buffer, at: int | None) -> None:
    """Write bytes behind the last of a file, or at an offset."""
    if at is None:
        file.write(data)
    elif isinstance(file, _LazyFile):
        file.write_at(data, at)
    elif isinstance(file, _Nowhere):
        pass
    else:
        if not file.seekable():
            raise CodecError("its channels stand apart, so it cannot be written to a pipe (write it to a file)")
        file.seek(at)
        file.write(data)
        file.seek(0, os.SEEK_END)


def read_again(file: Any) -> Iterator[bytes]:
    """Yield the bytes of a file that was written."""
    if isinstance(file, _LazyFile):
        yield from file.pieces()
        return
    file.seek(0)
    while data := file.read(_AT_A_TIME):
        yield data
    file.seek(0, os.SEEK_END)
