"""The result store: ``results/<dataset>/files.csv.gz``, one row per file and codec, append-only.

The file is a chain of gzip members (RFC 1952, section 2.2), one per finished codec, each synced to the disk. What a
kill or a full disk leaves of the last member is passed over by the reader and cut off by the next writer. Any tool
that reads gzipped CSV reads it. It is UTF-8, but for file names that are not: their bytes stand in it as they are.
"""

from __future__ import annotations

import csv
import gzip
import io
import os
import sys
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from n1codec.codec import CodecError

if TYPE_CHECKING:
    import pandas as pd

FILE = "files.csv.gz"
COLUMNS = (
    "dataset",
    "file",  # empty in the row of a codec that failed or was skipped as a whole
    "mode",  # the classic name where there is one, else the spec
    "spec",
    "family",
    "status",  # ok, mismatch, failed, memory, timeout or skipped
    "reason",
    "verified",  # 1 if the decoded bytes were compared and are the original's
    "original_bytes",
    "compressed_bytes",
    "frames",
    "channels",
    "rate",
    "bits",
    "recording_seconds",
    "encode_seconds",  # median over the repeats, the codec's own work
    "encode_cpu_seconds",  # processor time of all its threads, mean over the repeats
    "encode_repeats",
    "encode_spread",  # interquartile range / median
    "encode_start_seconds",  # start of a process, not in the seconds, where somebody else's program does the work
    "encode_memory_bytes",  # peak resident memory above that with codec and file loaded
    "encode_instructions",  # of one pass, where they were counted
    "decode_seconds",
    "decode_cpu_seconds",
    "decode_repeats",
    "decode_spread",
    "decode_start_seconds",
    "decode_memory_bytes",
    "decode_instructions",
    "byte_entropy_before",  # bits per byte, order 0, of the file
    "byte_entropy_after",  # and of the .n1c file
    "crc32",  # of the original
    "jobs",  # codecs measured at the same time; times are comparable where it is 1
    "settings",  # of the measurement: key=value, separated by blanks
    "codec_version",
    "libraries",
    "n1codec",
    "python",
    "machine",
    "cpu",
    "timestamp",  # UTC, when the codec was finished
)
TEXT = ("dataset", "file", "mode", "spec", "family", "status", "reason", "crc32", "settings", "codec_version",
         "libraries", "n1codec", "python", "machine", "cpu", "timestamp")  # fmt: skip


def _scan(data: bytes) -> tuple[str, int]:
    """Return the text of the whole members at the front of ``data``, and where the last of them ends."""
    parts, end = [], 0
    while end < len(data):
        member = zlib.decompressobj(wbits=31)
        try:
            part = member.decompress(data[end:])
        except zlib.error:
            break
        if not member.eof:
            break
        parts.append(part)
        end = len(data) - len(member.unused_data)
    return b"".join(parts).decode("utf-8", "surrogateescape"), end


def _text(path: Path) -> str:
    return _scan(path.read_bytes())[0] if path.exists() else ""


def read(path: Path) -> list[dict[str, str]]:
    """Return every row as text by column; none if there is no such file."""
    return list(csv.DictReader(io.StringIO(_text(path), newline="")))


def frame(rows: list[dict[str, str]], text: Iterable[str] = TEXT) -> pd.DataFrame:
    """Return rows as a frame: the columns named in ``text`` as they are, the others as the nearest float64 or NaN."""
    import pandas as pd

    table = pd.DataFrame(rows, dtype=object)  # Arrow's strings, the default where it is there, are UTF-8 only
    for column in table.columns.difference(list(text)):
        table[column] = [float(cell) if cell else float("nan") for cell in table[column]]
    return table


def read_frame(path: Path) -> pd.DataFrame:
    """Return every row, in the order written; columns that an older version did not have are empty.

    Raises:
        CodecError: there are no results, or columns that this version does not know.
    """
    rows = read(path)
    if not rows:
        raise CodecError(f"{path}: there are no results (run n1codec grid first)")
    if unknown := rows[0].keys() - set(COLUMNS):
        raise CodecError(
            f"{path}: it is of another version of n1codec, with the columns {', '.join(map(str, unknown))}"
        )
    return frame([dict.fromkeys(COLUMNS, "") | row for row in rows])


class Store:
    """The writer's side of one result file. Only one writer at a time: hold a :class:`Lock`.

    Raises:
        CodecError: the file has other columns.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        data = path.read_bytes() if path.exists() else b""
        text, self._end = _scan(data)
        self.rows: list[dict[str, str]] = list(csv.DictReader(io.StringIO(text, newline="")))
        header = text.partition("\n")[0].strip()
        if header and header != ",".join(COLUMNS):
            raise CodecError(f"{path}: it has the columns of another version of n1codec (move it away)")

    def append(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Add rows and sync them to the disk; all of them or, on an error, none.

        Raises:
            OSError: the disk is full or the file cannot be written.
        """
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, COLUMNS, restval="", lineterminator="\n")
        if not self._end:
            writer.writeheader()
        start = text.tell()
        writer.writerows(rows)
        member = gzip.compress(text.getvalue().encode("utf-8", "surrogateescape"), mtime=0)
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666)
        try:
            os.ftruncate(descriptor, self._end)
            os.lseek(descriptor, self._end, os.SEEK_SET)
            try:
                left = memoryview(member)
                while left:
                    left = left[os.write(descriptor, left) :]
                os.fsync(descriptor)
            except OSError as error:
                os.ftruncate(descriptor, self._end)
                raise OSError(error.errno, error.strerror, str(self.path)) from error
        finally:
            os.close(descriptor)
        self._end += len(member)
        text.seek(start)
        self.rows += csv.DictReader(text, COLUMNS)


class Lock:
    """Held by the one sweep that writes to a results folder; the system frees it when its process ends, however.

    Raises:
        CodecError: another sweep holds it.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.file = path.open("a+", encoding="ascii")
        try:
            _lock(self.file)
        except OSError:
            self.file.seek(0)
            owner = self.file.read().strip() or "unknown"
            self.file.close()
            raise CodecError(
                f"{path.parent.parent}: another sweep (process {owner}) writes there "
                "(wait for it, or choose another folder with --results)"
            ) from None
        self.file.truncate(0)
        self.file.write(str(os.getpid()))
        self.file.flush()

    def __enter__(self) -> Lock:
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()


def _lock(file: IO[str]) -> None:
    if sys.platform == "win32":
        import msvcrt

        file.seek(1 << 30)  # a byte far behind the text, which stays readable
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
