"""One set of recordings, and what is computed from it.

A session lives in a folder of the cache, named by the content of the recordings:

    about.json      what the recordings are: names, lengths, rate, gains, places of electrodes, notes for the reader
    signals.npy     int16 of shape (channels, frames), zeros behind the end of shorter channels; absent where the
                    recordings are large: they are read where they are
    derived/        minima and maxima, correlation matrices, clusterings, spectra, as they were asked for; those of
                    overviews as they are read

The folder appears when it is complete. While no viewer runs, any of it may be deleted. Recordings of hours are larger
than memory and than the cache: their correlations and spectra are of stretches that are spread over them, and so are
their overviews until all of it was read once. So are overviews of signals that a filter, a reference or whitening
changes.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from n1codec import files
from n1codec.analysis import correlation, groups, order, spectrum
from n1codec.analysis.decimate import BLOCK, Pyramid, release
from n1codec.codec import CodecError, Layout, Text
from n1codec.pipeline import Pipeline, get_codec
from n1codec.recordings import Place, open_recording
from n1codec.viewer import cache
from n1codec.viewer.jobs import Cancelled, Job, Jobs
from n1codec.viewer.overview import Overview, prune
from n1codec.viewer.processing import Processing, check, filtered, referenced, whitener
from n1codec.viewer.signals import BINS, EXACT, InPlace, Narrow, Signals, extremes, sampled_frames

SEGMENT = 1024
"""Frames of a segment of the power spectra."""
BLOCKS = 64
"""Blocks that a recording is cut into for the compression view, at most."""
MOST_SAMPLES = 1 << 25
"""Samples that correlations and spectra are computed from; of more, stretches are taken."""
_SHORTEST_BLOCK = 256
_MOST_CODED = 1 << 27
"""Samples that the compression view codes; of larger recordings the beginning of each block stands for it."""
_STRETCHES = 64
_WHOLE = 1 << 22
"""Frames of a channel whose residual is computed while the reader waits, at most."""
_DIRECT = 2_000_000
"""Samples whose spectra are computed while the reader waits."""
_CENTRES = 1 << 21
_WHITENED = 1 << 15
"""Frames that tell how to whiten."""
_STRETCH_BYTES = 32 << 20
"""About how many bytes of samples are held at a time."""
_BATCH = 1 << 22
"""Samples that are processed at a time."""
_MOST_DIRECT = 1 << 24
"""Samples that are processed while the reader waits, of bins that are too narrow for an overview."""
_EVERY = 8
"""Of so many wide bins the first stands for all, where signals are processed and their overview is not there yet."""
_WIDEST_READ = 512
"""The widest bins, in frames, whose every sample is read where the overview of a large recording has longer blocks."""
_MOST_PROCESSED = 1 << 28
"""Bytes of an overview of processed signals."""
_KEPT = 4
"""Overviews of processed signals that are kept."""
_GLIMPSES = 24
"""Tiles of samples that are kept until an overview is there."""


class Compression(NamedTuple):
    """What a codec makes of every block of every channel, each coded by itself."""

    spec: str
    block: int
    """Frames of a block; what is left at the end of a channel belongs to its last one."""
    coded: int
    """Frames at the beginning of each block that were coded: as many of each, since longer ones cost less a sample."""
    bits: np.ndarray
    """Bits per sample, float32 of shape (channels, blocks), NaN behind the end of a channel."""


class Residual(NamedTuple):
    """What the filters of a codec leave of a channel."""

    values: np.ndarray
    """What the filters hand to the coder, int64 of shape (frames,)."""
    spec: str
    """The filters that made it."""


class Tile(NamedTuple):
    """The lowest and the highest sample of some bins of some channels."""

    values: np.ndarray
    """int16 of shape (channels, bins, 2); the lowest is above the highest where there are no samples."""
    scale: float
    """What the values have to be multiplied by."""
    apart: int
    """Frames from one stretch that was looked at to the next; 0 where every sample was looked at."""

    @property
    def exact(self) -> bool:
        """Whether every sample was looked at."""
        return self.apart == 0


class Session:
    """One set of recordings. What is computed from it is kept; what takes long runs in the background, as ``jobs``.

    Attributes:
        signals: int16 of shape (channels, frames), memory-mapped, or recordings that are read where they are.
        names: of the channels.
        lengths: frames of each channel, int64 of shape (channels,); behind them it is padded with zeros.
        rate: frames a second.
        notes: what a reader should know: files that were left out or cut off, samples that were narrowed to 16 bits.
        parts: the number of the recording that each channel belongs to, shape (channels,).
        gains, offsets: microvolts of a channel are ``gain * shown + offset``, NaN where no gain is known.
        steps, zeros: its samples as the file has them are ``step * shown + zero``.
    """

    def __init__(self, folder: Path) -> None:
        about = json.loads((folder / "about.json").read_text(encoding="utf-8"))
        self.key = folder.name
        self.rate: float = about["rate"]
        self.notes: list[str] = about["notes"]
        self.title: str = about["title"]
        parts = about["parts"]
        counts = [part["channels"] for part in parts]
        self.names: list[str] = [name for part in parts for name in part["names"]]
        self.lengths = np.repeat([part["frames"] for part in parts], counts).astype(np.int64)
        self.missing = np.repeat([part["missing"] for part in parts], counts).astype(np.int64)
        self.parts = np.repeat(np.arange(len(parts)), counts)
        self.steps, self.zeros = (np.repeat([part["narrow"][i] for part in parts], counts) for i in (0, 1))
        gains = np.concatenate([_column(part["gains"], part["channels"]) for part in parts])
        offsets = np.concatenate([np.nan_to_num(_column(part["offsets"], part["channels"])) for part in parts])
        self.gains, self.offsets = gains * self.steps, offsets + gains * self.zeros
        self.geometry = np.concatenate([_places(part["geometry"], part["channels"]) for part in parts])
        first = np.cumsum([0, *counts])
        self.sync = {int(first[i]) + channel for i, part in enumerate(parts) for channel in part["sync"]}
        self.signals: Signals
        if about["copied"]:
            self.signals = np.load(folder / "signals.npy", mmap_mode="r", allow_pickle=False)
        else:
            opened = [(open_recording(Place.parsed(part["place"])), Narrow(*part["narrow"])) for part in parts]
            self.signals = InPlace(opened)
        self.jobs = Jobs()
        self._derived = folder / "derived"
        self._overviews: dict[Processing, Overview] = {}
        self._trees: dict[tuple[str, str, str], order.Tree] = {}
        self._pyramid: Pyramid | None = None
        self._whiteners: dict[tuple[Processing, int], np.ndarray] = {}
        self._glimpsed: dict[tuple[Processing, int, int, bytes], np.ndarray] = {}
        self._filling = ""
        self._busy, self._opening = threading.Lock(), threading.Lock()

    @property
    def channels(self) -> int:
        return self.signals.shape[0]

    @property
    def frames(self) -> int:
        return int(self.signals.shape[1])

    @property
    def common(self) -> int:
        """Frames that every channel has."""
        return int(self.lengths.min())

    @property
    def large(self) -> bool:
        """Whether the recordings are read where they are."""
        return isinstance(self.signals, InPlace)

    @cached_property
    def labels(self) -> list[str]:
        """Names cut down to what tells them apart."""
        return shorten(self.names)

    def prepare(self) -> Job:
        """Return the job that computes what the first views need, and imports what others need.

        SciPy does not bear that two threads begin to import it at once: whatever uses it waits for this job.
        """

        def work(progress: Callable[[float], None], cancel: threading.Event) -> None:
            self.centres  # noqa: B018
            if isinstance(self.signals, np.ndarray):
                self._pyramid = Pyramid.cached(self.signals, self._derived, self.key)
            progress(0.8)
            import pandas  # noqa: F401
            import scipy.cluster.hierarchy
            import scipy.signal
            import scipy.spatial.distance
            import scipy.stats  # noqa: F401

        return self.jobs.start("prepare", "Preparing", work)

    def _overview(self, steps: Processing) -> Overview | None:
        """Return the overview of what is done to the signals; None where the levels of the pyramid are one."""
        if steps == Processing() and not self.large:
            return None
        with self._opening:
            if steps not in self._overviews:
                check(steps, self.rate)

                def read(start: int, stop: int) -> np.ndarray:
                    x = self.read(np.arange(self.channels), start, stop, steps)
                    self.release()
                    return x

                most = None if steps == Processing() else _MOST_PROCESSED
                shape, least = (self.channels, self.frames), 4 * steps.margin(self.rate)
                self._overviews[steps] = Overview(shape, read, self._derived, steps.text, most, least)
            return self._overviews[steps]

    def read_all(self, steps: Processing = Processing()) -> Job | None:  # noqa: B008
        """Return the job that makes an overview exact; None where it is exact without.

        Of processed signals the one that was asked for last is made, and few are kept.

        Raises:
            CodecError: no such filter can be made.
        """
        overview = self._overview(steps)
        if overview is None:
            return None
        name = f"overview {steps.text}"
        if steps != Processing():
            with self._opening:
                if self._filling != name:
                    self.jobs.cancel(self._filling)
                    self._filling = name
        job = self.jobs.get(name)
        if job and job.cancelled.is_set():
            self.jobs.forget(name)

        def work(progress: Callable[[float], None], cancel: threading.Event) -> None:
            self.prepare().wait()
            try:
                overview.fill(progress, cancel)
            finally:
                prune(self._derived, _KEPT)
                folder = self._derived.parent
                cache.bound(folder.parent, keep=folder.name)

        return self.jobs.start(name, "Overview", work)

    def overview_read(self, steps: Processing = Processing()) -> float | None:  # noqa: B008
        """Return how much of a recording an overview has, from 0 to 1; None where it has not all and gets no more."""
        overview = self._overview(steps)
        if overview is None:
            return None
        job = self.jobs.get(f"overview {steps.text}")
        return overview.share if overview.share == 1 or (job and job.running) else None

    @cached_property
    def centres(self) -> np.ndarray:
        """The median of every channel, float64 of shape (channels,), from stretches of it where there are many."""
        each = max(_CENTRES // self.channels, 1024)
        result = np.zeros(self.channels)
        for part in np.unique(self.parts):
            (rows,) = np.nonzero(self.parts == part)
            result[rows] = np.median(self._spread(rows, int(self.lengths[rows[0]]), each), axis=1)
        return result

    def _spread(self, channels: np.ndarray, length: int, frames: int) -> np.ndarray:
        """Return about so many frames of channels, in stretches that are spread over them, (channels, frames)."""
        if length <= frames:
            return self.signals[channels, 0:length]
        stretch = max(frames // _STRETCHES, 1)
        starts = np.linspace(0, length - stretch, _STRETCHES).astype(np.int64)
        found = [self.signals[channels, int(start) : int(start) + stretch] for start in starts]
        self.release()
        return np.concatenate(found, axis=1)

    @cached_property
    def sample(self) -> np.ndarray:
        """The frames that all channels have, or stretches spread over them where they are too many."""
        if isinstance(self.signals, np.ndarray):
            return self.signals[:, : self.common]
        return self._spread(np.arange(self.channels), self.common, MOST_SAMPLES // self.channels)

    @property
    def sampled(self) -> str:
        """What to tell of figures that are of ``sample``; "" where it is all frames."""
        count = self.sample.shape[1]
        if count == self.common:
            return ""
        return f"From {_STRETCHES} stretches of {count / _STRETCHES / self.rate:.3g} s, spread over the recording."

    def release(self) -> None:
        """Let the pages of samples that were read leave resident memory."""
        if isinstance(self.signals, InPlace):
            self.signals.release()
        elif isinstance(self.signals, np.ndarray):
            release(self.signals)

    # -- what is drawn -------------------------------------------------------------------------------------------------

    def tile(self, width: int, number: int, channels: np.ndarray, steps: Processing = Processing()) -> Tile:  # noqa: B008
        """Return bins ``number * BINS`` to ``(number + 1) * BINS`` of some channels.

        Args:
            width: frames of a bin, a power of 2.
            steps: what is done to the signals before.

        Raises:
            CodecError: no such filter can be made.
        """
        start = number * BINS * width
        stop = min(start + BINS * width, self.frames)
        shape = len(channels), max(0, -(-(stop - start) // width)), 2
        scale, exact = self.scale(steps), True
        if shape[1] == 0:
            return Tile(np.empty(shape, np.int16), scale, 0)
        level = (width // BLOCK).bit_length() - 1
        if steps == Processing() and level >= 0 and self._pyramid is not None:
            values = self._pyramid.level(level, channels, number * BINS, number * BINS + shape[1])
        elif width <= EXACT:
            values = extremes(self.read(channels, start, stop, steps), width)
        elif overview := self._overview(steps):
            values, exact = self._surveyed(overview, channels, start, stop, width, steps)
        else:
            values, exact = self._glimpses(channels, start, shape[1], width, steps), False
        ends = -(-self.lengths[channels] // width) - number * BINS
        if ends.min() < shape[1]:
            behind = np.arange(shape[1]) >= ends[:, None]
            values = np.where(behind[..., None], np.array([32767, -32768], np.int16), values)
        return Tile(np.ascontiguousarray(values, "<i2"), scale, 0 if exact else width * _every(steps))

    def _surveyed(
        self, overview: Overview, channels: np.ndarray, start: int, stop: int, width: int, steps: Processing
    ) -> tuple[np.ndarray, bool]:
        """Return extremes of bins that an overview has, and whether those of all samples."""
        if steps == Processing():
            few = width <= _WIDEST_READ
        else:
            few = len(self._needed(channels, steps)) * (stop - start) <= _MOST_DIRECT
        if few and width < overview.block:
            step = max(_STRETCH_BYTES // (2 * self.channels) // width, 1) * width
            pieces = [
                extremes(self.read(channels, at, min(at + step, stop), steps), width) for at in range(start, stop, step)
            ]
            self.release()
            return np.concatenate(pieces, axis=1), True
        first, bins = start // width, -(-(stop - start) // width)
        ready = overview.ready(width, first, bins)
        values = overview.extremes(width, channels, first, first + ready)
        if ready == bins:
            return values, True
        rest = self._glimpses(channels, start, bins, width, steps)[:, ready:]
        return np.concatenate([values, rest], axis=1), False

    def _glimpses(self, channels: np.ndarray, start: int, bins: int, width: int, steps: Processing) -> np.ndarray:
        """Return extremes of the first frames of each bin; of one in ``_EVERY``, for all, where they are processed.

        The page asks for them again and again until the overview is there: what was found last is kept.
        """
        key = steps, width, start, channels.tobytes()
        made = self._glimpsed.get(key)
        if made is None:
            made = self._glimpse(channels, start, bins, width, steps)
            with self._opening:
                while len(self._glimpsed) >= _GLIMPSES:
                    del self._glimpsed[next(iter(self._glimpsed))]
                self._glimpsed[key] = made
        return made

    def _glimpse(self, channels: np.ndarray, start: int, bins: int, width: int, steps: Processing) -> np.ndarray:
        starts = start + width * np.arange(0, bins, _every(steps))
        needed, length = self._needed(channels, steps), sampled_frames(width) + 2 * steps.margin(self.rate)
        step = max(_BATCH // (len(needed) * length), 1)
        made = [
            self._stretches(channels, needed, starts[first : first + step], sampled_frames(width), steps)
            for first in range(0, len(starts), step)
        ]
        return np.repeat(np.concatenate(made, axis=1), _every(steps), axis=1)[:, :bins]

    def _stretches(
        self, channels: np.ndarray, needed: np.ndarray, starts: np.ndarray, count: int, steps: Processing
    ) -> np.ndarray:
        """Return the extremes of ``count`` frames from each start on, int16 of shape (channels, starts, 2)."""
        margin = steps.margin(self.rate)
        pieces = np.zeros((len(needed), len(starts), count + 2 * margin), np.int16)
        self._scattered(True)
        for at, first in enumerate(starts.tolist()):
            low, high = max(first - margin, 0), min(first + count + margin, self.frames)
            found = self.signals[needed, low:high]
            begin = low - (first - margin)
            pieces[:, at, begin : begin + found.shape[1]] = found
            pieces[:, at, :begin] = found[:, :1]
            pieces[:, at, begin + found.shape[1] :] = found[:, -1:]
        self._scattered(False)
        self.release()
        made = self._processed(pieces, needed, channels, steps)[..., margin : margin + count]
        return np.stack([made.min(axis=2), made.max(axis=2)], axis=2)

    def _scattered(self, yes: bool) -> None:
        if isinstance(self.signals, InPlace):
            self.signals.scattered(yes)

    def read(self, channels: np.ndarray, start: int, stop: int, steps: Processing = Processing()) -> np.ndarray:  # noqa: B008
        """Return some frames of some channels, int16 of shape (channels, frames), in units of ``scale(steps)``.

        Raises:
            CodecError: no such filter can be made.
        """
        if steps == Processing():
            return np.asarray(self.signals[channels, start:stop])
        check(steps, self.rate)
        margin = steps.margin(self.rate)
        low, high = max(start - margin, 0), min(stop + margin, self.frames)
        needed = self._needed(channels, steps)
        result = np.empty((len(channels), stop - start), np.int16)
        step = max(_BATCH // max(len(needed), 1), 4 * margin)
        for first in range(start, stop, step):
            last = min(first + step, stop)
            low, high = max(first - margin, 0), min(last + margin, self.frames)
            made = self._processed(np.asarray(self.signals[needed, low:high]), needed, channels, steps)
            result[:, first - start : last - start] = made[:, first - low : last - low]
        return result

    def scale(self, steps: Processing) -> float:
        """Return what processed samples have to be multiplied by: they hold fractions of a code where there is room."""
        if steps == Processing():
            return 1.0
        return 1 / 256 if steps.whiten else self._fraction

    @cached_property
    def _fraction(self) -> float:
        x = self._spread(np.arange(self.channels), self.common, 1 << 14)
        peak = float(np.maximum(x.max(axis=1) - self.centres, self.centres - x.min(axis=1)).max())
        return 2.0 ** min(int(np.ceil(np.log2(max(2 * peak, 1) / 32767))), 0)

    def _needed(self, channels: np.ndarray, steps: Processing) -> np.ndarray:
        """Return the channels that have to be read: all of a recording where they are compared with each other."""
        if not (steps.reference or steps.whiten):
            return np.asarray(channels)
        return np.nonzero(np.isin(self.parts, self.parts[channels]))[0]

    def _processed(self, x: np.ndarray, needed: np.ndarray, wanted: np.ndarray, steps: Processing) -> np.ndarray:
        """Return int16 of the channels wanted, from the raw samples of those needed, (channels, ..., frames)."""
        if steps == Processing():
            return x
        with self._busy:  # one at a time, for the memory
            place = {int(channel): row for row, channel in enumerate(needed)}
            made = np.empty((len(wanted), *x.shape[1:]), np.float32)
            for part in np.unique(self.parts[wanted]):
                rows = np.nonzero(self.parts[wanted] == part)[0]
                inside = np.nonzero(self.parts[needed] == part)[0]
                own = np.array([place[int(channel)] for channel in wanted[rows]])
                made[rows] = self._of_part(x, needed, inside, own, steps)
            return np.clip(np.rint(made / self.scale(steps)), -32768, 32767).astype(np.int16)

    def _of_part(
        self, x: np.ndarray, needed: np.ndarray, inside: np.ndarray, own: np.ndarray, steps: Processing
    ) -> np.ndarray:
        rows = np.arange(len(inside)) if steps.whiten else np.searchsorted(inside, own)
        made = x[inside].astype(np.float32)
        if steps.reference:
            voltages = np.array([channel not in self.sync for channel in needed[inside]])
            made = _referenced_but(made, self.centres[needed[inside]], rows, voltages)
        else:
            made = made[rows]
        made = filtered(made, steps, self.rate)
        if steps.whiten:
            matrix = self._whitener(needed[inside], steps)
            flat = made.reshape(len(made), -1)
            made = (matrix[np.searchsorted(inside, own)] @ flat).reshape(len(own), *made.shape[1:])
        return made

    def _whitener(self, channels: np.ndarray, steps: Processing) -> np.ndarray:
        key = steps, int(self.parts[channels[0]])
        if key not in self._whiteners:
            x = self._spread(channels, int(self.lengths[channels[0]]), _WHITENED).astype(np.float32)
            if steps.reference:
                x = referenced(x, self.centres[channels], np.arange(len(x)))
            self._whiteners[key] = whitener(filtered(x, steps, self.rate))
        return self._whiteners[key]

    # -- correlation ---------------------------------------------------------------------------------------------------

    def correlate(self, measure: str) -> Job:
        """Return the job whose result is the correlation matrix of the frames that all channels have."""

        def work(progress: Callable[[float], None], cancel: threading.Event) -> np.ndarray:
            self.prepare().wait()

            def advance(share: float) -> None:
                if isinstance(self.signals, np.ndarray):
                    release(self.signals)
                progress(0.9 * share)

            try:
                found = correlation.cached(
                    self.sample, measure, self._derived, progress=advance, cancel=cancel, key=self.key
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

    def tree(self, measure: str, linkage: str, distance: str) -> order.Tree | None:
        """Return the clustering of the channels by a correlation, or None where it is not there yet."""
        job = self.jobs.get(measure)
        ready = job is not None and not job.running and job.result is not None
        return self._trees.get((measure, linkage, distance)) if ready else None

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
        """Return the job whose result is the groups of channels that were recorded at the same time.

        The channels of one recording are, by construction; of recordings of one channel, the samples tell.
        """

        def work(progress: Callable[[float], None], cancel: threading.Event) -> list[groups.Group]:
            self.prepare().wait()
            path = self._derived / "groups.json"
            if path.exists():
                return [
                    groups.Group(tuple(members), np.array(r))
                    for members, r in json.loads(path.read_text(encoding="ascii"))
                ]
            counts = np.bincount(self.parts)
            found = [
                groups.Group(tuple(np.nonzero(self.parts == part)[0].tolist()), np.zeros((0, 0)))
                for part in np.nonzero(counts > 1)[0]
            ]
            (alone,) = np.nonzero(counts[self.parts] == 1)
            try:
                told = groups.simultaneous(self._beginnings(alone), progress=progress, cancel=cancel)
            except correlation.Cancelled as error:
                raise Cancelled from error
            found += [group._replace(members=tuple(int(alone[member]) for member in group.members)) for group in told]
            path.parent.mkdir(parents=True, exist_ok=True)
            files.write(
                path, json.dumps([[group.members, group.r.tolist()] for group in found]).encode("ascii"), durable=False
            )
            return found

        return self.jobs.start("groups", "Simultaneous recordings", work)

    def _beginnings(self, channels: np.ndarray) -> list[np.ndarray]:
        """Return as many samples of each channel as there is memory for; different lengths stay different."""
        lengths = groups.beginnings(self.lengths[channels].tolist())
        return [self.signals[int(channel), 0:n] for channel, n in zip(channels, lengths, strict=True)]

    # -- spectra -------------------------------------------------------------------------------------------------------

    def spectra(self) -> Job:
        """Return the job whose result is the frequencies and the spectra of all channels, of ``sample``."""

        def work(progress: Callable[[float], None], cancel: threading.Event) -> tuple[np.ndarray, np.ndarray]:
            self.prepare().wait()
            path = self._derived / f"spectra-{SEGMENT}.npy"
            size = min(SEGMENT, self.sample.shape[1] // _STRETCHES if self.sampled else self.common)
            frequencies = np.fft.rfftfreq(size, 1 / self.rate)
            if path.exists():
                return frequencies, np.load(path, allow_pickle=False)
            power = np.empty((self.channels, len(frequencies)))
            for channel in range(self.channels):
                if cancel.is_set():
                    raise Cancelled
                power[channel] = self._psd(channel, size)
                progress((channel + 1) / self.channels)
            _save(path, power)
            return frequencies, power

        return self.jobs.start("spectra", "Power spectra", work)

    def _psd(self, channel: int, size: int) -> np.ndarray:
        """Return the power spectral density of a channel, of stretches of it where it is large."""
        if not isinstance(self.signals, np.ndarray):
            stretches = self.sample[channel].reshape(_STRETCHES, -1) if self.sampled else self.sample[channel][None]
            return np.asarray(spectrum.psd(stretches.T, self.rate, size)[1].mean(axis=1))
        return welch(self.signals[channel, 0 : int(self.lengths[channel])], self.rate, size)

    def spectra_of(self, channels: Sequence[int], start: int, stop: int) -> tuple[np.ndarray, np.ndarray] | None:
        """Return the spectra of some frames of some channels; None where they take too long for a reader to wait.

        Returns:
            Frequencies in Hz, shape (bins,), and squared units per Hz, shape (channels, bins).
        """
        stop = min(stop, *(int(self.lengths[c]) for c in channels), self.frames)
        cost = (self.channels if self.large else len(channels)) * (stop - start)
        if cost > _DIRECT or stop - start < 2:
            return None
        self.prepare().wait()
        frequencies, power = spectrum.psd(np.asarray(self.signals[list(channels), start:stop]).T, self.rate, SEGMENT)
        return frequencies, power.T

    # -- compression ---------------------------------------------------------------------------------------------------

    @property
    def block(self) -> int:
        """Frames of a block of the compression view."""
        return max(_SHORTEST_BLOCK, -(-self.frames // BLOCKS))

    def blocks(self, channel: int) -> list[tuple[int, int]]:
        """Return the frames (first, last) of the blocks of a channel; what is left at its end joins the last one."""
        length = int(self.lengths[channel])
        starts = [number * self.block for number in range(max(length // self.block, 1))]
        return list(zip(starts, [*starts[1:], length], strict=True))

    def compress(self, spec: str) -> Job:
        """Return the job whose result is the Compression by a codec.

        Raises:
            CodecError: there is no such codec here.
        """
        codec = checked(spec)
        count = -(-self.frames // self.block)
        most = min(max(_MOST_CODED // (self.channels * count), _SHORTEST_BLOCK), self.block)

        def work(progress: Callable[[float], None], cancel: threading.Event) -> Compression:
            bits = np.full((self.channels, count), np.nan, np.float32)
            done = 0
            for part in np.unique(self.parts):
                (rows,) = np.nonzero(self.parts == part)
                blocks = self.blocks(int(rows[0]))
                for index, (start, stop) in enumerate(blocks):
                    pieces = self.signals[rows, start : min(stop, start + most)]
                    for row, piece in zip(rows, pieces, strict=True):
                        if cancel.is_set():
                            raise Cancelled
                        bits[row, index] = 8 * len(codec.encode(np.array(piece))) / len(piece)
                    progress((done + len(rows) * (index + 1) / len(blocks)) / self.channels)
                done += len(rows)
                self.release()
            return Compression(codec.spec, self.block, most, bits)

        return self.jobs.start(f"codec {codec.spec}", f"Encoding with {codec.spec}", work)

    def bits_per_sample(self, made: Compression) -> np.ndarray:
        """Return the mean bits per sample of each channel, shape (channels,). Blocks count by their frames."""
        result = np.empty(self.channels)
        for channel in range(self.channels):
            found = self.blocks(channel)
            frames = np.array([stop - start for start, stop in found])
            result[channel] = (made.bits[channel, : len(found)] * frames).sum() / frames.sum()
        return result

    def looked_at(self, channel: int, start: int, stop: int) -> tuple[int, int]:
        """Return the frames (first, last) that the details of a channel are computed from.

        They are all frames of the channel, or where these are too many those from ``start`` to ``stop``, the frames
        shown, or the first of them.
        """
        length, most = int(self.lengths[channel]), self.within(_WHOLE)
        if length <= most:
            return 0, length
        start = max(min(start, length - 1), 0)
        return start, max(min(stop, length, start + most), start + 1)

    def within(self, frames: int) -> int:
        """Return how many frames of a channel may be read where so many of a copied one may.

        Where recordings are read in place, a channel costs what all of them do.
        """
        return max(frames * 8 // self.channels, 1 << 15) if self.large else frames

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

    def decoded(self, spec: str, channel: int, first: int, last: int) -> np.ndarray:
        """Return what comes back of some frames of a channel that a codec encoded, int16 of shape (frames,).

        Raises:
            CodecError: there is no such codec here.
        """
        import n1codec

        x = np.array(self.signals[channel, first : min(last, int(self.lengths[channel]))])
        return np.asarray(n1codec.decode(n1codec.encode(x, checked(spec).spec, rate=self.rate))).reshape(-1)


def _every(steps: Processing) -> int:
    return 1 if steps == Processing() else _EVERY


def welch(x: np.ndarray, rate: float, size: int) -> np.ndarray:
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
        total += count * spectrum.psd(x[first * hop : (first + count - 1) * hop + size], rate, size)[1]
        if segments > together:
            release(x)
    return total / segments


def _referenced_but(x: np.ndarray, centres: np.ndarray, rows: np.ndarray, voltages: np.ndarray) -> np.ndarray:
    """Return the rows wanted of channels less their common median; channels without a voltage stay as they are."""
    made = x[rows]
    inside = voltages[rows]
    among = np.cumsum(voltages) - 1
    made[inside] = referenced(x[voltages], centres[voltages], among[rows[inside]])
    return made


def _column(values: list[Any] | None, count: int) -> np.ndarray:
    return np.full(count, np.nan) if values is None else np.array(values, np.float64)


def _places(values: list[Any] | None, count: int) -> np.ndarray:
    return np.full((count, 2), np.nan) if values is None else np.array(values, np.float64).reshape(count, 2)


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
    """Return the shortest beginnings of long names that tell them apart; names of up to 16 letters stay.

    What all of them have before a colon, the name of the recording, is left out first.
    """
    stems = {name.partition(":")[0] for name in names}
    if len(names) > 1 and len(stems) == 1 and all(":" in name for name in names):
        return shorten([name.partition(":")[2] for name in names], least)
    if max(map(len, names), default=0) <= 16:
        return list(names)
    for length in range(least, max(map(len, names))):
        if len({name[:length] for name in names}) == len(set(names)):
            return [name[:length] for name in names]
    return list(names)


def _save(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with files.writing(path, durable=False) as file:
        np.save(file, array)
