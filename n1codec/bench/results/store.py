"""The result store: ``results/<dataset>/files.csv.gz``, one row per file and codec, append-only.

The file is gzipped CSV (RFC 1952, RFC 4180) in UTF-8; bytes of file names that are no UTF-8 stand in it as they are.
It is a chain of gzip members (RFC 1952, section 2.2), one per finished codec, each synced to the disk. The first line
names the columns. Where a later version of n1codec knows more columns, the member that it appends begins with a line
of names of its own: the columns that were there, in their places, and the new ones behind them.

Nothing that is in the file is ever replaced. A reader passes over the torn member that a kill or a power cut leaves at
the end, and the next writer cuts it off. Anything else that is not understood is refused;
:func:`n1codec.bench.results.recovery.recover` saves the whole rows of such a file.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from n1codec import files
from n1codec.bench.results import chain, parsing
from n1codec.codec import CodecError

if TYPE_CHECKING:
    import pandas as pd

FILE = "files.csv.gz"
QUALITY = "quality.csv.gz"
"""The same for lossy codecs, which never stand beside others."""
COLUMNS = (
    "dataset",
    "file",  # empty in the row of a codec that failed or was skipped as a whole
    "mode",  # the classic name where there is one, else the spec
    "spec",
    "family",
    "status",  # ok, mismatch, failed, memory, timeout or skipped
    "reason",
    "verified",  # 1 if the decoded bytes were compared and are the original's, or as near to it as was promised
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
    "files",  # that a codec was asked for, in the row that says that it failed or was skipped as a whole
    "snr_db",  # of lossy codecs, over all channels of a file (see n1codec/lossy/distortion.py)
    "snr_spike_db",
    "psnr_db",
    "psnr_peak",
    "largest_error",  # in steps of the converter
)
NUMBERS = frozenset(COLUMNS) - {"dataset", "file", "mode", "spec", "family", "status", "reason", "crc32", "settings",
                                 "codec_version", "libraries", "n1codec", "python", "machine", "cpu",
                                 "timestamp"}  # fmt: skip
_MEND = "(mend it, or move the file away)"
_ADVICE = "(move it away; n1codec results recover saves its whole rows)"
_THREADS = min(os.cpu_count() or 1, 4)


class _Content(NamedTuple):
    rows: pd.DataFrame
    columns: list[str]
    """Of the last row; empty if there is no file yet."""
    end: int
    """Offset in the file behind its last whole member."""
    size: int
    """Bytes of the file."""


def _content(path: Path, wanted: Sequence[str] = ()) -> _Content:
    """Return what is in a store; of its columns those that are ``wanted``, all of them if none is named.

    Raises:
        CodecError: the file is not understood.
        OSError: it cannot be read.
    """
    import pandas as pd

    nothing = parsing.complete(pd.DataFrame(), wanted or COLUMNS, NUMBERS)
    if not path.exists() or not path.stat().st_size:
        return _Content(nothing, [], 0, 0)
    columns: list[str] = []
    frames: list[pd.DataFrame] = []
    count = end = 0

    def watched(members: Iterable[chain.Member]) -> Iterator[chain.Member]:
        nonlocal end
        for member in members:
            if not end and not member.text.startswith(chain.TITLE):
                raise CodecError(f"{path}: it is gzipped, but it is no store of results (move it away)")
            end = member.end
            yield member

    with path.open("rb") as file:
        for (columns, text), frame in _parsed(chain.blocks(watched(chain.members(file)))):
            if frame is None:
                raise CodecError(f"{path}: {parsing.what_is_wrong(columns, NUMBERS, text, count)} {_MEND}")
            if wrong := _contradiction(frame, count):
                raise CodecError(f"{path}: {wrong} {_MEND}")
            count += len(frame)
            frame = parsing.complete(frame, COLUMNS, NUMBERS)
            frames.append(frame[list(wanted)] if wanted else frame)
        file.seek(end)
        rest = file.read()
    if not end and rest.startswith(chain.TITLE):
        raise CodecError(f"{path}: it is not gzipped (gzip it again, or move it away)")
    if not end:
        raise CodecError(f"{path}: it is no store of results, or its beginning is damaged {_ADVICE}")
    if not chain.is_torn(rest, columns):
        raise CodecError(f"{path}: it is damaged behind its first {count} rows, at byte {end} {_ADVICE}")
    if not count:
        return _Content(nothing, columns, end, end + len(rest))
    table = pd.concat(frames, ignore_index=True)
    for column in table.columns[len(COLUMNS) :] if not wanted else ():  # of later versions, which not all rows have
        table[column] = table[column].where(table[column].notna(), "")
    return _Content(table, columns, end, end + len(rest))


def _parsed(blocks: Iterable[chain.Block]) -> Iterator[tuple[chain.Block, pd.DataFrame | None]]:
    """Yield blocks, in their order, with what they are as frames; threads share the work."""
    with ThreadPoolExecutor(_THREADS) as pool:
        waiting: deque[tuple[chain.Block, Future[pd.DataFrame | None]]] = deque()
        for block in blocks:
            waiting.append((block, pool.submit(parsing.parse, block.columns, NUMBERS, block.text)))
            if len(waiting) > _THREADS:
                done, future = waiting.popleft()
                yield done, future.result()
        for done, future in waiting:
            yield done, future.result()


def _contradiction(table: pd.DataFrame, before: int) -> str:
    """Return what is wrong with the first row that says that a file was verified, but not its sizes; "" if none does.

    Args:
        before: rows of the file before these.
    """
    if missing := {"status", "original_bytes", "compressed_bytes"} - set(table.columns):
        return f"it has no column {min(missing)}"
    sizes = (table["original_bytes"] >= 0) & (table["compressed_bytes"] > 0) & (table["file"] != "")
    wrong = ((table["status"] == "ok") & ~sizes).to_numpy()
    return f"row {before + int(wrong.argmax()) + 1} is ok but has no file or no sizes" if wrong.any() else ""


def read(path: Path) -> pd.DataFrame:
    """Return every row, in the order written; columns that the version of n1codec that wrote it did not know are empty.

    Returns:
        A frame with the columns COLUMNS, and behind them those of later versions: float64 for those of NUMBERS, NaN
        where there is none, and text for the others.

    Raises:
        CodecError: there are no results, or the file is not understood.
        OSError: it cannot be read.
    """
    table = _content(path).rows
    if table.empty:
        raise CodecError(f"{path}: there are no results (run n1codec grid first)")
    return table


class Store:
    """The writer's side of one result file. Only one writer at a time: hold a :class:`n1codec.bench.results.lock.Lock`.

    Args:
        wanted: the columns that ``rows`` has, all if none is named.

    Raises:
        CodecError: the file is not understood.
        OSError: it cannot be read.
    """

    def __init__(self, path: Path, wanted: Sequence[str] = ()) -> None:
        self.path = path
        content = _content(path, wanted)
        self.rows = content.rows
        """The rows that were there when this was made, as :func:`read` returns them."""
        self._columns, self._end, self._size = list(content.columns), content.end, content.size

    @property
    def empty(self) -> bool:
        """Whether there is no row yet."""
        return not self._end

    def append(self, added: Iterable[Mapping[str, Any]]) -> None:
        """Add rows and sync them to the disk; all of them or, on an error, none.

        Raises:
            CodecError: somebody else has written to the file.
            OSError: the disk is full or the file cannot be written; ``filename`` is set.
        """
        added = list(added)
        if not added:
            return
        new = [column for column in COLUMNS if column not in self._columns]
        if self._columns:  # a second line of column names is for cells that have no place without it
            new = [column for column in new if any(row.get(column) not in (None, "") for row in added)]
        member = chain.pack([*self._columns, *new], added, titled=bool(new))
        if self._end:
            self._extend(member)
        else:
            files.write(self.path, member)
        self._columns += new
        self._end = self._size = self._end + len(member)

    def _extend(self, member: bytes) -> None:
        """Write a member behind the last whole one."""
        try:
            descriptor = os.open(self.path, os.O_RDWR | getattr(os, "O_BINARY", 0))
            try:
                if os.fstat(descriptor).st_size != self._size:
                    raise CodecError(f"{self.path}: another program has written to it (start again)")
                os.ftruncate(descriptor, self._end)
                os.lseek(descriptor, self._end, os.SEEK_SET)
                try:
                    left = memoryview(member)
                    while left:
                        left = left[os.write(descriptor, left) :]
                    os.fsync(descriptor)
                except OSError:
                    os.ftruncate(descriptor, self._end)
                    self._size = self._end
                    raise
            finally:
                os.close(descriptor)
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(self.path)) from error
