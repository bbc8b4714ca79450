"""Recordings and their readers: one module per file format, all of them giving a :class:`Source` of recordings."""

from __future__ import annotations

from pathlib import Path

from n1codec import files
from n1codec.codec import CodecError
from n1codec.recordings.recording import Recording, UnknownFormat
from n1codec.recordings.samples import Mapped
from n1codec.recordings.source import Flat, Place, Reading, Source, SourceFile, main_file

__all__ = [
    "Flat",
    "Place",
    "Reading",
    "Recording",
    "Source",
    "SourceFile",
    "UnknownFormat",
    "is_recording_folder",
    "main_file",
    "open_recording",
    "open_source",
    "open_stream",
]


def open_source(place: str | Path | Place, data: memoryview | None = None) -> Source:
    """Return what a path stands for: its streams of samples, mapped into memory and not read, and its files.

    What a file is, its first bytes tell; a flat binary file is described by ``place``, by a .meta of SpikeGLX, by a
    ``structure.oebin`` above it, or by a sidecar ``FILE.json``, the first of these that is there. Which channels were
    selected makes no difference here.

    Args:
        data: the bytes of the file, where somebody has read them already, from a pipe for example.

    Raises:
        UnknownFormat: no reader understands it; the message has its name and says why.
        CodecError: a description of a flat file makes no sense, or a .n1c file is damaged.
        OSError: it cannot be read.
    """
    place = place if isinstance(place, Place) else Place(Path(place))
    try:
        source = _together(place) if place.members else _source(place, data)
    except UnknownFormat as error:
        raise UnknownFormat(f"{place.path}: {error}") from error
    for name, recording in source.streams.items():
        recording.place = place._replace(stream=name, select=None)
    return source


def open_recording(place: str | Path | Place) -> Recording:
    """Return the recording that a path stands for; its samples are mapped into memory, not read.

    Raises:
        UnknownFormat: no reader understands it; the message has its name and says why.
        CodecError: it has several streams and none of them is named, or it has no channel that is selected.
        OSError: it cannot be read.
    """
    place = place if isinstance(place, Place) else Place(Path(place))
    return _selected(open_source(place).stream(place.stream), place)


def open_stream(place: Place) -> Recording:
    """Return the recording at a place that a recording has as its own; that may be an auxiliary stream, too."""
    return _selected(open_source(place).streams[place.stream], place)


def _selected(recording: Recording, place: Place) -> Recording:
    if place.select is None:
        return recording
    from n1codec.recordings.selected import Selected

    chosen = Selected(recording, place.select)
    chosen.place = place._replace(stream=recording.stream)
    return chosen


def _together(place: Place) -> Source:
    from n1codec.recordings.together import group

    members = (place._replace(path=member, members=(), stream="", select=None) for member in place.members)
    return group([open_source(member) for member in members], place.path.name)


def _source(place: Place, data: memoryview | None) -> Source:
    from n1codec.recordings import npy, wav

    path = place.path
    piped = data is not None or str(path) == files.STANDARD
    if not piped and path.is_dir():
        from n1codec.recordings import folder, foreign

        kind = foreign.kind_of_folder(path)
        return folder.read(path) if kind is None else foreign.read(path, kind, folder.held(path), folder=True)
    data = files.view(path) if data is None else data
    if data[:3] == b"N1C":
        from n1codec import container  # which reads recordings itself, to pack them

        try:
            return container.packed_source(container.Archive(container.access(data)), path.name)
        except CodecError as error:
            raise type(error)(f"{path}: {error}") from error
    if npy.is_npy(data):
        array = npy.read(data, path.name)
        array.rate = place.flat.rate if place.flat else array.rate  # which such a file does not say
        return _single(array, path)
    named_wav = place.flat is None and path.suffix.lower() == ".wav"  # what is wrong with it is told
    if wav.is_wav(data) or named_wav:
        return _single(wav.read(data, path.name), path)
    from n1codec.recordings import flat, openephys, spikeglx

    meta, sidecar = (None, None) if piped else (spikeglx.meta_of(path), flat.sidecar(path))
    beside = [file for file in (meta, sidecar) if file is not None]
    if place.flat is not None:
        return _single(_flat(data, path, place.flat), path, *beside)
    if meta is not None:
        tags = spikeglx.parse(bytes(files.view(meta)))
        return _single(spikeglx.read(data, path.name, tags), path, *beside)
    found = openephys.structure_of(path)
    if found is not None:
        structure, one = found
        probe = openephys.probe(openephys.settings_of(structure), one.about)
        return _single(openephys.read(data, path.name, one.about, probe), path, *beside)
    if sidecar is not None:
        return _single(_flat(data, path, flat.described(sidecar)), path, sidecar)
    from n1codec.recordings import foreign, mtscomp

    description = mtscomp.description_of(path)
    if description is not None:
        return mtscomp.read(path, data, description)
    kind = None if piped else foreign.kind_of(path, data)
    if kind is not None:
        return foreign.read(path, kind, (SourceFile(path.name, data),))
    raise UnknownFormat(
        "no reader understands it (a flat binary file needs --channels, --dtype and --rate, or a sidecar "
        f"{path.name}.json that says them)"
    )


def _flat(data: memoryview, path: Path, described: Flat) -> Mapped:
    from n1codec.recordings import flat

    try:
        return flat.read(data, path.name, described)
    except CodecError as error:
        raise CodecError(f"{path}: {error}") from error


def _single(recording: Mapped, path: Path, *beside: Path) -> Source:
    """Return the source of one recording in one file, with the files that travel with it."""
    others = (SourceFile(file.name, files.view(file)) for file in beside)
    return Source(path.name, {"": recording}, (SourceFile.of(recording, path.name), *others))


def is_recording_folder(path: Path) -> bool:
    """Return whether a folder is one recording, such as a SpikeGLX run or a record node of Open Ephys."""
    try:
        return path.is_dir() and open_source(path).folder
    except (CodecError, OSError):
        return False
