"""Recordings and their readers: one module per file format, all of them giving a :class:`Source` of recordings."""

from __future__ import annotations

from pathlib import Path

from n1codec import files
from n1codec.recordings.recording import Recording, UnknownFormat
from n1codec.recordings.source import Flat, Place, Source, SourceFile

__all__ = ["Flat", "Place", "Recording", "Source", "SourceFile", "UnknownFormat", "open_recording", "open_source"]


def open_source(place: str | Path | Place) -> Source:
    """Return what a path stands for: its streams of samples, mapped into memory and not read, and its files.

    Raises:
        UnknownFormat: no reader understands it; the message has its name and says why.
        OSError: it cannot be read.
    """
    from n1codec.recordings import wav

    place = place if isinstance(place, Place) else Place(Path(place))
    path = place.path
    try:
        recording = wav.read(files.view(path), path.name)
        return Source(path.name, {"": recording}, (SourceFile.of(recording, path.name),))
    except UnknownFormat as error:
        raise UnknownFormat(f"{path}: {error}") from error


def open_recording(place: str | Path | Place) -> Recording:
    """Return the recording that a path stands for; its samples are mapped into memory, not read.

    Raises:
        UnknownFormat: no reader understands it; the message has its name and says why.
        CodecError: it has several streams, and none of them is named.
        OSError: it cannot be read.
    """
    place = place if isinstance(place, Place) else Place(Path(place))
    return open_source(place).stream(place.stream)
