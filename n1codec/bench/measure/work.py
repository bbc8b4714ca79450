"""One direction of one codec on one source, timed apart from reading, parsing, checksums and writing."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from n1codec.container import Archive, Packing
from n1codec.container.access import Memory
from n1codec.container.convert import timed_decode
from n1codec.container.packing import Encoded
from n1codec.container.restoring import Restorer
from n1codec.pipeline import Pipeline
from n1codec.recordings import Place

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer as Buffer


class Pass(NamedTuple):
    """What came of doing the work once."""

    result: Any
    """For :meth:`Work.finish`: payloads, or samples."""
    seconds: float
    """The codec's own."""
    start_seconds: float = 0.0
    """What the start of a process took that is not in them, where somebody else's program does the work."""


class Work:
    """The work of a codec on a source, to be done once or many times, one chunk after the other.

    Args:
        data: the bytes to encode, or those of the .n1c file to decode.
        direction: "encode" or "decode".
        given: the codec; None decodes with the one that the file names.
        place: what to encode, where it is more than the bytes of one file; ``data`` is of no use then.

    Raises:
        CodecError: the .n1c file is damaged, or needs another codec.
    """

    def __init__(self, data: Buffer, direction: str, given: Pipeline | None, place: Place | None = None) -> None:
        self.data = memoryview(data)
        self.stored = ""
        """Why a file to encode is stored as bytes; empty where its samples are coded."""
        self._packing: Packing | None = None
        if direction == "encode":
            self._packing = Packing(place, given) if place else Packing(Place(Path("memory")), given, data)
            if place:
                for file in self._packing.source.files:  # into memory now: reading is not the codec's work
                    np.frombuffer(file.data, np.uint8)[::4096].sum()
            self.codec, self.stored = self._packing.codec, self._packing.stored
        else:
            self._archive = Archive(Memory(data), given)
            self.codec = self._archive.pipeline(0, 0)

    @property
    def size(self) -> int:
        """Bytes of what goes in: of the files that hold samples, or of the .n1c file."""
        return self._packing.sample_bytes if self._packing else len(self.data)

    def run(self) -> Pass:
        """Do it once."""
        if self._packing:
            self._packing.models.clear()  # to fit them is a part of the work
            done = [self._packing.encode(piece) for piece in self._packing.pieces()]
            return Pass(done, sum(one.seconds for one in done), sum(one.start_seconds for one in done))
        decoded = [timed_decode(self._archive, chunk) for chunk in self._archive.chunks]
        seconds = sum(took for _, took, _ in decoded)
        return Pass([x for x, _, _ in decoded], seconds, sum(start for _, _, start in decoded))

    def finish(self, result: Any) -> Iterable[Buffer]:
        """Return the .n1c file, or all files of the source one behind the other, in pieces."""
        if self._packing:
            encoded: list[Encoded] = result
            return self._packing.assemble(encoded)
        made = [bytearray() for _ in self._archive.head.files]

        def put(number: int, data: memoryview, at: int) -> None:
            made[number].extend(bytes(max(0, at - len(made[number]))))
            made[number][at : at + data.nbytes] = data.cast("B")

        restorer = Restorer(self._archive, put)
        restorer.begin()
        parts = dict(zip(self._archive.chunks, result, strict=True))
        for stream, spans in enumerate(self._archive.spans):
            for span in spans:
                restorer.add(stream, span.start, [parts[chunk] for chunk in span.chunks])
        restorer.finish(self._archive.checksums)
        return made
