"""What a sweep runs: codecs, and the recordings they run on."""

from __future__ import annotations

import filecmp
import re
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from n1codec import files, registry
from n1codec.bench.measure import machine
from n1codec.codec import CodecError, SpecError
from n1codec.container import Packing
from n1codec.pipeline import Pipeline, get_codec
from n1codec.recordings import Place


@dataclass(frozen=True)
class Case:
    """One codec of a sweep."""

    spec: str
    """The canonical spec, or what was asked for where that names nothing that can be loaded."""
    mode: str
    """The name shown: the classic one where there is one."""
    family: str = ""
    version: str = ""
    libraries: str = ""
    lossy: bool = False
    """What comes back is not what was given: files are not compared, but how near they are is measured."""
    external: bool = False
    """Somebody else's programs (see exec): they are given to the decoder, too."""
    problem: tuple[str, str] | None = None
    """(status, reason) if it cannot run here: skipped if something is missing, failed if its spec is wrong."""


def _classic_modes() -> dict[str, str]:
    modes = {}
    for alias in registry.CLASSIC:
        try:
            modes[get_codec(alias).spec] = alias
        except CodecError:
            continue
    return modes


def _case(spec: str, codec: Pipeline, modes: dict[str, str]) -> Case:
    stages = [type(stage) for stage in codec.stages]
    missing = codec.unavailable()
    return Case(
        codec.spec,
        modes.get(codec.spec, codec.spec),
        codec.family,
        machine.code_version(stages, [path for stage in codec.stages for path in stage.files()]),
        machine.libraries(stages),
        not codec.lossless,
        codec.external,
        ("skipped", missing) if missing else None,
    )


def make(specs: Iterable[str], *, strict: bool = True) -> list[Case]:
    """Return one case per codec, in the order given, two spellings of one codec once.

    Args:
        strict: raise what is wrong with a spec; otherwise it becomes a case with that problem.

    Raises:
        SpecError: a spec names nothing, or a parameter is out of its range.
    """
    modes = _classic_modes()
    cases: dict[str, Case] = {}
    for spec in specs:
        try:
            case = _case(spec, get_codec(spec), modes)
        except CodecError as error:
            if strict and isinstance(error, SpecError):
                raise
            status = "failed" if isinstance(error, SpecError) else "skipped"
            case = Case(spec, spec, problem=(status, " ".join(str(error).split())))
        cases.setdefault(case.spec, case)
    return list(cases.values())


def default(quality: bool = False) -> list[Case]:
    """Return the default grid: the 24 classic codecs and what each stage declares in ``grid``.

    Args:
        quality: the lossy ones that each stage declares in ``quality_grid`` instead.
    """
    specs = [] if quality else list(registry.CLASSIC)
    for name in registry.names():
        try:
            specs += registry.find(name).quality_grid if quality else registry.find(name).grid
        except CodecError:
            specs.append(name)  # a module that does not load is a row with its reason
    return make(specs, strict=False)


def split(text: str) -> list[str]:
    """Return the specs in ``text``, separated by blanks; blanks inside double quotes belong to a spec."""
    return re.findall(r'(?:[^\s"]|"(?:\\.|[^"\\])*")+', text)


@dataclass(frozen=True)
class Source:
    """One recording of a data set."""

    path: Path
    columns: dict[str, str | int | float]
    """The columns of a result row that describe it."""
    stored: str = ""
    """Why it is stored as it is, whatever the codec; empty if its samples are understood."""
    place: Place | None = None
    """Where it is more than the bytes of one file: several files, or one that somebody described."""

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def bytes(self) -> int:
        return int(self.columns["original_bytes"])


def distortion(case: Case, source: Source, path: Path) -> dict[str, float | str | int] | None:
    """Return the columns that say how near to its source a file is; None where it is further than was promised.

    An empty recording has no such columns.

    Args:
        path: all files of the source, one behind the other, as they came back.
    """
    from n1codec.lossy.distortion import measure

    opened = Packing(source.place or Place(source.path), get_codec(registry.STORED)).source
    main = max(opened.streams.values(), key=lambda stream: (not stream.auxiliary, stream.channels))
    data, at, pairs = files.view(path), 0, []
    for file in opened.files:
        back = data[at : at + len(file.data)]
        at += len(file.data)
        if file.channels and opened.streams[file.stream] is main:
            if len(back) < len(file.data):
                return None
            place = slice(file.start, file.end)
            pairs.append([file.form.unpack(each[place], file.channels) for each in (file.data, back)])
    x, y = (np.concatenate(each, axis=1) for each in zip(*pairs, strict=True))
    if at != len(data) or not get_codec(case.spec).near(x, y):
        return None
    if not x.size:
        return {}
    found = measure(x, y, main.rate)
    return {name: "" if value is None else value for name, value in found._asdict().items()}


def byte_entropy(*pieces: bytes | memoryview) -> float:
    """Return the order-0 entropy of the bytes, in bits per byte to nine decimals (Shannon 1948)."""
    counts = np.zeros(256, np.int64)
    for piece in pieces:
        symbols = np.frombuffer(piece, np.uint8)
        for start in range(0, symbols.size, 1 << 20):
            counts += np.bincount(symbols[start : start + (1 << 20)], minlength=256)
    share = counts[counts > 0] / max(int(counts.sum()), 1)
    return round(float(-(share * np.log2(share)).sum()), 9) + 0.0


def source(where: Path | Place) -> Source:
    """Return a recording with what result rows say of it.

    Raises:
        CodecError: some of its channels or one of its streams is meant: whole files are compressed and compared.
    """
    place = Place.of(where)
    if place.stream or place.select is not None:
        raise CodecError(f"{place.path}: recordings are compressed and compared whole (without --stream and --select)")
    packing = Packing(place, get_codec(registry.STORED))
    parts = packing.source.files
    samples = [file.data for file in parts if file.channels]
    checksum = 0
    for data in samples:
        checksum = zlib.crc32(data, checksum)
    columns: dict[str, str | int | float] = {
        "file": place.path.name,
        "original_bytes": packing.sample_bytes,
        "crc32": f"{checksum:08x}",
        "byte_entropy_before": byte_entropy(*samples),
        "recording_seconds": 0.0,
    }
    if not packing.stored:
        found = max(packing.source.streams.values(), key=lambda stream: (not stream.auxiliary, stream.channels))
        columns |= {"frames": found.frames, "channels": found.channels, "rate": found.rate, "bits": found.bits}
        columns["recording_seconds"] = found.seconds
    plain = len(parts) == 1 and place == Place(place.path) and place.path.is_file()
    return Source(place.path, columns, packing.stored, None if plain else place)


def same(source: Source, path: Path) -> bool:
    """Return whether a file has the bytes of a source: those of all its files, one behind the other."""
    if source.place is None:
        return filecmp.cmp(source.path, path, shallow=False)
    return has_bytes(source, files.view(path))


def has_bytes(source: Source, data: bytes | memoryview) -> bool:
    """Return whether these are the bytes of a source: those of all its files, one behind the other."""
    found, at = np.frombuffer(data, np.uint8), 0
    for file in Packing(source.place or Place(source.path), get_codec(registry.STORED)).source.files:
        piece = np.frombuffer(file.data, np.uint8)
        if not np.array_equal(found[at : at + len(piece)], piece):
            return False
        at += len(piece)
    return at == len(found)
