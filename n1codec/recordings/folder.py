"""A folder as one source: a SpikeGLX run, an Open Ephys record node, an experiment or a recording of one.

Every file in it is kept, whatever it is. Samples of streams are coded as such; so are columns of numbers beside them
(:attr:`Recording.auxiliary`), such as the times of frames and events.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from n1codec import files
from n1codec.codec import CodecError
from n1codec.recordings import npy, openephys, spikeglx
from n1codec.recordings.recording import UnknownFormat
from n1codec.recordings.samples import Mapped
from n1codec.recordings.source import Source, SourceFile

SMALL = 1 << 16
"""Bytes up to which a file is read and not mapped: a mapped file stays open, and no program may open too many."""
LEAST_AUXILIARY = 4096
"""Bytes from which on a column of numbers is worth coding as such."""


class _Stream(NamedTuple):
    file: str
    """Its file, relative to the folder."""
    names: list[str]
    """Names for it, from the shortest to one that no other stream has."""
    recording: Mapped


def read(path: Path) -> Source:
    """Return the streams in a folder, at any depth, and all its files.

    Links to files and folders are followed. Folders without files are not kept.

    Raises:
        UnknownFormat: there is neither a SpikeGLX run nor an Open Ephys recording in it.
        CodecError: something in it is neither a file nor a folder.
        OSError: it cannot be read.
    """
    paths = dict(walk(path))
    views = {name: _view(file) for name, file in paths.items()}
    found = [*_spikeglx(paths, views), *_openephys(paths, views)]
    if not found:
        raise UnknownFormat(
            "the folder holds no SpikeGLX run (.bin with .meta) and no Open Ephys recording (structure.oebin); "
            "name a file in it, or take several one-channel files together with --group"
        )
    streams: dict[str, Mapped] = {}
    parts = {name: SourceFile(name, view) for name, view in views.items()}
    for one, name in zip(found, unique([stream.names for stream in found]), strict=True):
        one.recording.stream = name
        streams[name] = one.recording
        parts[one.file] = SourceFile.of(one.recording, one.file, name)
    for name, view in views.items():
        if not parts[name].channels and (column := _column(name, view)) is not None:
            column.stream, column.auxiliary = name, True
            streams[name] = column
            parts[name] = SourceFile.of(column, name, name)
    name = path.absolute().name
    return Source(path.resolve().name if name == ".." else name, streams, tuple(parts.values()), folder=True)


def held(path: Path) -> tuple[SourceFile, ...]:
    """Return all files in a folder, at any depth, as files without samples."""
    return tuple(SourceFile(name, _view(file)) for name, file in walk(path))


def walk(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield all files in a folder, at any depth, with their names relative to it, in order.

    Raises:
        CodecError: something in it is neither a file nor a folder, or a folder is in itself by a link.
        OSError: it cannot be read.
    """

    def inside(at: Path, name: str, above: tuple[Path, ...]) -> Iterator[tuple[str, Path]]:
        here = at.resolve()
        if here in above:
            raise CodecError(f"{at}: it is a link to a folder that it lies in (remove the link)")
        for entry in sorted(os.scandir(at), key=lambda entry: entry.name):
            path, its_name = Path(entry.path), f"{name}{entry.name}"
            mode = path.stat().st_mode
            if stat.S_ISDIR(mode):
                yield from inside(path, its_name + "/", (*above, here))
            elif stat.S_ISREG(mode):
                yield its_name, path
            else:
                raise CodecError(f"{path}: it is neither a file nor a folder, and cannot be kept (move it elsewhere)")

    return inside(folder, "", ())


def unique(names: Sequence[Sequence[str]]) -> list[str]:
    """Return one name for each list of names, its shortest that is nobody else's.

    Args:
        names: ordered from short to long, the last of each list being in no other.
    """
    level = [0] * len(names)
    while True:
        chosen = [many[at] for many, at in zip(names, level, strict=True)]
        again = [n for n, name in enumerate(chosen) if chosen.count(name) > 1 and level[n] + 1 < len(names[n])]
        if not again:
            return chosen
        for n in again:
            level[n] += 1


def _view(path: Path) -> memoryview:
    return memoryview(files.read(path)) if path.stat().st_size <= SMALL else files.view(path)


def _spikeglx(paths: Mapping[str, Path], views: Mapping[str, memoryview]) -> Iterator[_Stream]:
    for name, path in paths.items():
        beside = spikeglx.meta_of(path)
        if beside is not None:
            meta = spikeglx.parse(bytes(views[str(PurePosixPath(name).with_suffix(".meta"))]))
            try:
                yield _Stream(name, spikeglx.stream_names(name), spikeglx.read(views[name], path.name, meta))
            except UnknownFormat as error:
                raise UnknownFormat(f"{name}: {error}") from error


def _openephys(paths: Mapping[str, Path], views: Mapping[str, memoryview]) -> Iterator[_Stream]:
    for name, path in paths.items():
        at = PurePosixPath(name)
        if at.name != openephys.STRUCTURE:
            continue
        try:
            for one in openephys.described(views[name]):
                samples = str(at.parent / "continuous" / one.folder / openephys.SAMPLES)
                if samples in views:
                    probe = openephys.probe(openephys.settings_of(path.absolute()), one.about)
                    recording = openephys.read(views[samples], one.folder, one.about, probe)
                    yield _Stream(samples, openephys.stream_names(name, one.folder), recording)
        except UnknownFormat as error:
            raise UnknownFormat(f"{name}: {error}") from error


def _column(name: str, view: memoryview) -> Mapped | None:
    """Return the numbers in a .npy file if they are a column of some length; None otherwise."""
    if len(view) <= LEAST_AUXILIARY:
        return None
    try:
        found = npy.read(view, name)
    except UnknownFormat:
        return None
    return found if found.channels == 1 and found.frames else None
