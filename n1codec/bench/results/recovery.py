"""Save the whole rows of a result store that is damaged."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from n1codec import files
from n1codec.bench.results import chain
from n1codec.bench.results.store import COLUMNS
from n1codec.codec import CodecError


def recover(damaged: Path, target: Path) -> int:
    """Write the whole rows of a damaged store to a new one, and return how many there are.

    Whole are the rows of members whose checksum is right, wherever they stand, those that are there of a member that
    was cut off, and those of a file that was unpacked.

    Raises:
        CodecError: there is no whole row, or the new file exists.
        OSError: a file cannot be read or written.
    """
    if target.exists():
        raise CodecError(f"{target}: it exists (name a new file)")
    data = files.read(damaged)
    texts, at = [], 0
    while (start := data.find(b"\x1f\x8b\x08", at)) >= 0:
        text, length = chain.rescue(memoryview(data)[start:])
        texts.append(text)
        at = start + max(length, 1)
    rows: list[dict[str, str]] = []
    columns = list(COLUMNS)
    for text in texts or [data]:
        lines = text[: text.rfind(b"\n") + 1].decode("utf-8", "surrogateescape")
        for row in csv.reader(io.StringIO(lines, newline="")):
            if ",".join(row).startswith(chain.TITLE.decode()):
                columns = row
            elif len(row) == len(columns):
                rows.append(dict(zip(columns, row, strict=True)))
    if not rows:
        raise CodecError(f"{damaged}: there is no whole row in it")
    names = dict.fromkeys(column for row in rows for column in row)
    files.write(target, chain.pack(list(names), rows, titled=True))
    return len(rows)
