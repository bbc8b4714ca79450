"""A lock that lets one sweep at a time write to a results folder."""

from __future__ import annotations

import os
from pathlib import Path

from n1codec import files
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
            files.lock(self.file)
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
