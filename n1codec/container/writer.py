"""The sections of a file of version 2, written one behind the other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from n1codec.container import version2
from n1codec.container.version2 import Bytes, Chunk, Head, Index, Model
from n1codec.pipeline import Pipeline

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer as Buffer


class Writer:
    """Writes sections, and remembers where they are.

    Args:
        put: takes the next bytes of the file.
        head: what the source is.
        at: offset in the file of the first byte that is written; 0 for a new one.
        previous: offset of the index that the file has already, 0 where it has none.
    """

    def __init__(self, put: Callable[[Any], Any], head: Head, at: int = 0, previous: int = 0) -> None:
        self._put, self.head, self._at, self._previous = put, head, at, previous
        self._entries: list[Chunk | Model | Bytes] = []
        self.last_models: dict[tuple[int, int], tuple[int, bytes]] = {}
        """Number and bytes of the last model of each stream and group."""

    @property
    def size(self) -> int:
        """Bytes of the file so far."""
        return self._at

    def _write(self, pieces: Iterable[Buffer]) -> tuple[int, int]:
        """Write pieces in one go; return where they begin, and their length."""
        start, joined = self._at, b"".join(pieces)  # a kill between two calls would leave half a section
        self._put(joined)
        self._at += len(joined)
        return start, self._at - start

    def begin(self, codecs: Sequence[Sequence[Pipeline]], prefixes: Iterable[Buffer]) -> None:
        """Write the head, and for each file of the source the bytes before its samples."""
        self._write([version2.START])
        self._write(version2.put_head(self.head, codecs))
        for number, prefix in enumerate(prefixes):
            self._bytes(number, 0, prefix)

    def _bytes(self, number: int, behind: int, data: Buffer) -> None:
        data, step = memoryview(data), version2.MOST_BYTES
        for start in range(0, len(data), step):
            place = self._write(version2.put_file_bytes(number, behind, data[start : start + step]))
            self._entries.append(Bytes(number, behind, *place))

    def model(self, stream: int, group: int, number: int, data: bytes) -> None:
        """Write a model that chunks behind it refer to by its number, from 1 on."""
        place = self._write(version2.put_model(stream, group, number, data))
        self._entries.append(Model(stream, group, number, *place))
        self.last_models[stream, group] = number, data

    def chunk(self, chunk: Chunk, checksum: int, payload: Buffer) -> None:
        """Write a chunk.

        Args:
            checksum: CRC-32 of its samples.
        """
        place = self._write(version2.put_chunk(chunk, checksum, payload))
        self._entries.append(chunk._replace(offset=place[0], length=place[1]))

    def finish(self, frames: Sequence[int], suffixes: Sequence[Buffer] = (), checksums: Sequence[int] = ()) -> None:
        """Write what stands behind the samples, the index and the last bytes.

        Args:
            frames: how many each stream has in the whole file.
            suffixes, checksums: the last bytes of each file of the source, and the CRC-32 of all of it.
        """
        for number, suffix in enumerate(suffixes):
            self._bytes(number, 1, suffix)
        index = Index(tuple(self._entries), tuple(frames), tuple(checksums))
        start, _ = self._write(version2.put_index(index, self._previous))
        self._write([version2.tail(start)])
        self._previous, self._entries = start, []
