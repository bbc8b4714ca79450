"""The plots of a data set's results, as PNG and SVG.

They are drawn from the two CSV files of the results folder alone. The same CSV files give the same bytes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from n1codec import files
from n1codec.bench.results import store, summary
from n1codec.bench.results.summary import speed as short_speed
from n1codec.codec import CodecError
from n1codec.report.style import GREY, INK, MATPLOTLIB, RULE, colour, marker, slots

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SPEEDS = ("average_compression_speed_xRT", "average_decompression_speed_xRT")
_ROW = 0.185
"""Inches that a codec takes in a plot with one line per codec."""
_LINE = 0.16
"""Inches that a line of small letters takes."""
_SMALL, _SMALLER = 8.5, 7.5
"""Sizes of small letters in points."""
_MARGIN = 0.02
"""The share of a figure's width that stays free on either side of its text."""


def draw(folder: Path) -> list[Path]:
    """Draw every plot of a results folder into it and return the files written.

    Raises:
        CodecError: there are no results, or not one codec was verified.
    """
    table = summary.read(folder)
    rows = summary.latest(store.read(folder / store.FILE))
    good = table[table["status"] == "ok"].reset_index(drop=True)
    if good.empty:
        raise CodecError(f"{folder}: no codec has verified results (see {summary.FILE} for the reasons)")
    page = _Page(table, good)
    plots: dict[str, Callable[[], Figure]] = {"ratio": lambda: _ratio(page)}
    timed = good.dropna(subset=list(_SPEEDS)).reset_index(drop=True)
    if not timed.empty:  # files that are no recordings last no time
        fast = _Page(table, timed)
        plots |= {"speed": lambda: _speed(fast), "pareto": lambda: _pareto(fast)}
    plots["spread"] = lambda: _spread(page, rows)
    return save(plots, folder)


def save(plots: Mapping[str, Callable[[], Figure]], folder: Path) -> list[Path]:
    """Draw figures one after the other; write each to a folder as PNG and SVG and return the paths."""
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    written = []
    with matplotlib.rc_context(MATPLOTLIB):
        for name, plot in plots.items():
            figure = plot()
            FigureCanvasAgg(figure)
            for ending, metadata in (("png", {"Software": None}), ("svg", {"Date": None, "Creator": None})):
                path = folder / f"{name}.{ending}"
                with files.writing(path) as file:
                    figure.savefig(file, format=ending, dpi=130, facecolor="white", metadata=metadata)
                figure.set_layout_engine("none")  # it is laid out, and that takes long
                written.append(path)
    return written


def headed(width: float, height: float, title: str, *lines: str, foot: str = "") -> Figure:
    """Return an empty figure with a title, small lines under it, and one at its foot.

    Lines that are too long are wrapped, and make the figure higher.

    Args:
        width: in inches.
        height: in inches, if no line is wrapped.
    """
    from matplotlib.figure import Figure

    room = (1 - 2 * _MARGIN) * width
    head = [piece for line in lines for piece in wrapped(line, room, _SMALL)]
    below = wrapped(foot, room, _SMALLER) if foot else []
    height += _LINE * (len(head) - len(lines) + max(len(below) - 1, 0))
    above = _LINE * (len(head) + 1) + 0.42
    under = _LINE * len(below) + 0.06 if below else 0.05
    figure = Figure((width, height), layout="constrained")
    figure.get_layout_engine().set(rect=(0.01, under / height, 0.98, 1 - (above + under) / height))  # type: ignore[union-attr, call-arg]
    figure.text(_MARGIN, 1 - 0.12 / height, title, fontsize=14, fontweight="bold", va="top")
    for index, line in enumerate(head):
        figure.text(_MARGIN, 1 - (0.42 + _LINE * index) / height, line, fontsize=_SMALL, color=GREY, va="top")
    for index, line in enumerate(reversed(below)):
        figure.text(_MARGIN, (0.06 + _LINE * index) / height, line, fontsize=_SMALLER, color=GREY, va="bottom")
    return figure


def wrapped(text: str, width: float, size: float) -> list[str]:
    """Return text in lines that are at most so many inches wide, broken behind blanks, or anywhere in a long word.

    Args:
        size: of the letters, in points.
    """
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextToPath

    font, measure = FontProperties(family=MATPLOTLIB["font.family"], size=size), TextToPath()

    def fits(piece: str) -> bool:
        return measure.get_text_width_height_descent(piece, font, ismath=False)[0] <= 72 * width

    lines, line = [], ""
    for word in re.findall(r"\S+\s*", text):
        if line and not fits((line + word).rstrip()):
            lines.append(line.rstrip())
            line = ""
        line += word
        while len(line.rstrip()) > 1 and not fits(line.rstrip()):
            end = next(end for end in range(len(line) - 1, 0, -1) if end == 1 or fits(line[:end]))
            lines.append(line[:end])
            line = line[end:]
    return [*lines, line.rstrip()]


class _Page:
    """What all plots of a data set share.

    Args:
        table: the whole summary.
        good: its verified codecs.
    """

    def __init__(self, table: pd.DataFrame, good: pd.DataFrame) -> None:
        self.good = good
        self.style: dict[str, dict[str, Any]] = {
            family: {
                "color": colour(slot),
                "marker": marker(slot),
                "s": 58 if marker(slot) in "*P" else 34,
                "edgecolor": INK,
                "linewidth": 0.5,
                "label": family,
                "zorder": 3,
            }
            for family, slot in slots(good["family"]).items()
        }
        first = good.iloc[0]
        files = int(good["files"].max())
        self.about = f"data set {first['dataset']}: {files} files, every round trip verified"
        machines = ", ".join(dict.fromkeys(good["cpu"]))
        jobs = int(good["jobs"].max())
        self.timed = f"xRT: seconds of recording per second of the codec's own work, one thread · {machines}"
        if jobs > 1:
            self.timed += f" · up to {jobs} codecs at a time, which makes times rough"
        fewer = int((good["files"] < files).sum())
        self.notes = [f"{fewer} codecs ran on fewer files"] if fewer else []
        for status, group in table[table["status"] != "ok"].groupby("status"):
            names = sorted(group["mode"])
            more = f" and {len(names) - 4} more" if len(names) > 4 else ""
            self.notes.append(f"{status}: {', '.join(names[:4])}{more}")

    def figure(self, width: float, height: float, title: str, *lines: str) -> Figure:
        """Return a figure with a title and small lines under it; its foot names what is not shown."""
        return headed(width, height, title, *lines, foot="not shown: " + "; ".join(self.notes) if self.notes else "")

    def scatter(self, axes: Axes, x: pd.Series, y: Sequence[float] | pd.Series) -> None:
        """Draw one marker per codec in ``good``, family by family."""
        heights = np.asarray(y, float)
        for family, style in self.style.items():
            members = (self.good["family"] == family).to_numpy()
            axes.scatter(x.to_numpy()[members], heights[members], **style)

    def legend(self, axes: Axes, **options: Any) -> None:
        axes.legend(frameon=True, framealpha=0.92, edgecolor=RULE, fontsize=8.5, title="family", **options)

    def names(self, axes: Axes, order: Sequence[str]) -> None:
        """Label one line per codec, the first at the top."""
        axes.set_yticks(range(len(order)), order)
        axes.set_ylim(len(order) - 0.4, -0.6)
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="x")

    def lollipops(self, axes: Axes, start: float, x: pd.Series, y: np.ndarray, form: Callable[[float], str]) -> None:
        """Draw one marker per codec with a line that leads to it and its figure beside it."""
        axes.hlines(y, start, x, color=RULE, linewidth=1.2, zorder=2)
        self.scatter(axes, x, y)
        for value, line in zip(x, y, strict=True):
            axes.annotate(
                form(value), (value, line), (7, 0), textcoords="offset points", va="center", fontsize=7, color=GREY
            )


def _height(page: _Page) -> float:
    return max(2.2, _ROW * len(page.good)) + 1.5


def _ratio(page: _Page) -> Figure:
    good = page.good
    figure = page.figure(10, _height(page), "Compression ratio", page.about)
    axes = figure.subplots()
    low, high = min(1.0, good["compression_ratio"].min()) - 0.03, good["compression_ratio"].max()
    page.lollipops(axes, low, good["compression_ratio"], np.arange(len(good)), lambda ratio: f"{ratio:.3f}")
    page.names(axes, list(good["mode"]))
    axes.set_xlim(low, high + 0.09 * (high - low))
    axes.set_xlabel("bytes of the recordings / bytes of the .n1c files, over all files")
    page.legend(axes, loc="lower right")
    return figure


def _speed(page: _Page) -> Figure:
    good = page.good
    order = good["average_compression_speed_xRT"].rank(method="first", ascending=False).to_numpy() - 1
    figure = page.figure(11, _height(page), "Speed", page.about, page.timed)
    panels = figure.subplots(1, 2, sharex=True, sharey=True)
    low, high = good[list(_SPEEDS)].min().min() / 2, good[list(_SPEEDS)].max().max() * 4
    for axes, column, title in zip(panels, _SPEEDS, ("encoding", "decoding"), strict=True):
        axes.set_xscale("log")
        axes.set_xlim(low, high)
        _real_time(axes)
        page.lollipops(axes, low, good[column], order, short_speed)
        axes.set_title(title)
        axes.set_xlabel("xRT (logarithmic), more is faster")
    page.names(panels[0], list(good["mode"].iloc[np.argsort(order)]))
    panels[1].tick_params(axis="y", length=0)
    panels[1].grid(axis="x")
    page.legend(panels[0], loc="lower right")
    return figure


def _real_time(axes: Axes) -> None:
    from matplotlib.ticker import FuncFormatter, NullFormatter

    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}" if value >= 1 else f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    if axes.get_xlim()[0] < 1:
        axes.axvline(1, color=GREY, linewidth=1, linestyle=(0, (4, 3)), zorder=1)
        axes.annotate("real time", (1, 1), (3, -3), xycoords=("data", "axes fraction"), textcoords="offset points",
                      fontsize=7.5, color=GREY, va="top")  # fmt: skip


def _pareto(page: _Page) -> Figure:
    good = page.good
    figure = page.figure(12, 13, "Ratio against speed, and the Pareto front", page.about, page.timed)
    panels = figure.subplots(2, 1)
    ratio = good["compression_ratio"].to_numpy()
    for axes, column, title in zip(panels, _SPEEDS, ("encoding", "decoding"), strict=True):
        speed = good[column].to_numpy()
        best = summary.front(speed, ratio)
        axes.set_xscale("log")
        axes.set_xlim(speed.min() / 2, speed.max() * 2)
        axes.set_ylim(min(1.0, ratio.min()) - 0.08, ratio.max() + 0.12)
        _real_time(axes)
        axes.grid(axis="both")
        axes.step(speed[best], ratio[best], where="post", color=GREY, linewidth=1.3, zorder=2)
        page.scatter(axes, good[column], good["compression_ratio"])
        _label_front(axes, speed[best], ratio[best], [str(good["mode"][i]) for i in best])
        axes.set_title(title)
        axes.set_xlabel("xRT (logarithmic), more is faster")
        axes.set_ylabel("compression ratio")
    page.legend(panels[0], loc="lower left")
    return figure


def _label_front(axes: Axes, speed: np.ndarray, ratio: np.ndarray, names: list[str]) -> None:
    """Name the points of a front in a column to the right of the axes, where no names can overlap.

    Nothing lies above and to the right of a front, so the leader lines cross no point of another codec.
    """
    low, high = axes.get_ylim()
    places = spread_out((ratio - low) / (high - low), 0.032, 0.0, 1.0)
    for name, x, y, place in zip(names, speed, ratio, places, strict=True):
        axes.annotate(
            f"{y:.3f}  {name}",
            xy=(x, y),
            xytext=(1.03, place),
            textcoords="axes fraction",
            va="center",
            fontsize=7.5,
            annotation_clip=False,
            arrowprops={
                "arrowstyle": "-",
                "color": "#9a9a9a",
                "linewidth": 0.6,
                "shrinkA": 1,
                "shrinkB": 4,
                "relpos": (0, 0.5),
            },
        )


def spread_out(wanted: np.ndarray, gap: float, low: float, high: float) -> np.ndarray:
    """Return places in [low, high] near the wanted ones, in their order, at least ``gap`` apart if there is room."""
    order = np.argsort(wanted, kind="stable")
    gap = min(gap, (high - low) / max(len(wanted) - 1, 1))
    places = np.array(wanted, float)[order]
    # The closest non-decreasing sequence to places - i * gap: pool adjacent violators.
    blocks: list[list[float]] = []
    for index, place in enumerate(places):
        blocks.append([place - index * gap, 1])
        while len(blocks) > 1 and blocks[-2][0] >= blocks[-1][0]:
            value, count = blocks.pop()
            before, size = blocks[-1]
            blocks[-1] = [(before * size + value * count) / (size + count), size + count]
    flat = np.concatenate([np.full(int(count), value) for value, count in blocks]) if blocks else np.empty(0)
    flat = np.clip(flat, low, high - gap * (len(wanted) - 1)) + gap * np.arange(len(wanted))
    out = np.empty_like(flat)
    out[order] = flat
    return out


def _spread(page: _Page, rows: pd.DataFrame) -> Figure:
    good = page.good
    files = rows[rows["file"] != ""]
    ratios = (files["original_bytes"] / files["compressed_bytes"]).groupby(files["spec"])
    groups = {spec: values.to_numpy() for spec, values in ratios}
    figure = page.figure(
        10,
        _height(page),
        "Compression ratio of each file",
        page.about,
        "box: the middle half of the files, line: the median, whiskers: 5 to 95 %, dots: the files outside",
    )
    axes = figure.subplots()
    boxes = axes.boxplot(
        [groups[spec] for spec in good["spec"]],
        positions=range(len(good)),
        orientation="horizontal",
        whis=(5, 95),
        widths=0.68,
        patch_artist=True,
        flierprops={"marker": ".", "markersize": 2.2, "markerfacecolor": GREY, "markeredgecolor": "none"},
        medianprops={"color": INK, "linewidth": 1.2},
        whiskerprops={"color": GREY, "linewidth": 0.8},
        capprops={"color": GREY, "linewidth": 0.8},
        boxprops={"edgecolor": INK, "linewidth": 0.5},
    )
    for box, family in zip(boxes["boxes"], good["family"], strict=True):
        box.set_facecolor(page.style[family]["color"])
        box.set_alpha(0.75)
    page.names(axes, list(good["mode"]))
    axes.grid(axis="both")
    axes.set_xlabel("bytes of the WAV file / bytes of the .n1c file (logarithmic)")
    axes.set_xscale("log")
    ticks = (0.5, 0.8, 1, 1.25, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10, 15, 20, 30, 50, 100, 200, 500, 1000)
    low, high = axes.get_xlim()
    axes.set_xticks([t for t in ticks if low <= t <= high], [f"{t:g}" for t in ticks if low <= t <= high])
    axes.set_xticks([], minor=True)
    handles = [axes.scatter([], [], **style | {"marker": "s", "s": 44}) for style in page.style.values()]
    page.legend(axes, handles=handles, loc="lower right")
    return figure
