"""From files to a session: small recordings are copied into one array, large ones are read where they are."""

from __future__ import annotations

import hashlib
import json
import mmap
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from n1codec import files
from n1codec.analysis.decimate import release
from n1codec.codec import CodecError
from n1codec.datasets import dataset
from n1codec.recordings import Place, Recording, open_recording, open_source
from n1codec.viewer import cache as caches
from n1codec.viewer.session import Session
from n1codec.viewer.signals import Narrow

_VERSION = 3
"""The version of the folder's layout: another one gets folders of its own."""
MOST_COPIED = 1 << 28
"""Samples of recordings that are copied into the cache, where any stretch of a channel is read at once."""
_STRETCH_BYTES = 32 << 20
"""About how many bytes of samples are held at a time."""
_PROBES, _PROBE_BYTES = 64, 1 << 16
"""Stretches, and their bytes, that tell the content of a file that is too large to be read whole."""
_MOST_NOTES = 20
_MOST_PADDING, _PADDED_FREELY = 16, 1 << 28
"""So many times the samples of recordings, or so many samples, may be written to pad them."""


def open_paths(
    paths: Sequence[str | Path],
    cache: Path,
    progress: Callable[[str], None] = lambda name: None,
    home: Path = dataset.HOME,
    reading: dataset.Reading = dataset.Reading(),  # noqa: B008  (it is immutable)
) -> Session:
    """Return the session of recordings, folders of WAV files, zip archives; the usual ones if none is named.

    Channels are padded to the length of the longest. Samples that are not 16 bits wide are shown at 16 bits. Of several
    files, those that cannot be read are left out; the session's notes name them, and those that were cut off.

    Args:
        cache: the folder that sessions are in; made if it is not there.
        progress: called with the name of each file that is read.
        home: where archives are unpacked, and recordings are looked for if no path is named.
        reading: how the recordings are to be read.

    Raises:
        CodecError: there is nothing to show, not one file can be read, or their rates differ.
        OSError: the cache cannot be written to.
    """
    found = [dataset.resolve(path, home, reading=reading) for path in paths or [""]]
    return open_files([place for one in found for place in one.places], cache, found[0].name, progress)


class _Part(NamedTuple):
    """A recording that is shown."""

    place: Place
    frames: int
    channels: int
    rate: float
    missing: int


def open_files(
    paths: Sequence[Path | Place], cache: Path, title: str, progress: Callable[[str], None] = lambda name: None
) -> Session:
    """Return the session of some recordings; see ``open_paths``."""
    code = hashlib.blake2b(str(_VERSION).encode(), digest_size=12)
    parts, notes = [], []
    for place in map(Place.of, paths):
        try:
            part = _part(place)
            _add_content(code, place, part)
        except (CodecError, OSError) as error:
            reason = files.explain(error) if isinstance(error, OSError) else str(error)
            if len(paths) == 1:
                raise CodecError(_briefly(place, reason)) from error
            notes.append(f"Left out: {_briefly(place, reason)}")
            code.update(f"{notes[-1]}\0".encode("utf-8", "surrogateescape"))
            continue
        parts.append(part)
        if part.missing:
            whole = part.frames + part.missing
            notes.append(f"{place.name}: it was cut off, {part.missing:,} of its {whole:,} frames are missing")
    if not parts:
        raise CodecError("there are no recordings to show" + "".join(f"\n{note}" for note in notes[:1]))
    _fit_together(parts)
    folder = cache / code.hexdigest()
    if not (folder / "about.json").exists():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".new-", dir=cache) as temporary:
            made = Path(temporary) / "session"
            _write(made, parts, notes, title, progress)
            shutil.rmtree(folder, ignore_errors=True)
            try:
                made.rename(folder)
            except OSError:
                if not (folder / "about.json").exists():  # else another viewer was faster
                    raise
    caches.touch(folder)
    caches.bound(cache, keep=folder.name)
    return Session(folder)


def reopen(key: str, cache: Path) -> Session | None:
    """Return the session in the cache whose key begins with ``key``; None if there is none, or more than one."""
    if len(key) < 8 or not key.isalnum():
        return None
    found = [path.parent for path in cache.glob(f"{key}*/about.json")]
    try:
        return Session(found[0]) if len(found) == 1 else None
    except (CodecError, OSError):
        return None  # a large recording is no longer where it was


def _fit_together(parts: Sequence[_Part]) -> None:
    """See to it that recordings can be shown on one time axis.

    Raises:
        CodecError: they cannot.
    """
    rates: dict[float, str] = {}
    for part in parts:
        rates.setdefault(part.rate, part.place.name)
    if len(rates) > 1:
        (one, first), (other, second), *_ = rates.items()
        raise CodecError(
            f"{second} has {other:g} Hz and {first} has {one:g} Hz: they share no time axis (open them one by one)"
        )
    longest, channels = max(part.frames for part in parts), sum(part.channels for part in parts)
    samples = sum(part.frames * part.channels for part in parts)
    if longest * channels > max(_MOST_PADDING * samples, _PADDED_FREELY):
        raise CodecError("they differ too much in length to be padded to the longest (open them one by one)")


def _part(place: Place) -> _Part:
    found = open_recording(place)
    if not found.frames or not found.channels:
        raise CodecError(f"{place.name}: there are no samples in it")
    if not found.rate:
        raise CodecError(f"{place.name}: its rate is not known (--rate says that of a flat binary file)")
    return _Part(place, found.frames, found.channels, found.rate, max(found.missing_frames, 0))


def _briefly(place: Place, reason: str) -> str:
    """Return what is wrong with a recording, once with its name and without its folder."""
    for name in (str(place.path), place.path.name):
        reason = reason.removeprefix(f"{name}: ")
    return f"{place.name}: {reason}"


def _add_content(code: hashlib.blake2b, place: Place, part: _Part) -> None:
    """Add to a checksum what a place shows: the bytes of its files, and how they are read.

    Of recordings that are read where they are, these are some stretches, the lengths, and where they are.
    """
    whole = part.frames * part.channels <= MOST_COPIED
    read_as = "" if place == Place(place.path) else repr((place.stream, place.flat, place.select))
    if not whole:
        read_as = place.absolute().as_json()
    for number, file in enumerate(open_source(place).files):
        name = place.path.name if number == 0 else file.name
        size = len(file.data)
        code.update(f"{name}\0{size}\0{read_as}".encode("utf-8", "surrogateescape"))
        if whole or size <= _PROBES * _PROBE_BYTES:
            stretches = [(start, start + _STRETCH_BYTES) for start in range(0, size, _STRETCH_BYTES)]
        else:
            starts = np.linspace(0, size - _PROBE_BYTES, _PROBES).astype(np.int64)
            stretches = [(int(start), int(start) + _PROBE_BYTES) for start in starts]
        for start, stop in stretches:
            code.update(file.data[start:stop])
            _forget(file.data)


def _forget(data: memoryview) -> None:
    """Let the pages of a mapped file that were read leave resident memory."""
    if isinstance(data.obj, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        data.obj.madvise(mmap.MADV_DONTNEED)


def _stretches(found: Recording, whole: bool) -> Iterator[tuple[int, np.ndarray]]:
    """Yield a recording from its beginning to its end: first frames, and samples of shape (frames, channels).

    The pages of each stretch leave resident memory before the next one is read.

    Args:
        whole: all of it; else some stretches of it.
    """
    width = found.channels * found.dtype.itemsize
    step = max(1, _STRETCH_BYTES // width)
    starts = range(0, found.frames, step)
    if not whole:
        step = max(1, _PROBE_BYTES // width)
        starts = range(0, found.frames, max(step, found.frames // _PROBES))
    for start in starts:
        yield start, found.read(start, start + step)
        found.release()


def _write(
    folder: Path, parts: Sequence[_Part], told: Sequence[str], title: str, progress: Callable[[str], None]
) -> None:
    folder.mkdir()
    frames, channels = max(part.frames for part in parts), sum(part.channels for part in parts)
    copied = frames * channels <= max(MOST_COPIED, _PADDED_FREELY)
    signals: Any = None
    if copied:
        signals = np.lib.format.open_memmap(folder / "signals.npy", "w+", np.int16, (channels, frames))
    about: dict[str, Any] = {"title": title, "rate": parts[0].rate, "copied": copied, "parts": []}
    notes, first = list(told), 0
    for part in parts:
        place = part.place
        progress(place.name)
        found = open_recording(place)
        narrow, note = Narrow.of(found, lambda found=found: _stretches(found, copied))  # type: ignore[misc]
        if note:
            notes.append(f"{place.name}: {note}")
        if copied:
            rows = signals[first : first + part.channels]
            for start, samples in _stretches(found, True):
                rows[:, start : start + len(samples)] = narrow(samples).T
                release(signals)
            del rows
        stem = place.path.name if place.path.is_dir() else place.path.stem
        about["parts"].append(
            {
                "place": "" if copied else place.absolute().as_json(),
                "frames": part.frames,
                "channels": part.channels,
                "missing": part.missing,
                "narrow": narrow,
                "names": list(_names(f"{stem}:{place.stream}" if place.stream else stem, found.channel_names)),
                "gains": _plain(found.gains),
                "offsets": _plain(found.offsets),
                "geometry": _plain(found.geometry),
                "sync": list(found.sync),
            }
        )
        first += part.channels
    if copied:
        signals.flush()
    del signals  # Windows renames no folder with an open file in it
    if len(notes) > _MOST_NOTES:
        notes = [*notes[: _MOST_NOTES - 1], f"and {len(notes) - _MOST_NOTES + 1} notes more"]
    files.write_text(folder / "about.json", json.dumps(about | {"notes": notes}), durable=False)


def _names(stem: str, channels: Sequence[str]) -> Iterator[str]:
    stem = stem.encode("utf-8", "replace").decode()
    return (stem if len(channels) == 1 else f"{stem}:{channel}" for channel in channels)


def _plain(values: np.ndarray | None) -> list[Any] | None:
    """Return an array as JSON has it, None for what is no number."""
    if values is None:
        return None
    plain: list[Any] = values.astype(object).tolist()
    if values.ndim > 1:
        return [_plain(row) for row in values]
    return [value if np.isfinite(value) else None for value in plain]
