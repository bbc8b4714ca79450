"""Statistics of a data set as text, JSON and CSV, none of which loses a digit that counts."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping
from math import isnan
from pathlib import Path
from typing import Any

import numpy as np

import n1codec
from n1codec import files
from n1codec.analysis.histogram import histogram
from n1codec.analysis.stats import Settings, Stats, spread_of

ABOUT = {
    "Recordings": {
        "files": "",
        "rate": "Hz",
        "bits": "of a sample in the file",
        "channels": "in each file",
        "frames": "",
        "samples": "",
        "seconds": "",
        "groups": "groups of simultaneous recordings, by the correlation of their differences",
        "grouped_files": "files in them",
    },
    "Amplitude of all samples": {
        "mean": "",
        "sd": "standard deviation of the population",
        "skewness": "of the population",
        "kurtosis": "excess, of the population",
        "median": "",
        "mode": "most frequent value",
        "min": "",
        "max": "",
    },
    "Values": {
        "values": "distinct values",
        "step": "most common distance of neighbouring values",
        "step_min": "smallest",
        "step_max": "largest",
        "absent": "values that fit into wider steps, and never occur",
        "clipped_low": "samples at the lower rail",
        "clipped_high": "at the upper rail",
        "clipped": "share of samples at a rail",
        "clipped_files": "files with such",
    },
    "Entropy, bits per sample": {
        "entropy_0": "order 0, one table for all files",
        "entropy_0_own": "order 0, a table for each file, its size not counted",
        "entropy_1": "order 1, one table for all files",
        "entropy_1_own": "order 1, a table for each file, its size not counted",
        "entropy_diff": "first differences, one table for all files",
        "entropy_diff_own": "first differences, a table for each file",
        "entropy_code_diff": "differences of the values' codes, one table for all files",
        "entropy_code_diff_own": "differences of the values' codes, a table for each file",
    },
    "Spectrum, noise, spikes": {
        "spectral_entropy": "mean over the files",
        "spectral_entropy_sd": "standard deviation over the files",
        "noise": "median over the files of median |x - median x| / 0.6745",
        "noise_band": "the same in the band",
        "noise_uv": "the noise in microvolts",
        "noise_band_uv": "that in the band in microvolts",
        "spikes": "found by nonlinear energy (NEO)",
        "spike_rate": "per second and channel",
    },
}
"""Section -> figure of the total -> what it is."""
_SPREAD = ("mean", "sd", "min", "p5", "p50", "p95", "max")
_MOST_VALUES = 2048
_OF_CHANNELS = ("mean", "sd", "noise", "noise_band", "spike_rate", "sd_uv", "noise_uv", "noise_band_uv")


def describe(settings: Settings) -> str:
    """Return the settings that figures depend on, in one line."""
    rate = "the files' own" if settings.fs is None else f"{settings.fs:g}"
    return (
        f"Welch nperseg={settings.nperseg}, fs={rate}, Hann, overlap 1/2, constant detrend; "
        f"spectral entropy base {settings.base:g}; band {settings.band[0]:g} to {settings.band[1]:g} Hz; "
        f"NEO threshold {settings.neo_factor:g} times the mean"
    )


def exact(value: Any) -> str:
    """Return a figure as text: twelve significant digits, whole numbers in full, ``-`` for NaN."""
    if isinstance(value, str | int):
        return str(value)
    if isnan(value):
        return "-"
    return f"{value:.12g}" if abs(value) < 1e12 or not value.is_integer() else f"{value:.0f}"


def sections(stats: Stats, settings: Settings) -> list[tuple[str, list[tuple[str, ...]]]]:
    """Return (title, lines of cells) of each part of the table; the first cell is a name, as in JSON and CSV."""
    found: list[tuple[str, list[tuple[str, ...]]]] = []
    for title, names in ABOUT.items():
        rows: list[tuple[str, ...]] = [
            (name, exact(stats.total[name]), about) for name, about in names.items() if name in stats.total
        ]
        found.append((title, rows))
    spread: list[tuple[str, ...]] = [("", *_SPREAD)]
    for name, row in stats.spread.items():
        if row["min"] < row["max"]:
            spread.append((name, *(exact(row[key]) for key in _SPREAD)))
    if len(spread) > 1:
        found.append(("Over the files", spread))
    if stats.channels:
        over = [(name, spread_of([row[name] for row in stats.channels])) for name in _OF_CHANNELS]
        known = [(name, *(exact(row[key]) for key in _SPREAD)) for name, row in over if not isnan(row["mean"])]
        found.append(("Over the channels", [("", *_SPREAD), *known]))
    found.append(("Settings", [(describe(settings),)]))
    return found


def lines(rows: list[tuple[str, ...]]) -> list[str]:
    """Return rows of cells as aligned lines; figures stand right, a last cell that explains stands left."""
    widths = [max(len(row[i]) for row in rows if i < len(row)) for i in range(max(map(len, rows)))]
    out = []
    for row in rows:
        cells = [row[0].ljust(widths[0]) if len(row) > 1 else row[0]]
        cells += [
            cell if len(row) == 3 and i == 2 else cell.rjust(widths[i]) for i, cell in enumerate(row[1:], start=1)
        ]
        out.append("  ".join(cells).rstrip())
    return out


def as_dict(name: str, stats: Stats, settings: Settings) -> dict[str, Any]:
    """Return all statistics in terms of JSON; None stands for NaN.

    ``channels`` has a row for each channel of files with several. ``histogram`` has each value and its count. Where
    there are more than 2048 values it has at most 1024 bins, each of the same whole number of the converter's steps.
    ``psd`` has percentiles over the files of one rate.

    Args:
        name: what the data set is called.
    """
    percentiles = np.percentile(stats.densities, (5, 50, 95), axis=0)
    return _plain(
        {
            "dataset": name,
            "n1codec": n1codec.__version__,
            "settings": settings._asdict(),
            "total": stats.total,
            "spread": stats.spread,
            "groups": stats.groups,
            "histogram": dict(zip(("values", "counts"), bars(stats), strict=True)),
            "psd": {
                "files": len(stats.densities),
                "frequencies": stats.frequencies,
                **dict(zip(("p5", "p50", "p95"), percentiles, strict=True)),
            },
            "files": stats.files,
            "channels": stats.channels,
            "problems": stats.problems,
        }
    )


def bars(stats: Stats) -> tuple[np.ndarray, np.ndarray]:
    """Return values and how many samples have each; where there are more than 2048 values, the middles of bins."""
    values, counts = stats.neighbours.values, stats.neighbours.counts
    if values.size <= _MOST_VALUES:
        return values, counts
    found = histogram(values, counts, _MOST_VALUES // 2)
    return found.values, found.counts


def _plain(thing: Any) -> Any:
    if isinstance(thing, Mapping):
        return {key: _plain(value) for key, value in thing.items()}
    if isinstance(thing, np.ndarray):
        return _plain(thing.tolist())
    if isinstance(thing, list | tuple):
        return [_plain(value) for value in thing]
    return None if isinstance(thing, float) and isnan(thing) else thing


def to_json(name: str, stats: Stats, settings: Settings) -> str:
    """Return all statistics as one JSON object; see ``as_dict``."""
    return json.dumps(as_dict(name, stats, settings), allow_nan=False)


def write_csv(target: Path, stats: Stats) -> list[Path]:
    """Write a row for each file, and the total: as the last row of one file, or as a table of its own in a folder.

    Args:
        target: a file whose name ends in .csv, else a folder, which gets files.csv and total.csv, and where
            files have several channels channels.csv.

    Returns:
        The files written.
    """
    columns = list(stats.files[0])
    if target.suffix.lower() == ".csv":
        target.parent.mkdir(parents=True, exist_ok=True)
        _write(target, columns, [*stats.files, {**stats.total, "file": "total"}])
        return [target]
    target.mkdir(parents=True, exist_ok=True)
    _write(target / "files.csv", columns, stats.files)
    total = [{"figure": name, "value": value} for name, value in stats.total.items()]
    _write(target / "total.csv", ["figure", "value"], total)
    written = [target / "files.csv", target / "total.csv"]
    if stats.channels:
        written.append(target / "channels.csv")
        _write(written[-1], list(stats.channels[0]), stats.channels)
    return written


def _write(path: Path, columns: list[str], rows: Iterable[Mapping[str, Any]]) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="", extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({k: "" if isinstance(v, float) and isnan(v) else v for k, v in row.items()})
    files.write_text(path, text.getvalue())
