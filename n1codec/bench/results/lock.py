"""A lock that lets one sweep at a time write to a results folder."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import IO

from n1codec.codec import CodecError


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
