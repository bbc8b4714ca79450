"""What the recordings of a data set are like: amplitude, values, entropies, spectrum, noise, spikes, clipping.

Each file is read once. What depends on all samples together comes from exact integer counts, so that it does not depend
on the order of the files nor on the number of processes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from math import nan
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from n1codec.analysis import spectrum, spikes
from n1codec.analysis.entropy import Neighbours, Pool, codes, entropy, neighbours
from n1codec.analysis.groups import simultaneous
from n1codec.analysis.moments import Moments, moments
from n1codec.codec import CodecError
from n1codec.recordings import wav


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


def measure(path: Path, settings: Settings = Settings()) -> Measured:  # noqa: B008  (it is immutable)
    """Return the statistics of one WAV file of any bit depth, rate and number of channels.

    Amplitudes are in the units of the file. Spectrum, noise and spectral entropy are computed channel by channel, and
    the mean over the channels is taken; spikes are counted in all channels, their rate is that of one.

    Raises:
        CodecError: it is no WAV file with samples, or has samples that are not finite.
        OSError: it cannot be read.
    """
    parsed = wav.parse(path.read_bytes())
    if parsed is None:
        raise CodecError(f"{path}: it is no WAV file whose samples have a known form")
    x, rate = parsed.samples, settings.fs or float(parsed.rate)
    frames, channels = x.shape
    if not frames or not rate > 0:
        raise CodecError(f"{path}: there are no samples in it, or they have no rate")
    if x.dtype.kind == "f" and not np.isfinite(x).all():
        raise CodecError(f"{path}: some of its samples are no finite numbers")
    found = neighbours(x)
    sums = moments(found.values, found.counts)
    frequencies, density = spectrum.psd(x, rate, settings.nperseg)
    noise, noise_band, spike_count = _activity(x, rate, settings)
    seconds = frames / rate
    figures = {
        "file": path.name,
        "rate": rate,
        "bits": parsed.bits,
        "channels": channels,
        "frames": frames,
        "samples": x.size,
        "seconds": seconds,
        **amplitude(sums, found),
        **_clipping(found, settings.rails or _rails(parsed)),
        **entropies(found),
        "spectral_entropy": _mean(spectrum.spectral_entropy(column, settings.base) for column in density.T),
        "noise": noise,
        "noise_band": noise_band,
        "spikes": spike_count,
        "spike_rate": spike_count / seconds / channels,
    }
    return Measured(figures, sums, found, frequencies, density.mean(axis=1))


def collect(
    paths: Sequence[Path],
    settings: Settings = Settings(),  # noqa: B008
    jobs: int = 1,
    advance: Callable[[str], object] = lambda name: None,
) -> Stats:
    """Return the statistics of files, each by itself and all together.

    Args:
        jobs: processes.
        advance: called with a file's name when it is done.

    Raises:
        CodecError: none of the files is a recording.
    """
    files: list[dict[str, Any]] = []
    good: list[Path] = []
    spectra: list[tuple[np.ndarray, np.ndarray]] = []
    problems: list[str] = []
    pool, sums = Pool(), Moments()
    for path, found in zip(paths, _measure_all(paths, settings, jobs), strict=True):
        advance(path.name)
        if isinstance(found, str):
            problems.append(found)
            continue
        files.append(found.figures)
        good.append(path)
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


def _measure_all(paths: Sequence[Path], settings: Settings, jobs: int) -> Iterable[Measured | str]:
    work = partial(_attempt, settings=settings)
    if min(jobs, len(paths)) <= 1:
        yield from map(work, paths)
        return
    from scipy import signal  # noqa: F401  (once here, not in each process)

    with ProcessPoolExecutor(min(jobs, len(paths))) as pool:
        yield from pool.map(work, paths, chunksize=4)


def _attempt(path: Path, settings: Settings) -> Measured | str:
    try:
        return measure(path, settings)
    except (CodecError, OSError) as error:
        return str(error)


def _groups(paths: Sequence[Path], files: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the groups of files that were recorded at the same time, and note the number of it in each row.

    The first channel speaks for a file. Only those are held that another one has the length of.
    """
    lengths = Counter(row["frames"] for row in files)
    nothing = np.zeros(0, np.int16)
    signals = []
    for path, row in zip(paths, files, strict=True):
        parsed = wav.parse(path.read_bytes()) if lengths[row["frames"]] > 1 else None
        signals.append(parsed.samples[:, 0].copy() if parsed else nothing)
        row["group"] = nan
    found = []
    for number, group in enumerate(simultaneous(signals), start=1):
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


def _rails(parsed: wav.Wav) -> tuple[float, float]:
    if parsed.samples.dtype.kind == "f":
        return -1.0, 1.0
    unsigned = parsed.samples.dtype.kind == "u"
    half = 1 << parsed.bits - 1
    return (0, 2 * half - 1) if unsigned else (-half, half - 1)


def _clipping(found: Neighbours, rails: tuple[float, float]) -> dict[str, float]:
    low = int(found.counts[found.values <= rails[0]].sum())
    high = int(found.counts[found.values >= rails[1]].sum())
    return {"clipped_low": low, "clipped_high": high, "clipped": (low + high) / int(found.counts.sum())}


def _activity(x: np.ndarray, rate: float, settings: Settings) -> tuple[float, float, int]:
    """Return the noise of the samples, that of the band, and the number of spikes in all channels."""
    levels, band_levels, count = [], [], 0
    for channel in x.T:
        levels.append(spikes.noise_level(channel))
        filtered = spikes.bandpass(channel, rate, settings.band)
        if filtered is not None:
            band_levels.append(spikes.noise_level(filtered))
            count += spikes.neo_spikes(filtered, rate, settings.neo_factor).size
    return _mean(levels), _mean(band_levels), count


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
