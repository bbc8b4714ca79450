"""What the recordings of a data set are like: amplitude, values, entropies, spectrum, noise, spikes, clipping.

A recording is read a stretch at a time, so that its length costs no memory. What depends on all samples together comes
from exact integer counts, so that it depends neither on the order of the files nor on the number of processes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from math import nan
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from n1codec.analysis import spectrum, spikes
from n1codec.analysis.entropy import Neighbours, Pool, codes, entropy, histogram, neighbours
from n1codec.analysis.groups import simultaneous
from n1codec.analysis.moments import Moments, moments
from n1codec.codec import CodecError
from n1codec.files import explain
from n1codec.recordings import Place, Recording, open_recording
from n1codec.recordings.columns import signals

STRETCH = 1 << 20
"""Frames that are read at a time, at most."""
SHORTEST_STRETCH = 1 << 15
"""And at least, where there are so many channels that fewer would fill STRETCH_BYTES."""
STRETCH_BYTES = 64 << 20
SETTLING = 0.25
"""Seconds around a stretch on which the band's filter settles: its response is over long before."""
COMPARED = 1 << 22
"""Frames of each recording that tell which of them were made at the same time."""


class Settings(NamedTuple):
    nperseg: int = spectrum.SEGMENT
    """Frames of a segment of Welch's method."""
    fs: float | None = None
    """Frames per second; what the file says if None. Spectral entropy does not depend on it."""
    base: float = 2.0
    """Of the spectral entropy's logarithm."""
    band: tuple[float, float] = spikes.BAND
    """Hz, of the noise in the band and of the spikes."""
    neo_factor: float = spikes.FACTOR
    rails: tuple[float, float] | None = None
    """What counts as clipped; the lowest and highest number of the format if None, of floating point -1 and 1."""


class Measured(NamedTuple):
    """What one file has."""

    figures: dict[str, Any]
    """Its row: figure by name, NaN where undefined."""
    moments: Moments
    neighbours: Neighbours
    frequencies: np.ndarray
    """Hz, float64 of shape (bins,)."""
    density: np.ndarray
    """Power spectral density, mean over the channels, in squared units of the samples per Hz, shape (bins,)."""


class Stats(NamedTuple):
    """What a data set has."""

    files: list[dict[str, Any]]
    """The row of each file, in the order of the files."""
    total: dict[str, Any]
    """Figures of all samples together."""
    spread: dict[str, dict[str, float]]
    """Figure -> mean, sd, min, p5, p50, p95, max over the files."""
    neighbours: Neighbours
    """The counts of all files together."""
    frequencies: np.ndarray
    """Hz, shape (bins,): of the files that share the most common rate."""
    densities: np.ndarray
    """Power spectral density of each such file, shape (files, bins)."""
    groups: list[dict[str, Any]]
    """``files``, the names of recordings made at the same time, and ``r``, the correlations of their differences."""
    problems: list[str]
    """A line for each file that was left out."""


LABELS = ("file", "group")
"""The columns of a file's row that are no measures of it; ``group`` is the number of its group, from 1, or NaN."""


def measure(place: Path | Place, settings: Settings = Settings()) -> Measured:  # noqa: B008  (it is immutable)
    """Return the statistics of one recording, read a stretch at a time.

    Amplitudes are in the units of the file. Spectrum, noise and spectral entropy are computed channel by channel, and
    the mean over the channels is taken; spikes are counted in all channels, their rate is that of one. Of recordings
    longer than ``STRETCH`` frames, the noise in the band is the median of that of their stretches, and the mean energy
    that spikes have to exceed is that of their stretch.

    Raises:
        CodecError: no reader understands the file, or its samples are not finite.
        OSError: it cannot be read.
    """
    place = Place.of(place)
    recording = signals(open_recording(place))
    rate = settings.fs or float(recording.rate)
    if not recording.frames or not rate > 0:
        raise CodecError(f"{place.path}: there are no samples in it, or they have no rate (--fs says it)")
    counts, activity = Pool(), _Activity(recording.channels, rate, settings)
    for start, stop in _stretches(recording):
        # The frame before makes the pair with the first one, and the filter settles on what stands around a stretch.
        before = min(start, activity.margin)
        x = recording.read(start - before, stop + activity.margin)
        if x.dtype.kind == "f" and not np.isfinite(x).all():
            raise CodecError(f"{place.path}: some of its samples are no finite numbers")
        pair = min(before, 1)
        counts.add(neighbours(x[before - pair : before + stop - start], pair))
        activity.add(x, before, stop - start)
        recording.release()
    found = counts.total()
    sums = moments(found.values, found.counts)
    frequencies, density = spectrum.recording_psd(recording, rate, settings.nperseg)
    figures = {
        "file": place.name,
        "rate": rate,
        "bits": recording.bits,
        "channels": recording.channels,
        "frames": recording.frames,
        "samples": recording.frames * recording.channels,
        "seconds": recording.frames / rate,
        **amplitude(sums, found),
        **_clipping(found, settings.rails or _rails(recording)),
        **entropies(found),
        "spectral_entropy": _mean(spectrum.spectral_entropy(column, settings.base) for column in density.T),
        "noise": activity.noise(),
        "noise_band": activity.noise_band(),
        "spikes": activity.spikes,
        "spike_rate": activity.spikes / (recording.frames / rate) / recording.channels,
    }
    return Measured(figures, sums, found, frequencies, density.mean(axis=1))


def _stretches(recording: Recording) -> Iterator[tuple[int, int]]:
    """Yield (start, stop) of the stretches that a recording is read in."""
    length = STRETCH_BYTES // (recording.channels * recording.dtype.itemsize)
    length = min(max(length, SHORTEST_STRETCH), STRETCH)
    for start in range(0, recording.frames, length):
        yield start, min(start + length, recording.frames)


def collect(
    places: Sequence[Path | Place],
    settings: Settings = Settings(),  # noqa: B008
    jobs: int = 1,
    advance: Callable[[str], object] = lambda name: None,
) -> Stats:
    """Return the statistics of recordings, each by itself and all together.

    Args:
        jobs: processes.
        advance: called with a file's name when it is done.

    Raises:
        CodecError: none of the files is a recording.
    """
    files: list[dict[str, Any]] = []
    good: list[Place] = []
    spectra: list[tuple[np.ndarray, np.ndarray]] = []
    problems: list[str] = []
    pool, sums = Pool(), Moments()
    named = [Place.of(place) for place in places]
    for place, found in zip(named, _measure_all(named, settings, jobs), strict=True):
        advance(place.name)
        if isinstance(found, str):
            problems.append(found)
            continue
        files.append(found.figures)
        good.append(place)
        spectra.append((found.frequencies, found.density))
        pool.add(found.neighbours)
        sums += found.moments
    if not files:
        raise CodecError(problems[0] if problems else "there are no files to look at")
    together = pool.total()
    grids = [tuple(frequencies) for frequencies, _ in spectra]
    common, _ = Counter(grids).most_common(1)[0]
    densities = np.array([density for grid, (_, density) in zip(grids, spectra, strict=True) if grid == common])
    at_once = _groups(good, files)
    spread = {name: _spread([row[name] for row in files]) for name in files[0] if name not in LABELS}
    total = _total(files, sums, together, spread)
    return Stats(files, total, spread, together, np.array(common), densities, at_once, problems)


def _measure_all(places: Sequence[Place], settings: Settings, jobs: int) -> Iterable[Measured | str]:
    work = partial(_attempt, settings=settings)
    if min(jobs, len(places)) <= 1:
        yield from map(work, places)
        return
    from scipy import signal  # noqa: F401  (once here, not in each process)

    with ProcessPoolExecutor(min(jobs, len(places))) as pool:
        yield from pool.map(work, places, chunksize=4)


def _attempt(place: Place, settings: Settings) -> Measured | str:
    try:
        return measure(place, settings)
    except CodecError as error:
        return str(error)
    except (OSError, MemoryError) as error:
        return explain(error)


def _groups(places: Sequence[Place], files: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the groups of files that were recorded at the same time, and note the number of it in each row.

    The first channel speaks for a file, its first COMPARED frames. Only those are held that another one has the length
    of.
    """
    lengths = Counter(row["frames"] for row in files)
    nothing = np.zeros(0, np.int16)
    firsts = []
    for place, row in zip(places, files, strict=True):
        alone = lengths[row["frames"]] == 1
        firsts.append(nothing if alone else open_recording(place).read(0, COMPARED, 0)[:, 0])
        row["group"] = nan
    found = []
    for number, group in enumerate(simultaneous(firsts), start=1):
        for member in group.members:
            files[member]["group"] = number
        found.append({"files": [files[member]["file"] for member in group.members], "r": group.r})
    return found


def amplitude(sums: Moments, found: Neighbours) -> dict[str, Any]:
    """Return moments, median, mode (of several the lowest), range, number of values and the steps between them.

    ``step`` is the most common distance of neighbouring values, ``absent`` how many values fit in between wider ones.
    """
    values, counts = found.values, found.counts
    gaps = np.diff(values if values.dtype.kind == "f" else values.astype(np.int64))
    sizes, often = np.unique(gaps, return_counts=True)
    step = sizes[often.argmax()].item() if gaps.size else nan
    return {
        **sums.figures(),
        "median": _median(values, counts),
        "mode": values[counts.argmax()].item(),
        "min": values[0].item(),
        "max": values[-1].item(),
        "values": values.size,
        "step": step,
        "step_min": sizes[0].item() if gaps.size else nan,
        "step_max": sizes[-1].item() if gaps.size else nan,
        "absent": int(codes(values)[-1]) + 1 - values.size,
    }


def entropies(found: Neighbours) -> dict[str, float]:
    """Return entropies in bits per sample: of order 0 and 1, of first differences, of those of codes."""
    return {
        "entropy_0": found.order0(),
        "entropy_1": found.order1(),
        "entropy_diff": entropy(found.differences()[1]),
        "entropy_code_diff": entropy(found.code_differences()[1]),
    }


def _total(
    files: list[dict[str, Any]], sums: Moments, together: Neighbours, spread: dict[str, dict[str, float]]
) -> dict[str, Any]:
    def add(name: str) -> Any:
        return sum(row[name] for row in files)

    def only(name: str) -> Any:
        found = {row[name] for row in files}
        return found.pop() if len(found) == 1 else nan

    samples = sums.samples
    own = {
        f"{name}_own": sum(row[name] * row["samples"] for row in files) / samples
        for name in ("entropy_0", "entropy_1", "entropy_diff", "entropy_code_diff")
    }
    electrode_seconds = sum(row["seconds"] * row["channels"] for row in files)
    clipped = add("clipped_low") + add("clipped_high")
    return {
        "files": len(files),
        "rate": only("rate"),
        "bits": only("bits"),
        "channels": only("channels"),
        "frames": add("frames"),
        "samples": samples,
        "seconds": add("seconds"),
        **amplitude(sums, together),
        "clipped_low": add("clipped_low"),
        "clipped_high": add("clipped_high"),
        "clipped": clipped / samples,
        "clipped_files": sum(row["clipped"] > 0 for row in files),
        **entropies(together),
        **own,
        "spectral_entropy": spread["spectral_entropy"]["mean"],
        "spectral_entropy_sd": spread["spectral_entropy"]["sd"],
        "noise": spread["noise"]["p50"],
        "noise_band": spread["noise_band"]["p50"],
        "spikes": add("spikes"),
        "spike_rate": add("spikes") / electrode_seconds,
        "groups": len({row["group"] for row in files if row["group"] == row["group"]}),
        "grouped_files": sum(row["group"] == row["group"] for row in files),
    }


def _median(values: np.ndarray, counts: np.ndarray) -> float:
    up_to = np.cumsum(counts)
    middle = int(up_to[-1])
    low, high = np.searchsorted(up_to, [(middle - 1) // 2, middle // 2], side="right")
    return (values[low].item() + values[high].item()) / 2


def _rails(recording: Recording) -> tuple[float, float]:
    if recording.dtype.kind == "f":
        return -1.0, 1.0
    half = 1 << recording.bits - 1
    return (0, 2 * half - 1) if recording.dtype.kind == "u" else (-half, half - 1)


def _clipping(found: Neighbours, rails: tuple[float, float]) -> dict[str, float]:
    low = int(found.counts[found.values <= rails[0]].sum())
    high = int(found.counts[found.values >= rails[1]].sum())
    return {"clipped_low": low, "clipped_high": high, "clipped": (low + high) / int(found.counts.sum())}


class _Activity:
    """Noise and spikes of all channels, gathered stretch by stretch."""

    def __init__(self, channels: int, rate: float, settings: Settings) -> None:
        self.rate, self.settings = rate, settings
        self.margin = max(round(SETTLING * rate), 1)
        """Frames around a stretch on which the filter settles."""
        self.spikes = 0
        self._values = [Pool() for _ in range(channels)]
        self._band_levels: list[list[float]] = [[] for _ in range(channels)]

    def add(self, x: np.ndarray, before: int, frames: int) -> None:
        """Take a stretch of ``frames`` that begins ``before`` frames after the start of x, shape (frames, channels)."""
        for channel, column in enumerate(x.T):
            self._values[channel].add(histogram(column[before : before + frames]))
            filtered = spikes.bandpass(column, self.rate, self.settings.band)
            if filtered is not None:
                inner = filtered[before : before + frames]
                self._band_levels[channel].append(spikes.noise_level(inner))
                self.spikes += spikes.neo_spikes(inner, self.rate, self.settings.neo_factor).size

    def noise(self) -> float:
        """Return the noise level of the samples, the mean over the channels."""
        totals = (pool.total() for pool in self._values)
        return _mean(spikes.noise_of_counts(total.values, total.counts) for total in totals)

    def noise_band(self) -> float:
        """Return the noise level in the band, the mean over the channels."""
        return _mean(float(np.median(levels)) for levels in self._band_levels if levels)


def _mean(numbers: Iterable[float]) -> float:
    defined = [number for number in numbers if number == number]
    return sum(defined) / len(defined) if defined else nan


def _spread(numbers: Sequence[float]) -> dict[str, float]:
    """Return mean, population standard deviation and percentiles of what is defined."""
    defined = np.array([number for number in numbers if number == number], float)
    names = ("min", "p5", "p50", "p95", "max")
    if not defined.size:
        return dict.fromkeys(("mean", "sd", *names), nan)
    quantiles = np.percentile(defined, (0, 5, 50, 95, 100))
    return {"mean": float(defined.mean()), "sd": float(defined.std())} | dict(
        zip(names, map(float, quantiles), strict=True)
    )
