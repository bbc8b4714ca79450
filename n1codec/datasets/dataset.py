"""Which recordings are meant, and what the data set is called.

A data set is a folder of WAV files, a zip archive of such, or one recording: a file that a reader understands, or a
folder that is one recording, such as a run of SpikeGLX or a record node of Open Ephys. A folder without WAV files that
is no recording itself is the data set of the recordings in it.

Which one it is, in this order: what is named; the WAV files in data/ or in one folder in it; the archive that
$N1_DATA_ZIP names, unpacked under data/zip/; the embedded synthetic set, written to data/synthetic/. The network is
never asked.

A data set is called after its content: ``n1`` is all 743 recordings of the challenge, each with the right SHA-256,
``n1-372`` is 372 of them and nothing else, ``synthetic`` is the embedded set. Any other has its folder's name.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from n1codec import files
from n1codec.codec import CodecError
from n1codec.datasets import manifest
from n1codec.recordings import Place, Reading, Recording, UnknownFormat, open_recording, open_source

HOME = Path("data")
SYNTHETIC = "synthetic"
ZIPS = "zip"
SYNTHETIC_SHA256 = "5363dd77c600ae560639d1ded0611ca75636339badf925786f3ec0c2555bfdc0"
"""SHA-256 over the hexadecimal SHA-256 of each file of the embedded set, in the order of their names."""

FLAT = (".bin", ".dat", ".raw")
"""How the names of flat binary files end, which are looked for in a folder where somebody says what they are."""

_RESERVED = re.compile(r"n1(-\d+)?|synthetic")


class Dataset(NamedTuple):
    name: str
    """For people and for the folder of its results: of letters, digits and ``._-`` only."""
    path: Path
    """The folder, or the one file."""
    places: tuple[Place, ...]
    """The recordings: WAV files sorted by name, or the one recording."""

    def __str__(self) -> str:
        if len(self.places) == 1 and self.path.is_dir() and self.places[0].path.is_dir():
            return f"{self.name} (one recording in {self.path})"
        if len(self.files) > len(self.places):
            recordings = f"{len(self.places)} recording{'s' * (len(self.places) != 1)}"
            return f"{self.name} ({recordings} of {len(self.files)} files in {self.path})"
        return f"{self.name} ({len(self.places)} file{'s' * (len(self.places) != 1)} in {self.path})"

    @property
    def files(self) -> tuple[Path, ...]:
        """The paths of the recordings, and of all files of those that several files make."""
        return tuple(path for place in self.places for path in place.members or (place.path,))

    def recordings(self) -> Iterator[Recording]:
        """Yield the recordings that can be read, one open at a time unless they are kept; no samples are read.

        Files that no reader understands are left out, unless no other is there.

        Raises:
            UnknownFormat: nothing can be read.
            CodecError: there are several streams, and none is named; a channel is not there.
            OSError: a file cannot be read.
        """
        read, reasons = 0, []
        for place in self.places:
            try:
                recording = open_recording(place)
            except UnknownFormat as error:
                reasons.append(str(error))
                continue
            read += 1
            yield recording
        if not read:
            more = f" (and {len(reasons) - 1} files more)" if len(reasons) > 1 else ""
            raise UnknownFormat(f"{reasons[0]}{more}")


def _say(line: str) -> None:
    print(line, file=sys.stderr)


def resolve(
    data: str | Path | None = None,
    home: Path = HOME,
    say: Callable[[str], None] = _say,
    reading: Reading = Reading(),  # noqa: B008  (it is immutable)
) -> Dataset:
    """Return the data set that is meant.

    Args:
        data: a recording, a folder of WAV files or a zip archive; None or "" to look for one.
        home: the folder that is looked into, and under which archives and the synthetic set are unpacked.
        say: takes a line for the user where something was written, or a channel count is doubted.
        reading: how its recordings are to be read.

    Raises:
        CodecError: there are no recordings, or several folders of them, or WAV files are said to be flat binary.
    """
    return _grouped(_resolve(data, home, say, reading), reading)


def _resolve(data: str | Path | None, home: Path, say: Callable[[str], None], reading: Reading) -> Dataset:
    if data and (found := _no_wavs(Path(data), reading)):
        _agree(found, reading)
        for line in _doubts(found):
            say(line)
        return found
    if reading.flat:
        raise CodecError(f"{data or home}: --channels and the like describe flat binary files, of which none is there")
    if data:
        return _named(Path(data), home, say, reading)
    if home.is_dir() and (folder := _wav_folder(home, besides=(SYNTHETIC, ZIPS))):
        return describe(folder, reading)
    if archive := os.environ.get("N1_DATA_ZIP"):
        if Path(archive).is_dir():
            raise CodecError(f"{archive}: $N1_DATA_ZIP names a folder, not a zip archive (name folders with --data)")
        return _unpacked(Path(archive), home, say, reading)
    return _synthetic(home, say, reading)


def resolve_all(
    data: Sequence[str | Path] = (),
    home: Path = HOME,
    say: Callable[[str], None] = _say,
    reading: Reading = Reading(),  # noqa: B008
) -> Dataset:
    """Return the data set that all of ``data`` together make, in the order given; see ``resolve``."""
    if len(data) <= 1:
        return resolve(data[0] if data else None, home, say, reading)
    found = [_resolve(one, home, say, reading) for one in data]
    places = tuple(dict.fromkeys(place for part in found for place in part.places))
    paths = [place.path for place in places]
    common = Path(os.path.commonpath([path.resolve() for path in paths]))
    return _grouped(Dataset(_name(paths, "several"), common, places), reading)


def _grouped(data: Dataset, reading: Reading) -> Dataset:
    """Return a data set with its files taken together, as far as that is asked for."""
    if not reading.group or len(data.places) < 2:
        return data
    if reading.group == "all":
        whole = data.places[0]._replace(path=data.places[0].path.with_name(data.name), members=data.files, select=None)
        places = [whole]
    else:
        from n1codec.analysis import grouping

        places = grouping.auto_places([place._replace(select=None) for place in data.places])
    chosen = tuple(place._replace(select=reading.select) for place in places)
    return Dataset(f"{data.name}-grouped", data.path, chosen)


def describe(path: Path, reading: Reading = Reading()) -> Dataset:  # noqa: B008
    """Return the data set that a folder of WAV files, or one recording, makes."""
    paths = (wavs(path) if path.is_dir() else ()) or (path,)
    name = _name(paths, path.resolve().stem if path.is_file() else path.resolve().name)
    return Dataset(name, path, tuple(map(reading.place, paths)))


def wavs(folder: Path) -> tuple[Path, ...]:
    """Return the WAV files right in a folder, sorted by name."""
    return tuple(sorted(path for path in folder.iterdir() if _is_wav(path.name) and path.is_file()))


def _is_wav(name: str) -> bool:
    return name.lower().endswith(".wav") and not name.startswith(".")


def _no_wavs(path: Path, reading: Reading) -> Dataset | None:
    """Return the data set of a path that is no folder of WAV files and no archive; None if it may be one of those."""
    if path.is_file():
        return describe(path, reading) if reading.flat or not zipfile.is_zipfile(path) else None
    if not path.is_dir():
        raise CodecError(f"{path}: no such file or folder")
    if wavs(path):
        return None
    if _is_recording(reading.place(path)):
        return describe(path, reading)
    inside = sorted(inner for inner in path.iterdir() if inner.is_file() and not inner.name.startswith("."))
    if reading.flat:
        inside = [inner for inner in inside if inner.suffix.lower() in FLAT]
    places = tuple(place for inner in inside if _is_recording(place := reading.place(inner)))
    return Dataset(_name([place.path for place in places], path.resolve().name), path, places) if places else None


def _agree(data: Dataset, reading: Reading) -> None:
    """See to it that what a user says of flat files is not said of files that say something else themselves.

    Raises:
        CodecError: it is.
    """
    for place in data.places if reading.flat else ():
        found = open_recording(place._replace(select=None)).channels
        if reading.flat and found != reading.flat.channels:
            raise CodecError(f"{place.path}: it says itself that it has {found} channels (leave --channels out)")


def _doubts(data: Dataset) -> Iterator[str]:
    """Yield what to tell the user of flat binary files whose description may be wrong."""
    from n1codec.recordings import flat

    for place in data.places:
        try:
            line = flat.doubt(open_recording(place._replace(select=None)))
        except (CodecError, OSError):
            continue  # what is wrong with it is told where it is read
        if line:
            yield line


def _is_recording(place: Place) -> bool:
    try:
        open_source(place)
    except (UnknownFormat, IsADirectoryError):
        return False
    return True


def _named(path: Path, home: Path, say: Callable[[str], None], reading: Reading) -> Dataset:
    if not path.is_dir():
        return _unpacked(path, home, say, reading)
    folder = _wav_folder(path)
    if folder is None:
        raise CodecError(f"{path}: there are no WAV files in it, and it is no recording itself")
    return describe(folder, reading)


def _wav_folder(folder: Path, besides: Sequence[str] = ()) -> Path | None:
    """Return the folder itself if WAV files are in it, else the one folder in it that has some."""
    if wavs(folder):
        return folder
    inner = sorted(p for p in folder.iterdir() if p.is_dir() and p.name[0] != "." and p.name not in besides and wavs(p))
    if len(inner) > 1:
        raise CodecError(
            f"{folder}: it holds several data sets: {', '.join(map(str, inner))} (choose one with DATA=...)"
        )
    return inner[0] if inner else None


def _name(files: Sequence[Path], otherwise: str) -> str:
    names = {path.name for path in files}
    known = manifest.load()
    if names <= known.keys() and not manifest.check(files).damaged:
        return "n1" if len(names) == len(known) else f"n1-{len(names)}"
    if all(name.startswith("synth_") for name in names) and _digest(files) == SYNTHETIC_SHA256:
        return SYNTHETIC
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", otherwise).strip(".-") or "data"
    return f"{plain}-other" if _RESERVED.fullmatch(plain) else plain


def _digest(files: Sequence[Path]) -> str:
    return hashlib.sha256("".join(map(manifest.sha256, files)).encode()).hexdigest()


# -- the embedded set ------------------------------------------------------------------------------------------------


def _synthetic(home: Path, say: Callable[[str], None], reading: Reading) -> Dataset:
    folder = home / SYNTHETIC
    if not folder.is_dir() or describe(folder).name != SYNTHETIC:
        from n1codec.datasets import synth

        with _workshop(home) as made:
            synth.write(made)
            _replace(folder, made)
    found = describe(folder, reading)
    say(f"no recordings in {home}: {len(found.files)} synthetic ones are used (make data fetches the real ones)")
    return found


# -- archives --------------------------------------------------------------------------------------------------------


def _unpacked(archive: Path, home: Path, say: Callable[[str], None], reading: Reading) -> Dataset:
    try:
        with zipfile.ZipFile(archive) as zipped:
            members = _members(archive, zipped)
            for folder in (home / ZIPS).glob("[!.]*/"):
                if _is_copy(folder, members):
                    return describe(folder, reading)
            with _workshop(home / ZIPS) as made:
                for name, info in members.items():
                    with zipped.open(info) as source, files.writing(made / name, durable=False) as target:
                        shutil.copyfileobj(source, target, 1 << 20)
                folder = home / ZIPS / _name(wavs(made), archive.stem)
                _replace(folder, made)
    except FileNotFoundError as error:
        raise CodecError(f"{error.filename}: no such file (look at N1_DATA_ZIP)") from error
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise CodecError(f"{archive}: it is no zip archive that can be read: {error}") from error
    found = describe(folder, reading)
    say(f"unpacked {len(found.files)} recordings of {archive} to {folder}")
    return found


def _members(archive: Path, zipped: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """Return {file name without folders: member} of the WAV files in an archive."""
    members: dict[str, zipfile.ZipInfo] = {}
    for info in zipped.infolist():
        name = PurePosixPath(info.filename.replace("\\", "/")).name
        if info.is_dir() or not _is_wav(name):
            continue
        if name in members:
            raise CodecError(f"{archive}: two files in it are called {name}")
        members[name] = info
    if not members:
        raise CodecError(f"{archive}: there are no WAV files in it")
    return members


def _is_copy(folder: Path, members: dict[str, zipfile.ZipInfo]) -> bool:
    files = wavs(folder)
    return {path.name: path.stat().st_size for path in files} == {n: i.file_size for n, i in members.items()} and all(
        zlib.crc32(path.read_bytes()) == members[path.name].CRC for path in files
    )


@contextmanager
def _workshop(home: Path) -> Iterator[Path]:
    """Give an empty folder under ``home``, of which nothing stays unless it is renamed."""
    home.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".new-", dir=home) as temporary:
        made = Path(temporary) / "set"
        made.mkdir()
        yield made


def _replace(folder: Path, made: Path) -> None:
    """Put a folder that was made in full in the place of one that is not what it should be."""
    if folder.is_dir():
        folder.rename(made.with_name("old"))
    made.rename(folder)
