"""What recordings are read from: a file, a file and those beside it, or a folder, with every byte accounted for.

A reader gives a :class:`Source`. It holds one or several streams of samples, each a :class:`Recording`, and all files,
each as the bytes before its samples, its samples, and the bytes behind them, so that they can be written back byte for
byte.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from n1codec.codec import CodecError
from n1codec.recordings.recording import Recording
from n1codec.recordings.samples import Form, Mapped


class Flat(NamedTuple):
    """What somebody says of a flat binary file, which does not say it itself."""

    channels: int
    dtype: str = "int16"
    """As NumPy writes it; ``>i2`` is big-endian. ``int24`` is known, too."""
    rate: float = 0.0
    order: str = "C"
    """``C``: all channels of a frame stand together; ``F``: all frames of a channel do."""
    offset: int = 0
    """Bytes before the samples."""


class Place(NamedTuple):
    """Where a recording is, and what of it is meant: what a user names on a command line."""

    path: Path
    stream: str = ""
    """Which stream of several; empty where there is one."""
    flat: Flat | None = None
    """How to read a flat binary file."""
    select: tuple[int, ...] | None = None
    """Numbers of the channels that are meant, in this order; all of them if None."""
    members: tuple[Path, ...] = ()
    """Files of one channel each, in this order, that make one recording; ``path`` is then what it is called."""

    def absolute(self) -> Place:
        """The same place for a process that runs in another folder."""
        members = tuple(member.absolute() for member in self.members)
        return self._replace(path=self.path.absolute(), members=members)

    @property
    def name(self) -> str:
        """What it is called for people: the file's name, and the stream's where one was chosen."""
        return f"{self.path.name}:{self.stream}" if self.stream else self.path.name

    @classmethod
    def parsed(cls, text: str) -> Place:
        """Return the place that :meth:`as_json` wrote."""
        path, stream, flat, select, members = json.loads(text)
        return cls(
            Path(path),
            stream,
            Flat(*flat) if flat else None,
            None if select is None else tuple(select),
            tuple(map(Path, members)),
        )

    def as_json(self) -> str:
        """Return it as one line of JSON, for another process."""
        return json.dumps(self, default=str)

    @classmethod
    def of(cls, where: str | Path | Place) -> Place:
        """Return the place of a path, or the place itself."""
        return where if isinstance(where, Place) else cls(Path(where))


class Reading(NamedTuple):
    """How recordings are to be read: what a user says of them beside their names."""

    stream: str = ""
    """Which stream of several."""
    flat: Flat | None = None
    """What flat binary files are."""
    select: tuple[int, ...] | None = None
    """Which channels are meant, all if None."""
    group: str = ""
    """``all`` takes all files, of one channel each, as one recording; ``auto`` those that were recorded together, as
    their samples tell."""

    def place(self, path: Path) -> Place:
        """Return a path with it."""
        return Place(path if path.name else path.resolve(), self.stream, self.flat, self.select)


class SourceFile(NamedTuple):
    """One file of a source."""

    name: str
    """Its name, with ``/`` between folders, relative to the source's folder."""
    data: memoryview
    """All of its bytes."""
    start: int = 0
    end: int = 0
    """Where its samples begin and end; both 0 where it has none."""
    stream: str = ""
    """The stream whose samples it holds, of the first frame to the last."""
    first_channel: int = 0
    channels: int = 0
    """Which of the stream's channels it holds."""
    form: Form = Form()

    @property
    def prefix(self) -> memoryview:
        """What stands before the samples; nothing where there are none."""
        return self.data[: self.start]

    @property
    def suffix(self) -> memoryview:
        """What stands behind the samples; the whole file where there are none."""
        return self.data[self.end :]

    @classmethod
    def of(cls, samples: Mapped, name: str, stream: str = "", first_channel: int = 0) -> SourceFile:
        """Return the file that mapped samples come from."""
        return cls(name, samples.data, samples.start, samples.end, stream, first_channel, samples.channels,
                   samples.form)  # fmt: skip


class Source(NamedTuple):
    """What a path stands for: its streams, and its files."""

    name: str
    """The name of the file or of the folder, without a path."""
    streams: Mapping[str, Recording]
    """By name; the only one of a source that has no names for them is called "". Those whose :attr:`auxiliary` is set
    are coded, and nobody is offered them as recordings."""
    files: tuple[SourceFile, ...]
    """The first is the one that was named, if it is no folder; those behind it travel with it."""
    folder: bool = False

    def stream(self, name: str = "") -> Recording:
        """Return the stream of a name, or the only one.

        Raises:
            CodecError: there is no such stream, or there are several and none is named; the message lists them.
        """
        offered = {key: one for key, one in self.streams.items() if not one.auxiliary}
        if name in offered:
            return offered[name]
        if not name and len(offered) == 1:
            return next(iter(offered.values()))
        if not offered:
            raise CodecError(f"{self.name}: there are no samples in it")
        listed = ", ".join(offered) or "one without a name"
        if name:
            raise CodecError(f"{self.name}: it has no stream {name!r} (there is: {listed})")
        raise CodecError(f"{self.name}: it has several streams: {listed} (choose one with --stream)")


def main_file(path: Path) -> Path | None:
    """Return the recording beside a file that it belongs to, a .bin for its .meta or FILE for FILE.json, or None."""
    for suffix, main in ((".meta", path.with_suffix(".bin")), (".json", path.with_suffix(""))):
        if path.suffix == suffix and main != path and main.suffix and main.is_file():
            return main
    return None
