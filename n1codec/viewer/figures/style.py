"""What all figures share: colours, the layout's defaults, arrays as Plotly takes them.

Channels have the colours of Okabe and Ito, "Color Universal Design" (2008), which the colour-blind tell apart. Values
around a middle have a diverging map (blue, the background, red), others cividis (Nunez, Anderton & Renslow, PLoS ONE
13(7), 2018).
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

Figure = dict[str, Any]

CHANNELS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
FONT = "Inter, 'Segoe UI', system-ui, -apple-system, 'Helvetica Neue', Arial, sans-serif"
SEQUENTIAL = "Cividis"
ROW_LABEL = 13
"""Pixels that a row needs for its label."""


class Theme(NamedTuple):
    """Colours of the light or the dark page, as CSS writes them."""

    ink: str
    soft: str
    """Axes, ticks, second-rate text."""
    grid: str
    paper: str
    shade: str
    """Areas without data."""
    mark: str
    diverging: list[list[Any]]


LIGHT = Theme(
    "#1b2330",
    "#5c6675",
    "#e8ebf0",
    "#ffffff",
    "rgba(92,102,117,0.10)",
    "#b3003c",
    [
        [0, "#053061"],
        [0.2, "#2f79b5"],
        [0.4, "#b6d7e8"],
        [0.5, "#f7f7f7"],
        [0.6, "#f9c6ac"],
        [0.8, "#cf5246"],
        [1, "#67001f"],
    ],
)
DARK = Theme(
    "#e6eaf0",
    "#94a0b3",
    "#252d3a",
    "#141a23",
    "rgba(148,160,179,0.12)",
    "#ffd166",
    [
        [0, "#9ecbff"],
        [0.2, "#4a90d9"],
        [0.4, "#1f4468"],
        [0.5, "#141a23"],
        [0.6, "#5e2f22"],
        [0.8, "#d9744a"],
        [1, "#ffc9a8"],
    ],
)


def theme(dark: bool) -> Theme:
    """Return the colours of the dark page or of the light one."""
    return DARK if dark else LIGHT


def colour(channel: int) -> str:
    """Return the colour of a channel, the same in every view."""
    return CHANNELS[channel % len(CHANNELS)]


def typed(array: np.ndarray) -> dict[str, Any]:
    """Return an array in base64, as plotly.js takes it; 64-bit integers, which it does not take, become float64."""
    if array.dtype.kind in "iu" and array.dtype.itemsize == 8:
        array = array.astype(np.float64)
    little = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    result: dict[str, Any] = {
        "dtype": f"{array.dtype.kind}{array.dtype.itemsize}",
        "bdata": base64.b64encode(little.data).decode("ascii"),
    }
    if array.ndim > 1:
        result["shape"] = ", ".join(map(str, array.shape))
    return result


def layout(style: Theme, **more: Any) -> dict[str, Any]:
    """Return a figure's layout: what all figures share, and the entries in ``more``."""
    return {
        "font": {"family": FONT, "size": 12, "color": style.ink},
        "paper_bgcolor": style.paper,
        "plot_bgcolor": style.paper,
        "margin": {"l": 64, "r": 20, "t": 14, "b": 44},
        "hoverlabel": {"font": {"family": FONT, "size": 12}, "align": "left"},
        "showlegend": False,
        "dragmode": "zoom",
        "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": style.soft, "activecolor": style.ink},
        **more,
    }


def axis(style: Theme, title: str = "", **more: Any) -> dict[str, Any]:
    """Return an axis: what all axes share, and the entries in ``more``."""
    return {
        "title": {"text": title, "font": {"size": 12, "color": style.soft}, "standoff": 8},
        "gridcolor": style.grid,
        "linecolor": style.grid,
        "zeroline": False,
        "tickfont": {"size": 11, "color": style.soft},
        "automargin": False,
        **more,
    }


def margin(labels: Sequence[str], height: float) -> int:
    """Return the pixels left of rows: room for their labels where they are shown."""
    return 84 if height / max(len(labels), 1) >= ROW_LABEL else 22


def rows(style: Theme, labels: Sequence[str], height: float, first: int = 0, **more: Any) -> dict[str, Any]:
    """Return a y axis with a row per label, the first on top; the labels vanish where there is no room for them."""
    count = len(labels)
    room = height / max(count, 1) >= ROW_LABEL
    ticks: dict[str, Any] = {"tickvals": list(range(first, first + count)), "ticktext": list(labels)}
    if not room:
        ticks = {"showticklabels": False, "ticks": ""}
    return axis(style, range=[first + count - 0.5, first - 0.5], showgrid=False, **ticks, **more)


def bar(style: Theme, title: str, **more: Any) -> dict[str, Any]:
    """Return a colour bar."""
    return {
        "title": {"text": title, "side": "right", "font": {"size": 11, "color": style.soft}},
        "thickness": 12,
        "len": 0.9,
        "outlinewidth": 0,
        "tickfont": {"size": 10, "color": style.soft},
        "xpad": 8,
        **more,
    }


def message(text: str, style: Theme, height: float = 300) -> Figure:
    """Return a figure that has a text in place of a plot."""
    note = {
        "text": text,
        "xref": "paper",
        "yref": "paper",
        "x": 0.5,
        "y": 0.5,
        "showarrow": False,
        "font": {"size": 15, "color": style.soft},
    }
    hidden = {"visible": False}
    return {
        "data": [],
        "layout": layout(style, height=height, annotations=[note], xaxis=hidden, yaxis=hidden, dragmode=False),
    }


def nice(low: float, high: float) -> tuple[float, float]:
    """Return a range around two numbers that begins and ends at round ones, so that it stays while little changes."""
    if low == high:
        low, high = low - 1, high + 1
    span = high - low
    step = 10.0 ** np.floor(np.log10(span))
    step *= min((m for m in (0.1, 0.2, 0.5, 1.0) if span / (m * step) <= 12), default=1.0)
    margin = 0.03 * span
    return float(np.floor((low - margin) / step) * step), float(np.ceil((high + margin) / step) * step)
