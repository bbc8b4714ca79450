"""The bytes of files to .n1c bytes and back, all in memory."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from n1codec.container.access import Memory
from n1codec.container.archive import Archive
from n1codec.container.convert import restore
from n1codec.container.packing import Packing
from n1codec.container.restoring import Restorer
from n1codec.pipeline import Pipeline
from n1codec.recordings import Place

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer as Buffer


def encode_bytes(data: Buffer, stages: Pipeline | None = None) -> bytes:
    """Return .n1c bytes of a file's bytes; what no reader understands is stored as it is.

    Args:
        stages: the codec; None takes the one that suits the recording.
    """
    packing = Packing(Place(Path("memory")), stages, data)
    return b"".join(packing.assemble([packing.encode(piece) for piece in packing.pieces()]))


def decode_bytes(blob: Buffer, given: Pipeline | None = None) -> bytes:
    """Return the bytes of the file that .n1c bytes hold; of several files that belong together those of the first.

    Args:
        given: the codec, where the file may not name it in full (see :func:`n1codec.container.header.decoder`).

    Raises:
        CodecError: ``given`` did not write it, or is needed.
        FormatError: the bytes are damaged, not .n1c, or hold an array that came from no file.
        UnavailableError: the codec that wrote them is not here.
    """
    archive = Archive(Memory(blob), given)
    made: list[bytearray] = [bytearray() for _ in archive.head.files]

    def put(number: int, data: memoryview, at: int) -> None:
        made[number].extend(bytes(max(0, at - len(made[number]))))
        made[number][at : at + data.nbytes] = data

    restore(archive, Restorer(archive, put))
    return bytes(made[0])
