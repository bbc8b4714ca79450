"""The files of a source, written again from the chunks of a .n1c file."""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from n1codec import files
from n1codec.codec import CodecError, FormatError
from n1codec.container.archive import Archive
from n1codec.container.crc import combine
from n1codec.container.header import ARRAY, Header, differs
from n1codec.container.version2 import File, Head
from n1codec.recordings.recording import columns

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer as Buffer

_AT_A_TIME = 4 << 20
"""About how many bytes of samples are put into the form of a file at a time."""


class Frame(Protocol):
    """What is known of a source but for its samples: by a .n1c file, or by the source itself."""

    @property
    def head(self) -> Head: ...

    @property
    def old(self) -> Header | None: ...

    @property
    def frames(self) -> Sequence[int]:
        """How many each stream has."""

    def dtype(self, stream: int) -> np.dtype[Any]:
        """Return the dtype of the samples of a stream."""

    def prefix(self, file: int) -> Iterator[Buffer]:
        """Yield the bytes of a file that stand before its samples, or all where it has none."""

    def suffix(self, file: int) -> Iterator[Buffer]:
        """Yield those that stand behind them."""


class Restorer:
    """Takes the samples of a source in order, and gives the bytes of its files in order.

    Args:
        archive: the .n1c file, or the source itself.
        put: takes the number of a file, some bytes of it, and where in the file they belong. They come in order, but
            where the channels of a file stand apart.
    """

    def __init__(self, archive: Frame, put: Callable[[int, Any, int], Any]) -> None:
        _require_files(archive)
        self.archive, self._put = archive, put
        self._checksums = [0] * len(archive.head.files)
        self._sizes = [0] * len(archive.head.files)
        self._apart = {
            number: [0] * file.channels
            for number, file in enumerate(archive.head.files)
            if file.channels and file.form.channels_apart
        }
        """The checksum of each channel of the files whose channels stand apart."""

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

    def _next(self, number: int, data: Buffer) -> None:
        view = memoryview(data)
        if view.nbytes:
            self._checksums[number] = zlib.crc32(view, self._checksums[number])
            self._put(number, view, self._sizes[number])
            self._sizes[number] += view.nbytes

    def add(self, stream: int, start: int, parts: list[np.ndarray]) -> None:
        """Give the bytes of the samples of some frames.

        Args:
            start: the first of these.
            parts: the samples of each group of channels, shape (frames, channels of the group).
        """
        groups = self.archive.head.streams[stream].groups
        channels = self.archive.head.streams[stream].channels
        if len(groups) == 1 and groups[0].channels == tuple(range(channels)):
            x = parts[0]
        else:
            x = np.empty((len(parts[0]), channels), self.archive.dtype(stream))
            for group, part in zip(groups, parts, strict=True):
                x[:, columns(group.channels)] = part
        for number, file in enumerate(self.archive.head.files):
            if file.stream == stream:
                self._samples(number, file, x[:, file.first_channel : file.first_channel + file.channels], start)

    def _samples(self, number: int, file: File, x: np.ndarray, start: int) -> None:
        if file.form.channels_apart:
            width = file.form.bits // 8
            for channel in range(file.channels):
                data = file.form.pack(x[:, channel : channel + 1])
                self._apart[number][channel] = zlib.crc32(data, self._apart[number][channel])
                self._put(number, data, self._prefixes[number] + (channel * self._frames(file) + start) * width)
                self._sizes[number] += data.nbytes
            return
        step = max(1, _AT_A_TIME // max(1, file.channels * file.form.bits // 8))
        for first in range(0, len(x), step):
            self._next(number, file.form.pack(x[first : first + step]))

    def _frames(self, file: File) -> int:
        return self.archive.frames[file.stream]

    def checksums(self) -> list[int]:
        """Return the CRC-32 of each file so far, from its first byte to the last of its samples."""
        found = list(self._checksums)
        for number, channels in self._apart.items():
            file = self.archive.head.files[number]
            for checksum in channels:
                found[number] = combine(found[number], checksum, self._frames(file) * file.form.bits // 8)
        return found

    def end(self) -> list[int]:
        """Give what stands behind the samples of each file, and return the CRC-32 of each file."""
        self._checksums = self.checksums()
        for number in range(len(self._checksums)):
            for data in self.archive.suffix(number):
                self._next(number, data)
        return self._checksums

    def finish(self, checksums: Sequence[int]) -> None:
        """Give what stands behind the samples of each file.

        Args:
            checksums: what the CRC-32 of each file should be.

        Raises:
            FormatError: the bytes that were given are not those of the source.
        """
        if self.end() != list(checksums):
            raise differs()


def _require_files(archive: Frame) -> None:
    if (archive.old and archive.old.source == ARRAY) or not archive.head.files:
        raise FormatError("it holds an array, not a file (read it with n1codec.decode or n1codec cat)")


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
        check_name(name, deep=False)
        found.append(str(path.with_name(name)))
    if len(set(found)) < len(found):
        raise CodecError(f"{target}: a file that belongs to it would have the same name (choose another ending)")
    return found


def check_name(name: str, *, deep: bool) -> None:
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
    """Give what takes the bytes of each file of a source, and a line on what is left out.

    Each has ``put(data, offset)``. The files get their names when the block ends.

    Raises:
        FormatError: the file names what it may not.
        CodecError: the target is a folder that exists, or cannot be one.
        OSError: a file cannot be written.
    """
    _require_files(archive)
    if archive.head.folder:
        with _folder(archive, target) as opened:
            yield opened, ""
        return
    special = target == files.STANDARD or (Path(target).exists() and not Path(target).is_file())
    with ExitStack() as stack:
        if special and not Path(target).is_dir():
            left = ", ".join(file.name for file in archive.head.files[1:])
            first: list[Any] = [_File(stack.enter_context(files.writing(target)))]
            yield first + [_Nowhere()] * (len(archive.head.files) - 1), left and f"{target}: {left} is not written"
        else:
            yield [_File(stack.enter_context(files.writing(name))) for name in names(archive, target)], ""


class _Nowhere:
    """A file that nobody wants."""

    def put(self, data: Buffer, at: int) -> None:
        pass


class _File:
    """A file that is open for writing."""

    def __init__(self, file: Any) -> None:
        self.file, self.end = file, 0

    def put(self, data: Buffer, at: int) -> None:
        """Write bytes at an offset.

        Raises:
            CodecError: it is not behind the last, and the file is a pipe.
        """
        if at != self.end:
            if not self.file.seekable():
                raise CodecError("its channels stand apart, so it cannot be written to a pipe (write it to a file)")
            self.file.seek(at)
        self.file.write(data)
        self.end = at + memoryview(data).nbytes


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
        check_name(name, deep=True)
    if not {str(parent) for name in listed for parent in PurePosixPath(name).parents}.isdisjoint(listed):
        raise FormatError("one of its files has the name of a folder of another")
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

    def put(self, data: Buffer, at: int) -> None:
        with self.path.open("r+b") as file:
            file.seek(at)
            file.write(data)
