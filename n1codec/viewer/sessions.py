"""The recordings that are open: those named on the command line, and those that were dropped on the page since.

Dropped files, and all that is made of them, are in a folder that goes when the viewer ends.
"""

from __future__ import annotations

import tempfile
import threading
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath

from n1codec.codec import CodecError
from n1codec.datasets import dataset
from n1codec.recordings import Place, main_file
from n1codec.viewer import opening
from n1codec.viewer.session import Session

MEGABYTES = 2048
"""Of the files that may be dropped at a time."""
MOST_UNPACKED = 512 << 20
"""Bytes of the recordings in an archive that is dropped."""

Save = Callable[[Path], None]
"""Writes a file that a browser sent to a path."""


class Sessions:
    """The open sessions by key."""

    def __init__(self, first: Session, cache: Path) -> None:
        self.first, self.cache = first, cache
        self._open = {first.key: first}
        self._lock = threading.Lock()
        self._dropped = tempfile.TemporaryDirectory(prefix="n1codec-dropped-")
        self._count = 0

    def get(self, key: str) -> Session:
        """Return the session whose key begins with ``key``, from the cache if it is not open; else the first one."""
        if not key:
            return self.first
        with self._lock:
            for known, found in self._open.items():
                if known.startswith(key):
                    return found
            reopened = opening.reopen(key, self.cache)
            return self._add(reopened) if reopened else self.first

    def drop(self, sent: Sequence[tuple[str, Save]]) -> Session:
        """Return the session of files that a browser sent.

        Args:
            sent: the name of each file, with ``/`` between the folders that were dropped with it, and what writes it.

        Raises:
            CodecError: not one of them is a recording.
        """
        if not sent:
            raise CodecError("no file arrived (drop it again)")
        with self._lock:
            self._count += 1
            folder = Path(self._dropped.name) / str(self._count)
        tops: dict[str, Path] = {}
        for number, (name, save) in enumerate(sent):
            plain = [piece[-120:] for piece in PurePosixPath(name.replace("\\", "/")).parts if piece not in ("/", "..")]
            path = folder.joinpath(*(plain or ["recording.wav"]))
            if path.exists():
                path = folder / str(number) / path.name
            path.parent.mkdir(parents=True, exist_ok=True)
            save(path)
            top = path.relative_to(folder).parts[0]
            tops.setdefault(top, folder / top)
        try:
            # A .meta and the like says how to read the file that was dropped with it.
            places = [place for path in tops.values() if not main_file(path) for place in self._places(path)]
            made = opening.open_files(places, Path(self._dropped.name) / "cache", Path(next(iter(tops))).stem[:60])
        except CodecError as error:
            raise CodecError(str(error).replace(f"{folder}/", "")) from None
        with self._lock:
            return self._add(made)

    def close(self) -> None:
        """Remove what was dropped."""
        self._dropped.cleanup()

    def _places(self, path: Path) -> Sequence[Place]:
        if path.is_file():
            try:
                with zipfile.ZipFile(path) as archive:
                    size = sum(member.file_size for member in archive.infolist())
            except (zipfile.BadZipFile, NotImplementedError):
                size = 0  # the reader says what is wrong with it
            if size > MOST_UNPACKED:
                raise CodecError(
                    f"{path.name}: there is more than {MOST_UNPACKED >> 20} MB in it (name it on the command line)"
                )
        home = Path(self._dropped.name) / f"unpacked-{self._count}"
        return dataset.resolve(path, home, lambda line: None).places

    def _add(self, made: Session) -> Session:
        return self._open.setdefault(made.key, made)
