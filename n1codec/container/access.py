"""Bytes at an offset, of a file that is mapped into memory, of any seekable file object, or over the network."""

from __future__ import annotations

import io
from bisect import bisect_right
from collections.abc import Iterable
from itertools import accumulate
from pathlib import Path
from threading import Lock
from typing import Any, Protocol

from n1codec import files
from n1codec.codec import FormatError, UnavailableError
from n1codec.recordings.samples import release

BLOCK = 1 << 20
"""Bytes that are asked for at a time over the network."""


class Access(Protocol):
    """What a reader of .n1c files needs of a file."""

    size: int
    """Bytes of it."""

    def at(self, offset: int, length: int) -> memoryview:
        """Return bytes of the file.

        Raises:
            FormatError: they are not all there.
        """

    def release(self) -> None:
        """Give back the memory that holds what was read so far."""


class Memory:
    """Bytes in memory, or mapped into it."""

    def __init__(self, data: Any) -> None:
        self.data = memoryview(data).cast("B")
        self.size = len(self.data)

    def at(self, offset: int, length: int) -> memoryview:
        if offset + length > self.size:
            raise FormatError("it is truncated")
        return self.data[offset : offset + length]

    def release(self) -> None:
        release(self.data)


class Pieces:
    """Bytes that stand in several places of memory, one behind the other."""

    def __init__(self, pieces: Iterable[Any]) -> None:
        self.pieces = [memoryview(piece).cast("B") for piece in pieces if memoryview(piece).nbytes]
        self._ends = list(accumulate(map(len, self.pieces)))
        self.size = self._ends[-1] if self._ends else 0

    def at(self, offset: int, length: int) -> memoryview:
        if offset + length > self.size:
            raise FormatError("it is truncated")
        found: list[memoryview] = []
        number = bisect_right(self._ends, offset)
        while length:
            start = offset - (self._ends[number] - len(self.pieces[number]))
            found.append(self.pieces[number][start : start + length])
            offset += len(found[-1])
            length -= len(found[-1])
            number += 1
        return found[0] if len(found) == 1 else memoryview(b"".join(found))

    def release(self) -> None:
        for piece in self.pieces[:1]:  # the others are of the same file
            release(piece)


class FileObject:
    """A binary file that can seek; threads take turns."""

    def __init__(self, file: Any) -> None:
        self.file, self._lock = file, Lock()
        self.size = file.seek(0, io.SEEK_END)

    def at(self, offset: int, length: int) -> memoryview:
        if offset + length > self.size:
            raise FormatError("it is truncated")
        with self._lock:
            self.file.seek(offset)
            parts, missing = [], length
            while missing and (part := self.file.read(missing)):
                parts.append(part)
                missing -= len(part)
        if missing:
            raise FormatError("it is truncated")
        return memoryview(parts[0] if len(parts) == 1 else b"".join(parts))

    def release(self) -> None:
        pass  # it holds nothing


def access(source: Any) -> Access:
    """Return access to a path, a URL (``https://``, ``s3://``; extra ``n1codec[remote]``), a file object, or bytes.

    Raises:
        UnavailableError: a URL, and fsspec is not installed.
        OSError: it cannot be read.
    """
    if isinstance(source, str) and "://" in source:
        try:
            import fsspec
        except ImportError:
            raise UnavailableError("addresses need fsspec (pip install 'n1codec[remote]')") from None
        return FileObject(fsspec.open(source, "rb", block_size=BLOCK).open())
    if isinstance(source, str | Path):
        return Memory(files.view(source))
    if hasattr(source, "seek"):
        return FileObject(source)
    return Memory(source)
