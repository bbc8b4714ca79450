"""The plots of a data set's results, as PNG and SVG.

They are drawn from the summary of the results folder alone, at the width of a page. The same summary gives the same
bytes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from n1codec import files
from n1codec.bench.results import summary
from n1codec.bench.results.summary import speed as short_speed
from n1codec.codec import CodecError
from n1codec.report.style import GREY, INK, MATPLOTLIB, RULE, colour, marker, slots

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SPEEDS = {"average_compression_speed_xRT": "encoding", "average_decompression_speed_xRT": "decoding"}
"""Columns of the summary."""
_WIDTH = 7.4
"""Inches: what a page of paper has between its margins, and nearly what a web page gives a picture in a text."""
_ROW = 0.165
"""Inches that a codec takes in a plot with one line per codec."""
_NAMED = 40
"""So many codecs have a line each; of more, those of a Pareto front and the best of each family have one."""
_PER_PAGE = 56
"""Lines of a picture of the appendix."""
_LINE = 0.16
"""Inches that a line of small letters takes."""
_SMALL, _SMALLER = 8.5, 7.5
"""Sizes of small letters in points."""
_MARGIN = 0.02
"""The share of a figure's width that stays free on either side of its text."""


def draw(folder: Path) -> list[Path]:
    """Draw every plot of a results folder into it and return the files written.

    Where there are too many codecs for one plot, it names some of them, and all are in an appendix of several pictures.

    Raises:
        CodecError: there are no results, or not one codec was verified.
    """
    table = summary.read(folder)
    good = table[table["status"] == "ok"].reset_index(drop=True)
    if good.empty:
        raise CodecError(f"{folder}: no codec has verified results (see {summary.FILE} for the reasons)")
    page = _Page(table, good)
    plots: dict[str, Callable[[], Figure]] = {}
    timed = good.dropna(subset=list(_SPEEDS)).reset_index(drop=True)
    if not timed.empty:  # files that are no recordings last no time
        plots["pareto"] = partial(_pareto, _Page(table, timed))
    plots["codecs"] = partial(_codecs, page, page.lines(page.named()))
    if len(good) > _NAMED:
        plots |= {f"all-{number}": partial(_codecs, page, part) for number, part in enumerate(_parts(page), 1)}
    for path in {*folder.glob("all-*.png"), *folder.glob("all-*.svg")}:
        if path.stem not in plots:
            path.unlink()
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
                for axes in figure.axes:  # the layout's last digits vary, and names in SVG files follow from them
                    x, y, width, height = (round(edge, 6) for edge in axes.get_position().bounds)
                    axes.set_position((x, y, width, height))
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


class _Line(NamedTuple):
    """A line of a plot with one line per codec.

    Attributes:
        label: the name of the codec; of a family, its own, and how many of its codecs have no line.
        members: their places in the table; one, or those that have no line.
        family: whether it is that of a family.
    """

    label: str
    members: list[int]
    family: bool


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
                "s": 46 if marker(slot) in "*P" else 26,
                "edgecolor": INK,
                "linewidth": 0.5,
                "label": family,
                "zorder": 3,
            }
            for family, slot in slots(good["family"]).items()
        }
        first = good.iloc[0]
        files = int(good["files"].max())
        self.about = f"data set {first['dataset']}: {files} file{'s' * (files != 1)}, every round trip verified"
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

    def figure(self, height: float, title: str, *lines: str) -> Figure:
        """Return a figure with a title and small lines under it; its foot names what is not shown."""
        foot = "not shown: " + "; ".join(self.notes) if self.notes else ""
        return headed(_WIDTH, height, title, *lines, foot=foot)

    def front(self, column: str) -> list[int]:
        """Return the places of the codecs that none beats in ratio and in the speed of a column."""
        timed = np.flatnonzero(self.good[column].notna())
        chosen = self.good.iloc[timed]
        return timed[summary.front(chosen[column].to_numpy(), chosen["compression_ratio"].to_numpy())].tolist()

    def named(self) -> set[int]:
        """Return the places of the codecs that have a line of their own in a plot that is as high as a page."""
        if len(self.good) <= _NAMED:
            return set(range(len(self.good)))
        best = self.good.groupby("family")["compression_ratio"].idxmax()
        return {*best, *(place for column in _SPEEDS for place in self.front(column))}

    def lines(self, named: set[int]) -> list[_Line]:
        """Return the lines of a plot, families and in them codecs by ratio, the highest first."""
        order = np.argsort(-self.good["compression_ratio"].to_numpy(), kind="stable").tolist()
        lines = []
        for family in dict.fromkeys(self.good["family"].iloc[order]):
            members = [place for place in order if self.good["family"][place] == family]
            rest = [place for place in members if place not in named]
            label = f"{family}, {len(rest)} more" if rest else family
            lines.append(_Line(label, rest, True))
            lines += [_Line(self.good["mode"][place], [place], False) for place in members if place in named]
        return lines

    def scatter(self, axes: Axes, x: Sequence[float], y: Sequence[float], places: Sequence[int], **others: Any) -> None:
        """Draw one marker for each of some codecs, family by family."""
        families = self.good["family"].iloc[list(places)].to_numpy()
        across, up = np.asarray(x, float), np.asarray(y, float)
        for family, style in self.style.items():
            if (members := families == family).any():
                axes.scatter(across[members], up[members], **style | others)


def _parts(page: _Page) -> list[list[_Line]]:
    """Return all lines, so many for a picture; a family that goes on in the next one is named there again."""
    lines = page.lines(set(range(len(page.good))))
    parts: list[list[_Line]] = [[]]
    family = lines[0]
    for index, line in enumerate(lines):
        last = line.family and index + 1 < len(lines) and len(parts[-1]) == _PER_PAGE - 1
        if len(parts[-1]) == _PER_PAGE or last:
            parts.append([] if line.family else [family._replace(label=f"{family.label}, continued")])
        family = line if line.family else family
        parts[-1].append(line)
    return parts


def _codecs(page: _Page, lines: Sequence[_Line]) -> Figure:
    """Draw ratio and speeds, a line for each codec; those without a line of their own are dots in their family's."""
    good = page.good
    bars = "; bar: 5 to 95 % of the files" if good["files"].max() > 1 else ""
    about = [page.about, f"logarithmic; ratio: bytes of the recordings / bytes of the .n1c files{bars}"]
    rest = sum(len(line.members) for line in lines if line.family)
    if rest:
        about.append(
            "named: the codecs of a Pareto front of ratio and speed, and the best of each family; dots: the others"
        )
    shown = [column for column in _SPEEDS if good[column].notna().any()]
    if shown:
        slow = "; dashed: real time" if good[shown].min().min() < 1 else ""
        about.append(page.timed + slow)
    figure = page.figure(max(1.6, _ROW * len(lines)) + 1.5, "Codecs", *about)
    panels = figure.subplots(1, 1 + len(shown), sharey=True, squeeze=False, width_ratios=[1.25, *[1] * len(shown)])[0]
    _panel(page, panels[0], lines, "compression_ratio", lambda value: f"{value:.3f}")
    _files(page, panels[0], lines)
    panels[0].set_title("ratio")
    for axes, column in zip(panels[1:], shown, strict=True):
        _panel(page, axes, lines, column, short_speed)
        _real_time(axes, thin=True)
        axes.set_title(f"{_SPEEDS[column]}, xRT")
    panels[0].set_yticks(range(len(lines)), [line.label for line in lines])
    for label, line in zip(panels[0].get_yticklabels(), lines, strict=True):
        label.set_fontweight("bold" if line.family else "normal")
    panels[0].set_ylim(len(lines) - 0.4, -0.6)
    return figure


def _panel(page: _Page, axes: Axes, lines: Sequence[_Line], column: str, form: Callable[[float], str]) -> None:
    """Draw a marker in each line, and its figure at the right end."""
    values = page.good[column].to_numpy(float)
    axes.set_xscale("log")
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x")
    low, high = np.nanmin(values), np.nanmax(values)
    axes.set_xlim(low / (high / low) ** 0.04 / 1.02, high * (high / low) ** 0.04 * 1.02)
    for y, line in enumerate(lines):
        if line.family:
            axes.axhline(y - 0.5, color=RULE, linewidth=0.8, zorder=1)
            page.scatter(
                axes, values[line.members], [y] * len(line.members), line.members, s=12, alpha=0.6, linewidth=0.3
            )
        elif not np.isnan(value := values[line.members[0]]):
            page.scatter(axes, [value], [y], line.members)
            axes.annotate(
                form(value), (1, y), (3, 0), xycoords=("axes fraction", "data"), textcoords="offset points",
                va="center", fontsize=7, color=GREY,
            )  # fmt: skip


def _files(page: _Page, axes: Axes, lines: Sequence[_Line]) -> None:
    """Draw from where to where the ratios of single files go."""
    bounds = page.good[["ratio_p5", "ratio_p95"]].to_numpy(float)
    places = [(y, line.members[0]) for y, line in enumerate(lines) if not line.family]
    if places:
        axes.hlines(
            [y for y, _ in places], *bounds[[place for _, place in places]].T, color=RULE, linewidth=3.2, zorder=2
        )
    known = bounds[~np.isnan(bounds)]
    low, high = axes.get_xlim()
    axes.set_xlim(min([low, *known * 0.98]), max([high, *known * 1.02]))
    _ratio_ticks(axes)


def _ratio_ticks(axes: Axes) -> None:
    low, high = axes.get_xlim()
    last, ticks = 0.0, []
    for tick in (0.5, 0.7, 1, 1.5, 2, 3, 4, 5, 7, 10, 15, 20, 30, 50, 100, 200, 500, 1000):
        if low <= tick <= high and tick > last * (high / low) ** 0.11:
            ticks.append(last := tick)
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.set_xticks([], minor=True)


def _real_time(axes: Axes, thin: bool = False) -> None:
    """Name the ticks of an axis of speeds, and mark real time.

    Args:
        thin: three names at most, and none for real time.
    """
    from matplotlib.ticker import FuncFormatter, NullFormatter

    def name(value: float, _: object) -> str:
        return f"{value / 1e6:g}M" if value >= 1e6 else f"{value / 1e3:g}k" if value >= 1e3 else f"{value:g}"

    if thin:
        low, high = np.log10(axes.get_xlim())
        decades = np.arange(np.ceil(low), high)
        axes.set_xticks(10.0 ** decades[:: -(-len(decades) // 3) or 1])
    axes.xaxis.set_major_formatter(FuncFormatter(name))
    axes.xaxis.set_minor_formatter(NullFormatter())
    if axes.get_xlim()[0] < 1:
        axes.axvline(1, color=GREY, linewidth=1, linestyle=(0, (4, 3)), zorder=1)
    if axes.get_xlim()[0] < 1 and not thin:
        axes.annotate("real time", (1, 1), (3, -3), xycoords=("data", "axes fraction"), textcoords="offset points",
                      fontsize=7.5, color=GREY, va="top")  # fmt: skip


def _pareto(page: _Page) -> Figure:
    good = page.good
    figure = page.figure(10, "Ratio against speed, and the Pareto front", page.about, page.timed)
    panels = figure.subplots(2, 1)
    ratio = good["compression_ratio"].to_numpy()
    for axes, (column, title) in zip(panels, _SPEEDS.items(), strict=True):
        speed = good[column].to_numpy()
        best = page.front(column)
        others = [place for place in range(len(good)) if place not in set(best)]
        axes.set_xscale("log")
        axes.set_xlim(speed.min() / 2, speed.max() * 2)
        axes.set_ylim(min(1.0, ratio.min()) - 0.08, ratio.max() + 0.12)
        _real_time(axes)
        axes.grid(axis="both")
        axes.step(speed[best], ratio[best], where="post", color=GREY, linewidth=1.3, zorder=2)
        page.scatter(axes, speed[others], ratio[others], others, alpha=0.6)
        page.scatter(axes, speed[best], ratio[best], best)
        _label_front(axes, speed[best], ratio[best], [str(good["mode"][i]) for i in best])
        axes.set_title(title)
        axes.set_xlabel("xRT (logarithmic), more is faster")
        axes.set_ylabel("compression ratio")
    handles = [axes.scatter([], [], **style) for style in page.style.values()]
    panels[0].legend(handles=handles, loc="lower left", bbox_to_anchor=(-0.1, 1.05), ncols=6, frameon=False,
                     handletextpad=0.2)  # fmt: skip
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
            fontsize=7,
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
