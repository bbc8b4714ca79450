"""What the recordings of a data set are like: amplitude, values, entropies, spectrum, noise, spikes, clipping.

A recording is read a stretch at a time, so that its length costs no memory. What depends on all samples together comes
from exact integer counts, so that it depends neither on the order of the files nor on the number of processes.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from math import nan
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from n1codec.analysis import spectrum
from n1codec.analysis.entropy import Neighbours, Pool, codes, entropy, histogram, neighbours
from n1codec.analysis.groups import simultaneous
from n1codec.analysis.moments import Moments, moments
from n1codec.codec import CodecError
from n1codec.files import explain
from n1codec.recordings import Place, Recording, open_recording
from n1codec.recordings.columns import columns, signals
from n1codec.spikes import detect

STRETCH = 1 << 20
"""Frames that are read at a time, at most."""
SHORTEST_STRETCH = 1 << 15
"""And at least, where there are so many channels that fewer would fill STRETCH_BYTES."""
STRETCH_BYTES = 32 << 20
TOGETHER = 1 << 21
"""Samples whose spectra are computed at a time, about."""
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
    band: tuple[float, float] = detect.BAND
    """Hz, of the noise in the band and of the spikes."""
    neo_factor: float = detect.FACTOR
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
    channels: list[dict[str, Any]]
    """A row for each channel."""


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
    channels: list[dict[str, Any]]
    """The rows of the channels of those files that have several."""
    problems: list[str]
    """A line for each file that was left out."""


LABELS = ("file", "group")
"""The columns of a file's row that are no measures of it; ``group`` is the number of its group, from 1, or NaN."""


def measure(
    place: Path | Place,
    settings: Settings = Settings(),  # noqa: B008  (it is immutable)
    run: Callable[..., Iterable[Any]] = map,
    advance: Callable[[str, float], object] = lambda name, share: None,
) -> Measured:
    """Return the statistics of one recording, read a stretch at a time.

    Amplitudes are in the units of the file. Spectrum, noise and spectral entropy are computed channel by channel, and
    the mean over the channels is taken; spikes are counted in all channels, their rate is that of one. Of recordings
    longer than ``STRETCH`` frames, the noise in the band is the median of that of their stretches, and the mean energy
    that spikes have to exceed is that of their stretch. Channels that hold digital lines are left out.

    Args:
        run: what calls a function for each stretch: ``map``, or that of a pool of processes.
        advance: called with the place's name and the share of the work that is done, after each stretch.

    Raises:
        CodecError: no reader understands the file, or its samples are not finite.
        OSError: it cannot be read.
    """
    place = Place.of(place)
    recording = signals(open_recording(place))
    rate = settings.fs or float(recording.rate)
    if not recording.frames or not rate > 0:
        raise CodecError(f"{place.path}: there are no samples in it, or they have no rate (--fs says it)")
    stretches = list(_stretches(recording))
    counts, channels = Pool(), [_Channel() for _ in range(recording.channels)]
    segments = spectrum.Segments.of(recording.frames, settings.nperseg)
    power = np.zeros((recording.channels, segments.size // 2 + 1))
    for part in run(partial(_stretch, place, rate, settings), stretches):
        if part is None:
            raise CodecError(f"{place.path}: some of its samples are no finite numbers")
        counts.add(part.neighbours)
        power += part.power
        for channel, values, level, spikes_here in zip(channels, part.values, part.levels, part.spikes, strict=True):
            channel.add(values, level, spikes_here)
        advance(place.name, 1 / len(stretches))
    found = counts.total()
    sums = moments(found.values, found.counts)
    density = power / segments.total
    seconds = recording.frames / rate
    rows = [
        {"file": place.name, "channel": name, **channel.figures(seconds, gain)}
        for name, channel, gain in zip(recording.channel_names, channels, _gains(recording), strict=True)
    ]
    found_spikes = sum(channel.spikes for channel in channels)
    figures = {
        "file": place.name,
        "rate": rate,
        "bits": recording.bits,
        "channels": recording.channels,
        "frames": recording.frames,
        "samples": recording.frames * recording.channels,
        "seconds": seconds,
        **amplitude(sums, found),
        **_clipping(found, settings.rails or _rails(recording)),
        **entropies(found),
        "spectral_entropy": _mean(spectrum.spectral_entropy(column, settings.base) for column in density),
        "noise": _mean(row["noise"] for row in rows),
        "noise_band": _mean(row["noise_band"] for row in rows),
        "spikes": found_spikes,
        "spike_rate": found_spikes / seconds / recording.channels,
        "noise_uv": _mean(row["noise_uv"] for row in rows),
        "noise_band_uv": _mean(row["noise_band_uv"] for row in rows),
    }
    frequencies = np.fft.rfftfreq(segments.size, 1 / rate)
    return Measured(figures, sums, found, frequencies, density.mean(axis=0), rows)


class _Part(NamedTuple):
    """What one stretch has."""

    neighbours: Neighbours
    values: list[Neighbours]
    """The histogram of each channel."""
    levels: list[float | None]
    """The noise in the band of each channel; None where nothing is left of the band."""
    spikes: list[int]
    """Of each channel."""
    power: np.ndarray | float
    """The sum of the power spectral densities of the segments that begin here, shape (channels, bins); 0 if none do."""


def _stretch(place: Place, rate: float, settings: Settings, bounds: tuple[int, int]) -> _Part | None:
    """Return what a stretch has, or None if some of its samples are no finite numbers."""
    recording = signals(open_recording(place))
    start, stop = bounds
    margin = max(round(SETTLING * rate), 1)
    segments = spectrum.Segments.of(recording.frames, settings.nperseg)
    numbers = segments.within(start, stop)
    # The frame before makes the pair with the first one, the filter settles on what stands around, and the last
    # segments reach into the next stretch.
    before = min(start, margin)
    end = max(stop + margin, segments.frames(numbers)[1] if numbers else 0)
    x = columns(recording, end, start - before)
    recording.release()
    if x.dtype.kind == "f" and not np.isfinite(x).all():
        return None
    pair, length = min(before, 1), stop - start
    inner = x[:, before : before + length]
    levels: list[float | None] = []
    found: list[int] = []
    around = x[:, : before + length + margin]
    together = max(1, TOGETHER // around.shape[1])
    for at in range(0, len(x), together):
        filtered = detect.bandpass(around[at : at + together], rate, settings.band)
        for row in inner[at : at + together] if filtered is None else filtered[:, before : before + length]:
            levels.append(None if filtered is None else detect.noise_level(row))
            found.append(0 if filtered is None else detect.neo_spikes(row, rate, settings.neo_factor).size)
    power: np.ndarray | float = 0.0
    if numbers:
        first, last = (frame - (start - before) for frame in segments.frames(numbers))
        together = max(1, TOGETHER // (last - first))
        groups = (x[at : at + together, first:last] for at in range(0, len(x), together))
        means = [spectrum.psd(group.T, rate, segments.size)[1].T for group in groups]
        power = np.concatenate(means) * len(numbers)
    counted = neighbours(x[:, before - pair : before + length].T, pair)
    return _Part(counted, [histogram(row) for row in inner], levels, found, power)


class _Channel:
    """What the stretches of one channel add up to."""

    def __init__(self) -> None:
        self.values, self.spikes = Pool(), 0
        self.levels: list[float] = []

    def add(self, values: Neighbours, level: float | None, found: int) -> None:
        self.values.add(values)
        self.spikes += found
        if level is not None:
            self.levels.append(level)

    def figures(self, seconds: float, gain: float) -> dict[str, Any]:
        """Return mean, spread, range, noise and spikes; those that end in ``_uv`` are in microvolts."""
        found = self.values.total()
        wide = found.values.astype(np.float64)
        mean = float(np.average(wide, weights=found.counts))
        row = {
            "mean": mean,
            "sd": float(np.sqrt(np.average((wide - mean) ** 2, weights=found.counts))),
            "min": found.values[0].item(),
            "max": found.values[-1].item(),
            "noise": detect.noise_of_counts(found.values, found.counts),
            "noise_band": float(np.median(self.levels)) if self.levels else nan,
            "spikes": self.spikes,
            "spike_rate": self.spikes / seconds,
        }
        return row | {f"{name}_uv": row[name] * gain for name in ("sd", "noise", "noise_band")}


def _gains(recording: Recording) -> list[float]:
    """Return the microvolts per unit of each channel, NaN where the file does not say it."""
    return [nan] * recording.channels if recording.gains is None else np.abs(recording.gains).tolist()


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
    advance: Callable[[str, float], object] = lambda name, share: None,
) -> Stats:
    """Return the statistics of recordings, each by itself and all together.

    Args:
        jobs: processes.
        advance: called with a file's name, and which share of it has been done since the last time.

    Raises:
        CodecError: none of the files is a recording.
    """
    files: list[dict[str, Any]] = []
    good: list[Place] = []
    spectra: list[tuple[np.ndarray, np.ndarray]] = []
    problems: list[str] = []
    pool, sums = Pool(), Moments()
    named = [Place.of(place) for place in places]
    channels: list[dict[str, Any]] = []
    for place, found in zip(named, _measure_all(named, settings, jobs, advance), strict=True):
        if isinstance(found, str):
            problems.append(found)
            continue
        files.append(found.figures)
        good.append(place)
        spectra.append((found.frequencies, found.density))
        pool.add(found.neighbours)
        sums += found.moments
        channels += found.channels if len(found.channels) > 1 else []
    if not files:
        raise CodecError(problems[0] if problems else "there are no files to look at")
    together = pool.total()
    grids = [tuple(frequencies) for frequencies, _ in spectra]
    common, _ = Counter(grids).most_common(1)[0]
    densities = np.array([density for grid, (_, density) in zip(grids, spectra, strict=True) if grid == common])
    at_once = _groups(good, files)
    spread = {name: spread_of([row[name] for row in files]) for name in files[0] if name not in LABELS}
    total = _total(files, sums, together, spread)
    return Stats(files, total, spread, together, np.array(common), densities, at_once, channels, problems)


def _measure_all(
    places: Sequence[Place], settings: Settings, jobs: int, advance: Callable[[str, float], object]
) -> Iterator[Measured | str]:
    """Yield what each recording has, or what is wrong with it: many at the same time, or stretches of few."""
    if jobs <= 1:
        for place in places:
            yield _attempt(place, settings, advance=advance)
        return
    from scipy import signal  # noqa: F401  (once here, not in each process)

    with ProcessPoolExecutor(jobs) as pool:
        if len(places) < jobs and any(map(_is_long, places)):
            for place in places:
                yield _attempt(place, settings, partial(_in_turn, pool, 2 * jobs), advance)
            return
        at_a_time = 4 if len(places) >= 4 * jobs else 1
        measured = pool.map(partial(_attempt, settings=settings), places, chunksize=at_a_time)
        for place, found in zip(places, measured, strict=True):
            advance(place.name, 1.0)
            yield found


def _is_long(place: Place) -> bool:
    """Return whether a recording is read in several stretches."""
    try:
        return len(list(_stretches(signals(open_recording(place))))) > 1
    except (CodecError, OSError):
        return False  # what is wrong with it is told where it is measured


def _in_turn(pool: ProcessPoolExecutor, most: int, work: Callable[[Any], Any], items: Sequence[Any]) -> Iterator[Any]:
    """Yield the result for each item, in their order; no more than ``most`` are computed ahead. One is done here."""
    if len(items) == 1:
        yield work(items[0])
        return
    waiting = deque(pool.submit(work, item) for item in items[:most])
    for item in items[most:]:
        yield waiting.popleft().result()
        waiting.append(pool.submit(work, item))
    while waiting:
        yield waiting.popleft().result()


def _attempt(
    place: Place,
    settings: Settings,
    run: Callable[..., Iterable[Any]] = map,
    advance: Callable[[str, float], object] = lambda name, share: None,
) -> Measured | str:
    try:
        return measure(place, settings, run, advance)
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
        **{name: spread[name]["p50"] for name in ("noise_uv", "noise_band_uv") if spread[name]["p50"] > 0},
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


def _mean(numbers: Iterable[float]) -> float:
    defined = [number for number in numbers if number == number]
    return sum(defined) / len(defined) if defined else nan


def spread_of(numbers: Sequence[float]) -> dict[str, float]:
    """Return mean, population standard deviation and percentiles of what is defined."""
    defined = np.array([number for number in numbers if number == number], float)
    names = ("min", "p5", "p50", "p95", "max")
    if not defined.size:
        return dict.fromkeys(("mean", "sd", *names), nan)
    quantiles = np.percentile(defined, (0, 5, 50, 95, 100))
    return {"mean": float(defined.mean()), "sd": float(defined.std())} | dict(
        zip(names, map(float, quantiles), strict=True)
    )
