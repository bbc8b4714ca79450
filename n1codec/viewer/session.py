"""Recordings as one memory-mapped array of shape (channels, frames), and what is computed from them.

A session lives in a folder of the cache, named by the content of the recordings:

    signals.npy     int16 of shape (channels, frames), zeros behind the end of shorter channels
    about.json      names, lengths in frames, rate in Hz, notes for the reader
    derived/        minima and maxima, correlation matrices, clusterings, spectra, as they were asked for

The folder appears when it is complete. While no viewer runs, any of it may be deleted. Recordings of hours are larger
than memory: whatever goes through all of one holds a stretch at a time, and lets go of the pages that it has used.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import os
import shutil
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np

from n1codec import files
from n1codec.analysis import correlation, groups, order, spectrum
from n1codec.analysis.decimate import Pyramid, release
from n1codec.codec import CodecError, Layout, Text
from n1codec.datasets import dataset
from n1codec.pipeline import Pipeline, get_codec
from n1codec.recordings import Place, open_recording, open_source
from n1codec.viewer.jobs import Cancelled, Job, Jobs

_VERSION = 2
"""The version of the folder's layout: another one gets folders of its own."""
SEGMENT = 1024
"""Frames of a segment of the power spectra."""
BLOCKS = 64
"""Blocks that a recording is cut into for the compression view, at most."""
_SHORTEST_BLOCK, _LONGEST_BLOCK = 256, 1 << 20
"""Frames of a block of the compression view: recordings of hours have more than BLOCKS of them."""
_STRETCH_BYTES = 32 << 20
"""About how many bytes of samples are held at a time."""
_WHOLE = 1 << 22
"""Frames of a channel whose residual is computed while the reader waits, at most."""
_MOST_NOTES = 20
_MOST_PADDING, _PADDED_FREELY = 16, 1 << 28
"""So many times the samples of recordings, or so many samples, may be written to pad them."""
_DIRECT = 2_000_000
"""Samples whose spectra are computed while the reader waits."""


class Compression(NamedTuple):
    """What a codec makes of every block of every channel, each coded by itself."""

    spec: str
    block: int
    """Frames of a block; the last one of a channel may be shorter."""
    bits: np.ndarray
    """Bits per sample, float32 of shape (channels, blocks), NaN behind the end of a channel."""


class Residual(NamedTuple):
    """What the filters of a codec leave of a channel."""

    values: np.ndarray
    """What the filters hand to the coder, int64 of shape (frames,)."""
    spec: str
    """The filters that made it."""


class Session:
    """One set of recordings. What is computed from it is kept; what takes long runs in the background, as ``jobs``.

    Attributes:
        signals: int16 of shape (channels, frames), memory-mapped.
        names: of the channels.
        lengths: frames of each channel, int64 of shape (channels,); behind them it is padded with zeros.
        rate: frames a second.
        notes: what a reader should know: files that were left out or cut off, samples that were narrowed to 16 bits.
    """

    def __init__(self, folder: Path) -> None:
        about = json.loads((folder / "about.json").read_text(encoding="utf-8"))
        self.key = folder.name
        self.signals: np.ndarray = np.load(folder / "signals.npy", mmap_mode="r", allow_pickle=False)
        self.names: list[str] = about["names"]
        self.lengths = np.array(about["lengths"], np.int64)
        self.rate: float = about["rate"]
        self.notes: list[str] = about["notes"]
        self.title: str = about["title"]
        self.jobs = Jobs()
        self._derived = folder / "derived"
        self._trees: dict[tuple[str, str, str], order.Tree] = {}

    @property
    def channels(self) -> int:
        return len(self.signals)

    @property
    def frames(self) -> int:
        return int(self.signals.shape[1])

    @property
    def common(self) -> int:
        """Frames that every channel has."""
        return int(self.lengths.min())

    @cached_property
    def labels(self) -> list[str]:
        """Names cut down to what tells them apart."""
        return shorten(self.names)

    @cached_property
    def pyramid(self) -> Pyramid:
        """The minima and maxima of blocks of the signals, from which they are drawn."""
        return Pyramid.cached(self.signals, self._derived, self.key)

    def prepare(self) -> Job:
        """Return the job that computes what the first views need, and imports what others need.

        SciPy does not bear that two threads begin to import it at once: whatever uses it waits for this job.
        """

        def work(progress: Callable[[float], None], cancel: threading.Event) -> None:
            self.labels  # noqa: B018
            self.pyramid.medians  # noqa: B018
            import pandas  # noqa: F401
            import scipy.cluster.hierarchy
            import scipy.signal
            import scipy.spatial.distance
            import scipy.stats  # noqa: F401

        return self.jobs.start("prepare", "Preparing", work)

    # -- correlation ---------------------------------------------------------------------------------------------------

    def correlate(self, measure: str) -> Job:
        """Return the job whose result is the correlation matrix of the frames that all channels have."""

        def work(progress: Callable[[float], None], cancel: threading.Event) -> np.ndarray:
            self.prepare().wait()
            common = self.signals[:, : self.common]

            def advance(share: float) -> None:
                release(self.signals)
                progress(0.9 * share)

            try:
                found = correlation.cached(
                    common, measure, self._derived, progress=advance, cancel=cancel, key=self.key
                )
            except correlation.Cancelled as error:
                raise Cancelled from error
            wanted = [(link, distance) for distance in order.DISTANCES for link in order.LINKAGES]
            for done, (link, distance) in enumerate(wanted):
                if cancel.is_set():
                    raise Cancelled
                self._trees[measure, link, distance] = self._tree(found, measure, link, distance)
                progress(0.9 + 0.1 * (done + 1) / len(wanted))
            return found

        return self.jobs.start(measure, f"{measure.capitalize()} correlations", work)

    def matrix(self, measure: str) -> np.ndarray | None:
        """Return the correlation matrix, float64 of shape (channels, channels), or None where it is not there yet."""
        job = self.jobs.get(measure)
        return None if job is None or job.running or job.result is None else job.result

    def tree(self, measure: str, linkage: str, distance: str) -> order.Tree | None:
        """Return the clustering of the channels by a correlation, or None where it is not there yet."""
        return self._trees.get((measure, linkage, distance)) if self.matrix(measure) is not None else None

    def _tree(self, matrix: np.ndarray, measure: str, linkage: str, distance: str) -> order.Tree:
        path = self._derived / f"{measure}-{linkage}-{distance.replace('|', '')}.npy"
        if path.exists():
            from scipy.cluster import hierarchy

            merged = np.load(path, allow_pickle=False)
            return order.Tree(merged, np.asarray(hierarchy.leaves_list(merged), np.int64))
        found = order.tree(matrix, linkage, distance)
        if len(found.linkage):
            _save(path, found.linkage)
        return found

    def simultaneous(self) -> Job:
        """Return the job whose result is the groups of channels that were recorded at the same time."""

        def work(progress: Callable[[float], None], cancel: threading.Event) -> list[groups.Group]:
            self.prepare().wait()
            path = self._derived / "groups.json"
            if path.exists():
                return [
                    groups.Group(tuple(members), np.array(r))
                    for members, r in json.loads(path.read_text(encoding="ascii"))
                ]
            try:
                found = groups.simultaneous(self._beginnings(), progress=progress, cancel=cancel)
            except correlation.Cancelled as error:
                raise Cancelled from error
            path.parent.mkdir(parents=True, exist_ok=True)
            files.write(
                path, json.dumps([[group.members, group.r.tolist()] for group in found]).encode("ascii"), durable=False
            )
            return found

        return self.jobs.start("groups", "Simultaneous recordings", work)

    def _beginnings(self) -> list[np.ndarray]:
        """Return as many samples of each channel as there is memory for; different lengths stay different."""
        return [x[:n] for x, n in zip(self.signals, groups.beginnings(self.lengths.tolist()), strict=True)]

    # -- spectra -------------------------------------------------------------------------------------------------------

    def spectra(self) -> Job:
        """Return the job whose result is the frequencies and the spectra of all channels over their whole lengths."""

        def work(progress: Callable[[float], None], cancel: threading.Event) -> tuple[np.ndarray, np.ndarray]:
            self.prepare().wait()
            path = self._derived / f"spectra-{SEGMENT}.npy"
            size = min(SEGMENT, self.common)
            frequencies = np.fft.rfftfreq(size, 1 / self.rate)
            if path.exists():
                return frequencies, np.load(path, allow_pickle=False)
            power = np.empty((self.channels, len(frequencies)))
            for channel in range(self.channels):
                if cancel.is_set():
                    raise Cancelled
                power[channel] = _psd(self.signals[channel, : self.lengths[channel]], self.rate, size)
                progress((channel + 1) / self.channels)
            _save(path, power)
            return frequencies, power

        return self.jobs.start("spectra", "Power spectra", work)

    def spectra_of(self, channels: Sequence[int], start: int, stop: int) -> tuple[np.ndarray, np.ndarray] | None:
        """Return the spectra of some frames of some channels; None where they take too long for a reader to wait.

        Returns:
            Frequencies in Hz, shape (bins,), and squared units per Hz, shape (channels, bins).
        """
        stop = min(stop, *(int(self.lengths[c]) for c in channels), self.frames)
        if len(channels) * (stop - start) > _DIRECT or stop - start < 2:
            return None
        self.prepare().wait()
        frequencies, power = spectrum.psd(np.asarray(self.signals[list(channels), start:stop]).T, self.rate, SEGMENT)
        return frequencies, power.T

    # -- compression ---------------------------------------------------------------------------------------------------

    @property
    def block(self) -> int:
        """Frames of a block of the compression view."""
        return min(max(_SHORTEST_BLOCK, -(-self.frames // BLOCKS)), _LONGEST_BLOCK)

    def compress(self, spec: str) -> Job:
        """Return the job whose result is the Compression by a codec.

        Raises:
            CodecError: there is no such codec here.
        """
        codec = checked(spec)

        def work(progress: Callable[[float], None], cancel: threading.Event) -> Compression:
            bits = np.full((self.channels, -(-self.frames // self.block)), np.nan, np.float32)
            for channel, length in enumerate(self.lengths):
                for index in range(-(-int(length) // self.block)):
                    if cancel.is_set():
                        raise Cancelled
                    piece = self.signals[channel, index * self.block : min((index + 1) * self.block, int(length))]
                    piece = np.array(piece)
                    bits[channel, index] = 8 * len(codec.encode(piece)) / len(piece)
                    progress((channel + index * self.block / int(length)) / self.channels)
                release(self.signals)
            return Compression(codec.spec, self.block, bits)

        return self.jobs.start(f"codec {codec.spec}", f"Encoding with {codec.spec}", work)

    def bits_per_sample(self, made: Compression) -> np.ndarray:
        """Return the mean bits per sample of each channel, shape (channels,). Blocks count by their frames."""
        starts = np.arange(made.bits.shape[1]) * made.block
        frames = np.clip(self.lengths[:, None] - starts, 0, made.block)
        return np.nansum(made.bits * frames, axis=1) / self.lengths

    def looked_at(self, channel: int, start: int, stop: int) -> tuple[int, int]:
        """Return the frames (first, last) that the details of a channel are computed from.

        They are all frames of the channel, or where these are too many those from ``start`` to ``stop``, the frames
        shown, or the first of them.
        """
        length = int(self.lengths[channel])
        if length <= _WHOLE:
            return 0, length
        start = max(min(start, length - 1), 0)
        return start, max(min(stop, length, start + _WHOLE), start + 1)

    def residual(self, spec: str, channel: int, first: int = 0, last: int | None = None) -> Residual:
        """Return what the filters of a codec leave of some frames of a channel.

        Args:
            spec: a codec; if it has no predictor among its filters, those of ``remap|lpc`` are taken.
            channel: its number.
            first: the first frame.
            last: the frame behind the last one; the channel's end if None.

        Raises:
            CodecError: there is no such codec here.
        """
        filters = [stage for stage in checked(spec).filters if stage.name not in ("planes", "bitshuffle", "rle")]
        if not any(stage.family == "predictive" for stage in filters):
            filters = list(get_codec("remap|lpc|copy").filters)
        length = int(self.lengths[channel])
        x = np.array(self.signals[channel, first : length if last is None else min(last, length)])
        layout = Layout.of(x)
        for stage in filters:
            y, _ = stage.forward(x)
            if y.shape != layout.shape:
                break
            x = y
        return Residual(x.astype(np.int64), "|".join(stage.name for stage in filters))


def _psd(x: np.ndarray, rate: float, size: int) -> np.ndarray:
    """Return the power spectral density of a channel, as ``spectrum.psd`` has it, from one stretch after the other.

    Args:
        x: shape (frames,), may be memory-mapped.
        size: frames of a segment, at most all of them.

    Returns:
        Squared units per Hz, float64 of shape (size // 2 + 1,).
    """
    hop = size - size // 2
    segments = (len(x) - size) // hop + 1
    together = max(1, _STRETCH_BYTES // 8 // hop)
    total = np.zeros(size // 2 + 1)
    for first in range(0, segments, together):
        count = min(together, segments - first)
        piece = x[first * hop : (first + count - 1) * hop + size]
        total += count * spectrum.psd(piece, rate, size)[1]
        if segments > together:
            release(x)
    return total / segments


def checked(spec: str) -> Pipeline:
    """Return the codec of a spec that came from a browser.

    Raises:
        CodecError: there is no such codec here, or the spec names a file or a program, which the viewer never opens.
    """
    codec = get_codec(spec)
    if reason := codec.unavailable():
        raise CodecError(reason)
    for stage in codec.stages:
        for name, value in stage.get_config().items():
            if isinstance(stage.params[name], Text) and value not in (stage.params[name].default, "none"):
                raise CodecError(f"{stage.name}: {name}={value!r} may name a file or a program (the viewer uses none)")
    return codec


def shorten(names: Sequence[str], least: int = 8) -> list[str]:
    """Return the shortest beginnings of long names that tell them apart; names of up to 16 letters stay."""
    if max(map(len, names), default=0) <= 16:
        return list(names)
    for length in range(least, max(map(len, names))):
        if len({name[:length] for name in names}) == len(set(names)):
            return [name[:length] for name in names]
    return list(names)


# -- from files to a session -------------------------------------------------------------------------------------------


def default_cache() -> Path:
    """Return the folder for sessions that the platform provides."""
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "n1codec" / "viewer"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "n1codec" / "viewer"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "n1codec" / "viewer"


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


class _Source(NamedTuple):
    """A recording that is shown."""

    place: Place
    frames: int
    channels: int
    rate: float
    note: str
    """What the reader should know of it, "" if there is nothing."""


def open_files(
    paths: Sequence[Path | Place], cache: Path, title: str, progress: Callable[[str], None] = lambda name: None
) -> Session:
    """Return the session of some recordings; see ``open_paths``."""
    code = hashlib.blake2b(str(_VERSION).encode(), digest_size=12)
    sources, notes = [], []
    for place in map(Place.of, paths):
        try:
            source = _source(place)
            _add_content(code, place)
        except (CodecError, OSError) as error:
            reason = files.explain(error) if isinstance(error, OSError) else str(error)
            if len(paths) == 1:
                raise CodecError(_briefly(place, reason)) from error
            notes.append(f"Left out: {_briefly(place, reason)}")
            code.update(f"{notes[-1]}\0".encode("utf-8", "surrogateescape"))
            continue
        sources.append(source)
        if source.note:
            notes.append(source.note)
    if not sources:
        raise CodecError("there are no recordings to show" + "".join(f"\n{note}" for note in notes[:1]))
    rates: dict[float, str] = {}
    for source in sources:
        rates.setdefault(source.rate, source.place.name)
    if len(rates) > 1:
        (one, first), (other, second), *_ = rates.items()
        raise CodecError(
            f"{second} has {other:g} Hz and {first} has {one:g} Hz: they share no time axis (open them one by one)"
        )
    longest, channels = max(s.frames for s in sources), sum(s.channels for s in sources)
    if longest * channels > max(_MOST_PADDING * sum(s.frames * s.channels for s in sources), _PADDED_FREELY):
        raise CodecError("they differ too much in length to be padded to the longest (open them one by one)")
    folder = cache / code.hexdigest()
    if not (folder / "about.json").exists():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".new-", dir=cache) as temporary:
            made = Path(temporary) / "session"
            _write(made, sources, notes, title, progress)
            shutil.rmtree(folder, ignore_errors=True)
            try:
                made.rename(folder)
            except OSError:
                if not (folder / "about.json").exists():  # else another viewer was faster
                    raise
    return Session(folder)


def reopen(key: str, cache: Path) -> Session | None:
    """Return the session in the cache whose key begins with ``key``; None if there is none, or more than one."""
    if len(key) < 8 or not key.isalnum():
        return None
    found = [path.parent for path in cache.glob(f"{key}*/about.json")]
    return Session(found[0]) if len(found) == 1 else None


def _source(place: Place) -> _Source:
    found = open_recording(place)
    if not found.frames or not found.channels:
        raise CodecError(f"{place.name}: there are no samples in it")
    if not found.rate:
        raise CodecError(f"{place.name}: its rate is not known (--rate says that of a flat binary file)")
    missing, note = found.missing_frames, ""
    if missing > 0:
        whole = found.frames + missing
        note = f"{place.name}: it was cut off, {missing:,} of its {whole:,} frames are missing"
    return _Source(place, found.frames, found.channels, found.rate, note)


def _briefly(place: Place, reason: str) -> str:
    """Return what is wrong with a recording, once with its name and without its folder."""
    for name in (str(place.path), place.path.name):
        reason = reason.removeprefix(f"{name}: ")
    return f"{place.name}: {reason}"


def _add_content(code: hashlib.blake2b, place: Place) -> None:
    """Add to a checksum what a place shows: every byte of its files, and how they are read."""
    read_as = "" if place == Place(place.path) else repr((place.stream, place.flat, place.select))
    for number, file in enumerate(open_source(place).files):
        name = place.path.name if number == 0 else file.name
        code.update(f"{name}\0{len(file.data)}\0{read_as}".encode("utf-8", "surrogateescape"))
        for start in range(0, len(file.data), _STRETCH_BYTES):
            code.update(file.data[start : start + _STRETCH_BYTES])
            _forget(file.data)


def _forget(data: memoryview) -> None:
    """Let the pages of a mapped file that were read leave resident memory."""
    if isinstance(data.obj, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        data.obj.madvise(mmap.MADV_DONTNEED)


def _stretches(place: Place) -> Iterator[tuple[int, np.ndarray]]:
    """Yield a recording from its beginning to its end: first frames, and samples of shape (frames, channels).

    The pages of each stretch leave resident memory before the next one is read.
    """
    found = open_recording(place)
    step = max(1, _STRETCH_BYTES // (found.channels * found.dtype.itemsize))
    for start in range(0, found.frames, step):
        yield start, found.read(start, start + step)
        found.release()


def _write(
    folder: Path, sources: Sequence[_Source], told: Sequence[str], title: str, progress: Callable[[str], None]
) -> None:
    folder.mkdir()
    frames, channels = max(s.frames for s in sources), sum(s.channels for s in sources)
    signals = np.lib.format.open_memmap(folder / "signals.npy", "w+", np.int16, (channels, frames))
    names: list[str] = []
    lengths: list[int] = []
    notes = list(told)
    for source in sources:
        place = source.place
        progress(place.name)
        narrow, note = _narrow(place)
        if note:
            notes.append(f"{place.name}: {note}")
        rows = signals[len(names) : len(names) + source.channels]
        for start, samples in _stretches(place):
            rows[:, start : start + len(samples)] = narrow(samples).T
            release(signals)
        stem = place.path.name if place.path.is_dir() else place.path.stem
        names += _names(f"{stem}:{place.stream}" if place.stream else stem, open_recording(place).channel_names)
        lengths += [source.frames] * source.channels
    signals.flush()
    del signals, rows  # Windows renames no folder with an open file in it
    if len(notes) > _MOST_NOTES:
        notes = [*notes[: _MOST_NOTES - 1], f"and {len(notes) - _MOST_NOTES + 1} notes more"]
    about = {"names": names, "lengths": lengths, "rate": sources[0].rate, "notes": notes, "title": title}
    files.write_text(folder / "about.json", json.dumps(about), durable=False)


def _names(stem: str, channels: Sequence[str]) -> Iterator[str]:
    stem = stem.encode("utf-8", "replace").decode()
    return (stem if len(channels) == 1 else f"{stem}:{channel}" for channel in channels)


def _narrow(place: Place) -> tuple[Callable[[np.ndarray], np.ndarray], str]:
    """Return a function that makes int16 of a recording's samples, and a note if it changes their values."""
    dtype = open_recording(place).dtype
    if dtype == np.int16:
        return lambda samples: samples, ""
    if dtype == np.uint8:
        return lambda samples: samples.astype(np.int16) - 128, "8 bits, shown around 0"
    if dtype.kind == "f":
        peak = max(float(np.nanmax(np.abs(samples), initial=0)) for _, samples in _stretches(place))
        scale = 32767 / peak if np.isfinite(peak) and peak > 0 else 1.0
        return (
            lambda samples: np.nan_to_num(samples * scale).clip(-32768, 32767).astype(np.int16),
            f"floats, shown times {scale:g}",
        )
    reach = max(max(int(samples.max()), -int(samples.min()) - 1) for _, samples in _stretches(place))
    shift = max(reach.bit_length() - 15, 0)
    note = f"wider than 16 bits, shown divided by {1 << shift}" if shift else ""
    return lambda samples: (samples >> shift).astype(np.int16), note


def _save(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with files.writing(path, durable=False) as file:
        np.save(file, array)
