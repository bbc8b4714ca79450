"""Plots of what recordings are like, as PNG and SVG."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from n1codec.analysis.histogram import histogram
from n1codec.analysis.spectrum import spectrogram
from n1codec.analysis.stats import Settings, Stats
from n1codec.bench.results import summary
from n1codec.datasets.dataset import Dataset
from n1codec.recordings import Place, open_recording
from n1codec.recordings.columns import signals
from n1codec.report import tables
from n1codec.report.plots import headed, save
from n1codec.report.style import COLOURS, INK, RULE, colour, marker, slots

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_BLUE, _ORANGE, _RED = COLOURS[2], COLOURS[1], COLOURS[7]
_BARS = 256
"""Bins of a histogram at the most."""
_SECONDS = 60
"""The length of a spectrogram at the most."""
_BOUNDS = {
    "entropy_0": "order 0",
    "entropy_diff": "first differences",
    "entropy_code_diff": "differences of codes",
    "entropy_1": "order 1",
}
_SPREAD = {
    "sd": "standard deviation",
    "values": "distinct values",
    "entropy_0": "entropy of order 0, bits",
    "entropy_code_diff": "entropy of code differences, bits",
    "spectral_entropy": "spectral entropy, bits",
    "noise_band": "noise in the band",
    "spike_rate": "spikes per second and channel",
    "clipped": "share of clipped samples",
}


def draw(folder: Path, data: Dataset, stats: Stats, settings: Settings, results: Path) -> list[Path]:
    """Draw every plot into a folder and return the files written.

    Args:
        results: the results of a data set, or a folder of such, for the entropies beside what codecs reach.
    """
    about = f"data set {data.name}: {len(stats.files)} files, {stats.total['samples']:,} samples"
    plots: dict[str, Callable[[], Figure]] = {
        "amplitude": lambda: _amplitude(stats, about),
        "psd": lambda: _psd(stats, settings, about),
        "spectrogram": lambda: _spectrogram(_typical(data, stats), settings.fs),
        "files": lambda: _files(stats, about),
        "entropy": lambda: _entropy(stats, about, _folder(results, data.name)),
    }
    folder.mkdir(parents=True, exist_ok=True)
    return save(plots, folder)


def _folder(results: Path, name: str) -> Path | None:
    for folder in (results, results / name):
        if (folder / summary.FILE).exists():
            return folder
    return None


def _figure(title: str, about: str, width: float = 9.0, height: float = 5.0) -> Figure:
    return headed(width, height, title, about)


def _plain(axes: Axes) -> None:
    """Label both axes with numbers in full; logarithmic axes have labels at powers of ten alone."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter

    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.9g}"))
        if axis.get_scale() == "log":
            axis.set_minor_formatter(NullFormatter())
        else:
            axis.set_major_locator(MaxNLocator(6))


def _amplitude(stats: Stats, about: str) -> Figure:
    total = stats.total
    figure = _figure("Amplitude", about)
    whole, core = figure.subplots(1, 2)
    values, counts = stats.neighbours.values, stats.neighbours.counts
    reach = 4 * stats.spread["sd"]["p50"] or 1.0
    near = np.abs(values - total["mean"]) <= reach
    for axes, chosen, scale, title in (
        (whole, np.ones_like(near), "log", "all values"),
        (core, near, "linear", "around the mean"),
    ):
        bars = histogram(values[chosen], counts[chosen], _BARS)
        axes.stairs(bars.counts, bars.edges, fill=True, color=_BLUE)
        axes.set_yscale(scale)
        _plain(axes)
        axes.set_title(title)
        axes.set_xlabel("sample value")
        axes.set_ylabel("samples" + (" (logarithmic)" if scale == "log" else ""))
        axes.axvline(total["mean"], color=_RED, linewidth=1, label=f"mean {total['mean']:.6g}")
        axes.axvline(total["mode"], color=INK, linewidth=1, linestyle=(0, (4, 3)), label=f"mode {total['mode']:.6g}")
    whole.set_ylim(0.7, None)
    core.set_xlim(total["mean"] - reach, total["mean"] + reach)
    core.set_ylim(0, None)
    core.legend(frameon=True, framealpha=0.92, edgecolor=RULE, fontsize=8.5)
    return figure


def _psd(stats: Stats, settings: Settings, about: str) -> Figure:
    figure = _figure("Power spectral density", f"{about} · {tables.describe(settings).partition(';')[0]}")
    axes = figure.subplots()
    at = (stats.frequencies > 0) & (stats.frequencies < stats.frequencies[-1])  # both ends are half bins
    low, middle, high = np.percentile(stats.densities, (5, 50, 95), axis=0)[:, at]
    frequencies = stats.frequencies[at]
    axes.fill_between(frequencies, low, high, color=_BLUE, alpha=0.25, linewidth=0, label="5 to 95 % of the files")
    axes.plot(frequencies, middle, color=_BLUE, linewidth=1.5, label="median of the files")
    if middle.size and middle.min() > 0:
        axes.set_xscale("log")
        axes.set_yscale("log")
    _plain(axes)
    axes.set_xlabel("Hz (logarithmic)")
    axes.set_ylabel("squared units per Hz (logarithmic)")
    axes.grid(axis="both")
    axes.legend(frameon=True, framealpha=0.92, edgecolor=RULE, fontsize=8.5)
    return figure


def _typical(data: Dataset, stats: Stats) -> Place:
    """Return the recording whose spectral entropy is in the middle."""
    named = {place.name: place for place in data.places}
    ordered = sorted(stats.files, key=lambda row: (np.nan_to_num(row["spectral_entropy"]), row["file"]))
    return named[ordered[len(ordered) // 2]["file"]]


def _spectrogram(place: Place, rate: float | None = None) -> Figure:
    recording = signals(open_recording(place))
    rate = rate or recording.rate
    x = recording.read(0, int(_SECONDS * rate), 0)[:, 0]
    frequencies, times, density = spectrogram(x, rate)
    figure = _figure("Spectrogram", f"{place.name}, the file of middle spectral entropy, its first channel")
    axes = figure.subplots()
    if times.size:
        level = 10 * np.log10(np.maximum(density, density[density > 0].min() if density.any() else 1.0))
        low, high = np.percentile(level, (2, 99.8))
        edges = (times[0], times[-1], frequencies[0], frequencies[-1])
        image = axes.imshow(
            level, origin="lower", aspect="auto", extent=edges, cmap="cividis", vmin=low, vmax=high, rasterized=True
        )
        figure.colorbar(image, ax=axes, label="dB (squared units per Hz)", pad=0.01)
    axes.set_xlabel("seconds")
    axes.set_ylabel("Hz")
    return figure


def _files(stats: Stats, about: str) -> Figure:
    figure = _figure("The files", f"{about} · each dot is a file, the line is their median", 10, 6.2)
    rng = np.random.default_rng(0)
    for axes, (name, title) in zip(figure.subplots(2, 4).flat, _SPREAD.items(), strict=True):
        values = np.array([row[name] for row in stats.files], float)
        values = values[np.isfinite(values)]
        axes.scatter(rng.uniform(-0.35, 0.35, values.size), values, s=7, color=_BLUE, alpha=0.45, linewidth=0)
        if values.size:
            middle = float(np.median(values))
            axes.hlines(middle, -0.45, 0.45, color=_RED, linewidth=1.6)
            if values.min() > 0 and values.max() > 20 * middle:
                axes.set_yscale("log")
                _plain(axes)
        axes.set_xticks([])
        axes.set_xlim(-0.5, 0.5)
        axes.set_title(title, fontsize=8.5)
        axes.grid(axis="y")
    return figure


def _entropy(stats: Stats, about: str, folder: Path | None) -> Figure:
    """Draw entropies as lines, and under them what codecs reach as markers."""
    figure = _figure("Entropies, and what codecs reach", about, 10, 5.6)
    axes = figure.subplots()
    _codecs(axes, folder)
    for row, (name, title) in enumerate(_BOUNDS.items()):
        shared, own = stats.total[name], stats.total[f"{name}_own"]
        height = 1.35 + 0.3 * row
        axes.hlines(height, own, shared, color=RULE, linewidth=3, zorder=1)
        axes.plot([shared], [height], marker="|", markersize=16, markeredgewidth=2, color=INK)
        axes.plot([own], [height], marker="|", markersize=16, markeredgewidth=2, color=_ORANGE)
        axes.annotate(title, (max(own, shared), height), (8, 0), textcoords="offset points", va="center", fontsize=8.5)
    axes.plot([], [], "|", color=INK, markersize=12, markeredgewidth=2, label="entropy, one table for all files")
    axes.plot([], [], "|", color=_ORANGE, markersize=12, markeredgewidth=2,
              label="entropy, a table for each file, not counted")  # fmt: skip
    axes.set_yticks([])
    axes.set_ylim(-0.25, 2.6)
    axes.grid(axis="x")
    axes.set_xlabel("bits per sample, fewer is better")
    axes.legend(frameon=True, framealpha=0.92, edgecolor=RULE, fontsize=8.5, loc="upper right", ncols=2)
    return figure


def _codecs(axes: Axes, folder: Path | None) -> None:
    if folder is None:
        return
    table = summary.read(folder)
    good = table[table["status"] == "ok"].dropna(subset=["bits_per_sample"])
    if good.empty:
        return
    good = good[good["bits_per_sample"] <= 1.6 * good["bits_per_sample"].min()]
    rng = np.random.default_rng(0)
    heights = rng.uniform(0.0, 0.9, len(good))
    for family, slot in slots(good["family"]).items():
        members = (good["family"] == family).to_numpy()
        axes.scatter(
            good["bits_per_sample"].to_numpy()[members],
            heights[members],
            color=colour(slot),
            marker=marker(slot),
            s=58 if marker(slot) in "*P" else 34,
            edgecolor=INK,
            linewidth=0.5,
            label=family,
            zorder=3,
        )
    best = good.loc[good["bits_per_sample"].idxmin()]
    place = (best["bits_per_sample"], heights[good.index.get_loc(best.name)])
    axes.annotate(
        f"{best['mode']} {best['bits_per_sample']:.3f}",
        place,
        (0, 9),
        textcoords="offset points",
        ha="center",
        fontsize=8,
    )
