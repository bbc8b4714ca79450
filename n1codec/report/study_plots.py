"""Plots of the study of multichannel recordings, as PNG and SVG."""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from n1codec.report.plots import headed, save
from n1codec.report.style import COLOURS, GREY, INK, RULE, colour, marker

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from n1codec.study.measure import Excerpt, Row
    from n1codec.study.run import Study

_BLUE, _ORANGE = COLOURS[2], COLOURS[1]
TRACES, FRAMES = 20, 2000
"""Channels and frames of the plot of signals, as in the class project."""
_SPREAD = 6
"""Standard deviations that the histograms reach, beside the mean."""
_ROW = 0.2
"""Inches that a method takes."""
_OTHERS = 14
"""Size of the markers of methods that are not told apart."""
_KINDS = {"raw": "samples", "differences": "first differences", "errors": "errors of prediction"}


def draw(folder: Path, study: Study) -> list[Path]:
    """Draw every plot into a folder and return the files written."""
    excerpt = study.excerpt
    about = f"{excerpt.recording.name}: {len(excerpt.channels)} channels of {excerpt.frames:,} frames"
    plots: dict[str, Callable[[], Figure]] = {
        "signals": lambda: _signals(excerpt, about),
        "histograms": lambda: _histograms(excerpt, about),
        "ratios": lambda: _ratios(study.rows, about),
    }
    if any(row.enc_mb_s and row.dec_mb_s for row in study.rows):
        plots["speeds"] = lambda: _speeds(study.rows, about)
    if any(row.kind == "channels apart" for row in study.alike):
        plots["neighbours"] = lambda: _neighbours(study, about)
    folder.mkdir(parents=True, exist_ok=True)
    return save(plots, folder)


def _signals(excerpt: Excerpt, about: str) -> Figure:
    x = excerpt.read(0, FRAMES)[:, :TRACES].astype(np.float64)
    x -= np.median(x, axis=0)
    apart = 8 * float(np.median(np.abs(x - np.median(x, axis=0)))) / 0.6745 or 1.0
    figure = headed(
        10, 7, "Signals", f"{about} · the first {x.shape[1]} channels, {len(x):,} frames; medians taken away"
    )
    axes = figure.subplots()
    scale = 1000 / excerpt.rate if excerpt.rate else 1.0
    for row, column in enumerate(x.T):
        axes.plot(np.arange(len(x)) * scale, column + row * apart, color=(_BLUE, INK)[row % 2], linewidth=0.5,
                  rasterized=True)  # fmt: skip
    axes.set_yticks(np.arange(x.shape[1]) * apart, [str(channel) for channel in excerpt.channels[: x.shape[1]]])
    axes.set_ylabel("channel")
    axes.set_xlabel("milliseconds" if excerpt.rate else "frame")
    axes.set_xlim(0, len(x) * scale)
    return figure


def _histograms(excerpt: Excerpt, about: str) -> Figure:
    x = next(iter(excerpt.stretches())).astype(np.int64)
    figure = headed(10, 4.2, "Values and differences", about + " · one bar a value, up to 256 of them")
    places = figure.subplots(1, 2)
    for axes, symbols, title in zip(places, (x, np.diff(x, axis=0)), ("samples", "first differences"), strict=True):
        _histogram(axes, symbols.reshape(-1), title)
    return figure


def _histogram(axes: Axes, symbols: np.ndarray, title: str) -> None:
    from n1codec.analysis.histogram import histogram

    values, counts = np.unique(symbols, return_counts=True)
    mean = float(np.average(values, weights=counts))
    sd = float(np.sqrt(np.average((values - mean) ** 2, weights=counts)))
    near = np.abs(values - mean) <= max(_SPREAD * sd, 1)
    bars = histogram(values[near], counts[near], 256)
    axes.stairs(bars.counts / counts.sum(), bars.edges, fill=True, color=_BLUE)
    axes.set_title(f"{title}: mean {mean:.4g}, standard deviation {sd:.4g}")
    axes.set_xlabel("value")
    axes.set_ylabel("share of all")
    axes.grid(axis="y")


def _ratios(rows: list[Row], about: str) -> Figure:
    shown = [row for row in rows if row.ratio and row.ratio < 20]
    groups = [(group, list(members)) for group, members in groupby(shown, lambda row: row.group)]
    lines = len(shown) + 1.3 * len(groups)
    figure = headed(9.5, 1.1 + _ROW * lines, "Compression ratios", f"{about}; without channels for synchronisation",
                    foot="Open markers: bounds and ideal bits, which no file backs. "
                    "Crosses: the class project of 2019, on a recording of its own.")  # fmt: skip
    axes = figure.subplots()
    height, ticks = 0.0, []
    for slot, (group, members) in enumerate(groups):
        height -= 1.3
        axes.text(0, height + 0.1, group, transform=axes.get_yaxis_transform(), fontsize=8, fontweight="bold")
        for row in members:
            height -= 1
            ticks.append((height, row.method))
            face = "white" if row.bytes is None else colour(slot + 1)
            ratio = row.ratio or 0.0
            axes.hlines(height, 1, ratio, color=RULE, linewidth=1)
            axes.scatter([ratio], [height], marker=marker(slot + 1), s=26, color=face, linewidth=1, zorder=3,
                         edgecolor=INK if row.bytes is None else face)  # fmt: skip
            if row.published_ratio:
                axes.scatter([row.published_ratio], [height], marker="x", s=24, color=INK, linewidth=1, zorder=3)
            axes.annotate(f"{ratio:.3f}", (ratio, height), (6, 0), textcoords="offset points", va="center",
                          fontsize=6.5, color=INK)  # fmt: skip
    axes.set_yticks([place for place, _ in ticks], [name for _, name in ticks])
    axes.set_ylim(height - 0.7, -0.4)
    axes.set_xlim(0, None)
    axes.grid(axis="x")
    axes.set_xlabel("bytes of samples / bytes of what holds them, more is better")
    return figure


def _speeds(rows: list[Row], about: str) -> Figure:
    """Draw the methods of the last group that was timed each with a marker of its own, and all others small."""
    timed = [row for row in rows if row.enc_mb_s and row.dec_mb_s and row.method != "raw"]
    named = [row for row in timed if row.group == timed[-1].group] if timed else []
    figure = headed(11, 5.2, "Ratio against speed", about, foot="MB/s: million bytes of samples a second of CPU time")
    for axes, direction in zip(figure.subplots(1, 2, sharey=True), ("enc_mb_s", "dec_mb_s"), strict=True):
        others = [row for row in timed if row not in named]
        axes.scatter([getattr(row, direction) for row in others], [row.ratio or 0.0 for row in others], s=_OTHERS,
                     color=GREY, linewidth=0, label="all other methods")  # fmt: skip
        for slot, row in enumerate(named):
            axes.scatter([getattr(row, direction)], [row.ratio or 0.0], marker=marker(slot), color=colour(slot), s=48,
                         edgecolor=INK, linewidth=0.5, label=row.method, zorder=3)  # fmt: skip
        axes.set_xscale("log")
        _plain(axes)
        axes.set_xlabel(f"{'encoding' if direction == 'enc_mb_s' else 'decoding'}, MB/s (logarithmic)")
        axes.grid(axis="both")
    figure.axes[0].set_ylabel("compression ratio")
    figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside right center", frameon=False, fontsize=7.5)
    return figure


def _plain(axes: Axes) -> None:
    """Label a logarithmic axis of abscissas with numbers in full, at powers of ten alone."""
    from matplotlib.ticker import FuncFormatter, NullFormatter

    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.9g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())


def _neighbours(study: Study, about: str) -> Figure:
    figure = headed(10, 4.6, "What electrodes have in common", about,
                    foot="Mean correlation of all pairs so many channels apart; peaks far out are channels that are "
                    "sampled at the same instant. Errors are those of a linear predictor of order 16.")  # fmt: skip
    axes = figure.subplots()
    rows = [row for row in study.alike if row.kind == "channels apart"]
    for slot, (name, title) in enumerate(_KINDS.items()):
        style = ("-", (0, (4, 2)), "-")[slot]
        ink = (GREY, _ORANGE, _BLUE)[slot]
        axes.plot([row.apart or 0.0 for row in rows], [getattr(row, name) for row in rows], color=ink, linestyle=style,
                  marker=marker(slot + 2), markersize=3, linewidth=1, label=title)  # fmt: skip
    axes.set_xscale("log")
    _plain(axes)
    axes.set_xlabel("channels apart (logarithmic)")
    axes.set_ylabel("mean correlation")
    axes.axhline(0, color=INK, linewidth=0.8)
    axes.grid(axis="both")
    axes.legend(frameon=True, framealpha=0.92, edgecolor=RULE, fontsize=8.5)
    return figure
