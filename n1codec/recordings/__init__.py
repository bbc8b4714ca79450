"""Recordings and their readers: one module per file format, all of them giving a :class:`Recording`."""

from __future__ import annotations

from pathlib import Path

from n1codec import files
from n1codec.recordings.recording import Recording, UnknownFormat

__all__ = ["Recording", "UnknownFormat", "open_recording"]


def open_recording(path: str | Path) -> Recording:
    """Return the recording that a file holds; its samples are mapped into memory, not read.

    Raises:
        UnknownFormat: no reader understands the file; the message has its name and says why.
        OSError: the file cannot be read.
    """
    from n1codec.recordings import wav

    try:
        return wav.read(files.view(path), Path(path).name)
    except UnknownFormat as error:
        raise UnknownFormat(f"{path}: {error}") from error
