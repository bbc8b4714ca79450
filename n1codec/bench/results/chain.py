"""The form of a result store: a chain of gzip members (RFC 1952, section 2.2) whose texts together are CSV."""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import IO, Any, NamedTuple

TITLE = b"dataset,file,mode,spec,"
"""How a line of column names begins; no row does."""
_OURS = gzip.compress(b"", mtime=0)[:8]
"""How a gzip member begins that this module wrote."""
_CHUNK = 1 << 12
_BLOCK = 1 << 22
"""Bytes of text in a block: more is not faster to parse, and takes more memory."""


class Member(NamedTuple):
    text: bytes
    end: int
    """Offset in the file behind it."""


def members(file: IO[bytes]) -> Iterator[Member]:
    """Yield the whole gzip members at the front of a file, in time linear in its length."""
    end = 0
    pending = file.read(_CHUNK)
    while pending:
        member, parts = zlib.decompressobj(wbits=31), []
        while not member.eof and pending:
            try:
                parts.append(member.decompress(pending))
            except zlib.error:
                return
            end += len(pending) - len(member.unused_data)
            pending = member.unused_data or file.read(_CHUNK)
        if not member.eof:
            return
        yield Member(b"".join(parts), end)


class Block(NamedTuple):
    columns: list[str]
    text: bytes
    """Whole rows; may be empty behind a line of column names."""


def blocks(members: Iterable[Member]) -> Iterator[Block]:
    """Yield the rows of members in blocks of a few megabytes, each with the columns of its rows."""
    columns: list[str] = []
    parts: list[bytes] = []
    size = 0
    for member in members:
        at = 0
        while (title := _find_title(member.text, at)) >= 0:
            if columns:
                yield Block(columns, b"".join([*parts, member.text[at:title]]))
            parts, size = [], 0
            at = member.text.find(b"\n", title) + 1 or len(member.text)
            columns = member.text[title:at].decode("utf-8", "surrogateescape").strip().split(",")
        parts.append(member.text[at:])
        size += len(parts[-1])
        if size > _BLOCK and parts[-1].endswith(b"\n"):
            yield Block(columns, b"".join(parts))
            parts, size = [], 0
    if columns:
        yield Block(columns, b"".join(parts))


def _find_title(text: bytes, start: int) -> int:
    """Return where the next line of column names begins, -1 if there is none."""
    if text.startswith(TITLE, start):
        return start
    return text.find(b"\n" + TITLE, start) + 1 or -1


def is_torn(rest: bytes, columns: Sequence[str]) -> bool:
    """Return whether the bytes behind the last whole member are what a kill or a power cut leaves of one of ours.

    That is the beginning of a gzip member, with whole rows in it as far as it goes, and zeros that the file system had
    allocated.
    """
    rest = rest.rstrip(b"\0")
    if not rest:
        return True
    if rest[: len(_OURS)] != _OURS[: len(rest)]:
        return False
    try:
        text = zlib.decompressobj(wbits=31).decompress(rest)
    except zlib.error:
        return False
    lines = text[: text.rfind(b"\n") + 1].decode("utf-8", "surrogateescape")
    rows = list(csv.reader(io.StringIO(lines, newline="")))
    if rows and text.startswith(TITLE):
        columns = rows[0]
    return all(len(row) == len(columns) for row in rows[:-1])  # the last may go on behind a line break


def pack(columns: Sequence[str], rows: Iterable[Mapping[str, Any]], *, titled: bool) -> bytes:
    """Return rows as a gzip member, with the line of column names before them if it is ``titled``."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    if titled:
        writer.writeheader()
    writer.writerows(rows)
    return gzip.compress(text.getvalue().encode("utf-8", "surrogateescape"), mtime=0)


def rescue(data: memoryview) -> tuple[bytes, int]:
    """Return what is whole of the text of a gzip member at the front of ``data``, and how long the member is.

    The length is 0 if the member is damaged or cut off.
    """
    member, parts, at = zlib.decompressobj(wbits=31), [], 0
    while at < len(data) and not member.eof:
        try:
            parts.append(member.decompress(data[at : at + _CHUNK]))
        except zlib.error:
            return b"", 0
        at = min(at + _CHUNK, len(data))
    return b"".join(parts), at - len(member.unused_data) if member.eof else 0
