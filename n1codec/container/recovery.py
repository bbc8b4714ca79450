"""What is whole of a .n1c file that a kill or a power cut left, or whose end was lost."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from n1codec import files
from n1codec.codec import FormatError
from n1codec.container import version2
from n1codec.container.access import Access, Memory, Pieces
from n1codec.container.archive import Archive, read_head
from n1codec.container.restoring import Restorer
from n1codec.container.version2 import Bytes, Chunk, Head, Index, Model

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer as Buffer


class Recovered(NamedTuple):
    """What became of a damaged file."""

    seconds: float
    """Of the longest stream; 0 where the rate is not known."""
    frames: tuple[int, ...]
    """Of each stream."""
    chunks: int
    """How many stretches of frames are in it."""
    lost_bytes: int
    """Bytes of the damaged file that are in no whole chunk."""
    without_model: int = 0
    """How many chunks are lost only because their models are."""


def recover(source: str | Path, target: str | Path) -> Recovered:
    """Write every whole chunk of a .n1c file of version 2, up to the first that is missing, as a .n1c file.

    A chunk counts if those of all channels over the same frames are there with their models, and decode to what was
    encoded. Decoded, the new file gives the source up to where it was lost; what stood behind the samples is in it only
    if no chunk is missing.

    Raises:
        FormatError: it is no such file, or its head is damaged.
        UnavailableError: it needs a codec that is not here.
        OSError: the files.
    """
    data = files.view(source)
    head, at = read_head(Memory(data))
    sections = _whole(data, at)
    orphans = _without_model(sections)
    kept = set(_connected(head, [entry for entry in sections if entry not in orphans]))
    needed = {(chunk.stream, chunk.group, chunk.model) for chunk in kept if chunk.model}
    frames = tuple(sum(chunk.frames for chunk in kept if (chunk.stream, chunk.group) == (number, 0))
                   for number in range(len(head.streams)))  # fmt: skip
    pieces: list[Buffer] = [data[:at]]
    entries: list[Chunk | Model | Bytes] = []
    end = at
    whole = kept.issuperset(entry for entry in sections if isinstance(entry, Chunk))
    for entry in sections:
        if isinstance(entry, Chunk) and entry not in kept:
            continue
        if isinstance(entry, Bytes) and entry.behind and not whole:
            continue
        if isinstance(entry, Model):
            if entry[:3] not in needed:
                continue
            needed.remove(entry[:3])
        pieces.append(data[entry.offset : entry.offset + entry.length])
        entries.append(entry._replace(offset=end))
        end += entry.length
    checksums = _checksums(Pieces([*pieces, *_index(frames, entries, [0] * len(head.files), end)]))
    files.write(target, *pieces, *_index(frames, entries, checksums, end))
    seconds = max((count / one.rate for count, one in zip(frames, head.streams, strict=True) if one.rate), default=0.0)
    return Recovered(seconds, frames, len({(one.stream, one.start) for one in kept}), len(data) - end,
                     len(orphans))  # fmt: skip


def _index(
    frames: tuple[int, ...], entries: list[Chunk | Model | Bytes], checksums: list[int], at: int
) -> list[Buffer]:
    return [*version2.put_index(Index(tuple(entries), frames, tuple(checksums))), version2.tail(at)]


def _checksums(packed: Access) -> list[int]:
    """Return the checksums of the files of a source whose index does not know them yet."""
    archive = Archive(packed)
    if not archive.head.files:
        return []
    restorer = Restorer(archive, lambda number, data, at: None)
    restorer.begin()
    for number, spans in enumerate(archive.spans):
        for span in spans:
            restorer.add(number, span.start, [archive.decode(chunk) for chunk in span.chunks])
            packed.release()
    return restorer.end()


def _whole(data: memoryview, at: int) -> list[Chunk | Model | Bytes]:
    """Return where the whole sections of a file are, from an offset on; what is damaged in itself is left out."""
    found: list[Chunk | Model | Bytes] = []
    while at < len(data):
        if data[at] == version2.TAIL:  # the end of a file that was written on
            at += version2.TAIL_SIZE
            continue
        try:
            tag, body, length = version2.open_section(data[at:])
        except FormatError:
            skipped = _length(data, at)
            if not skipped:
                return found
            at += skipped
            continue
        with suppress(FormatError):  # what it says of itself is damage, too, if it makes no sense
            found.append(_entry(tag, body, at, length))
        at += length
    return found


def _entry(tag: int, body: memoryview, at: int, length: int) -> Chunk | Model | Bytes:
    """Return what a section says of itself.

    Raises:
        FormatError: it makes no sense, or is of a kind that is not needed.
    """
    if tag == version2.CHUNK:
        return version2.take_chunk(body)[0]._replace(offset=at, length=length)
    if tag == version2.MODEL:
        return Model(*version2.take_model(body)[0], at, length)
    if tag == version2.BYTES:
        return Bytes(*version2.take_file_bytes(body)[0], at, length)
    raise FormatError("it has a section that is not needed")


def _length(data: memoryview, at: int) -> int:
    """Return the length of a section that is damaged, if a whole one stands behind it, else 0."""
    try:
        reader = version2.Reader(data[at : at + 16])
        reader.take(1)
        length = reader.uint() + reader.at + 4
        if data[at] in version2.SECTIONS and at + length < len(data):
            version2.open_section(data[at + length :])
            return length
    except FormatError:
        pass
    return 0


def _without_model(sections: list[Chunk | Model | Bytes]) -> set[Chunk]:
    """Return the chunks before which their model does not stand."""
    models: set[tuple[int, int, int]] = set()
    found: set[Chunk] = set()
    for entry in sections:
        if isinstance(entry, Model):
            models.add(entry[:3])
        elif isinstance(entry, Chunk) and entry.model and (entry.stream, entry.group, entry.model) not in models:
            found.add(entry)
    return found


def _connected(head: Head, sections: list[Chunk | Model | Bytes]) -> list[Chunk]:
    """Return the chunks of all groups of each stream, from its first frame on without a gap."""
    starts: dict[tuple[int, int], dict[int, Chunk]] = {}
    for entry in sections:
        if isinstance(entry, Chunk) and entry.stream < len(head.streams):
            starts.setdefault((entry.stream, entry.start), {}).setdefault(entry.group, entry)
    kept: list[Chunk] = []
    for number, stream in enumerate(head.streams):
        at = 0
        while len(found := starts.get((number, at), {})) == len(stream.groups) and found:
            if len({chunk.frames for chunk in found.values()}) > 1:
                break
            kept += found.values()
            at += found[0].frames
    return kept
