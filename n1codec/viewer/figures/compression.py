"""What a codec makes of the recordings: bits per sample over time and channels, and one channel in detail."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from n1codec.viewer.figures.signals import Line
from n1codec.viewer.figures.style import SEQUENTIAL, Figure, Theme, axis, bar, colour, layout, margin, nice, rows, typed

_RIGHT, _TOP, _BOTTOM = 84, 12, 48
_SIDE = 0.82
"""Share of the width that the image takes; the rest has a bar per channel."""


def overview(
    bits: np.ndarray,
    seconds: float,
    means: np.ndarray,
    span: tuple[float, float],
    channels: Sequence[int],
    labels: Sequence[str],
    first: int,
    focus: int,
    height: float,
    style: Theme,
) -> Figure:
    """Return bits per sample as an image and, beside it, per channel.

    Args:
        bits: shape (channels, blocks), NaN behind the end of a channel.
        seconds: the length of a block.
        means: bits per sample of each channel, shape (channels,).
        span: the seconds shown.
        channels: the number of each row.
        labels: the name of each row.
        first: the position of the first row.
        focus: the number of the channel that is shown in detail.
    """
    finite = bits[np.isfinite(bits)]
    low, high = np.percentile(finite, (1, 99)) if finite.size else (0, 1)
    names = [f"{channel}  {label}" for channel, label in zip(channels, labels, strict=True)]
    colours = [style.mark if channel == focus else style.soft for channel in channels]
    return {
        "data": [
            {
                "type": "heatmap",
                "z": typed(bits.astype(np.float32)),
                "x0": seconds / 2,
                "dx": seconds,
                "y0": first,
                "dy": 1,
                "zmin": float(low),
                "zmax": float(high),
                "colorscale": SEQUENTIAL,
                "hoverinfo": "none",
                "colorbar": bar(style, "Bits per sample"),
                "xaxis": "x",
                "yaxis": "y",
            },
            {
                "type": "bar",
                "orientation": "h",
                "x": typed(means.astype(np.float32)),
                "y0": first,
                "dy": 1,
                "marker": {"color": colours, "line": {"width": 0}},
                "xaxis": "x2",
                "yaxis": "y",
                "customdata": names,
                "hovertemplate": "%{customdata}<br>%{x:.3f} bits per sample<extra></extra>",
            },
        ],
        "layout": layout(
            style,
            height=height,
            margin={"l": margin(labels, height - _TOP - _BOTTOM), "r": _RIGHT, "t": _TOP, "b": _BOTTOM},
            bargap=0.1,
            xaxis=axis(style, "Time (s)", domain=[0, _SIDE], range=list(span), showgrid=False),
            xaxis2=axis(
                style,
                "Bits per sample",
                domain=[_SIDE + 0.02, 1],
                anchor="y",
                nticks=4,
                rangemode="tozero",
                fixedrange=True,
            ),
            yaxis=rows(style, labels, height - _TOP - _BOTTOM, first, fixedrange=True),
            plot_bgcolor=style.paper,
            meta={"readout": "blocks", "first": first, "names": names},
        ),
    }


def detail(
    signal: Line,
    residual: tuple[np.ndarray, np.ndarray],
    blocks: tuple[np.ndarray, np.ndarray],
    codes: tuple[np.ndarray, np.ndarray],
    codes_left: tuple[np.ndarray, np.ndarray],
    span: tuple[float, float],
    channel: int,
    name: str,
    filters: str,
    height: float,
    style: Theme,
    narrow: bool = False,
) -> Figure:
    """Return one channel: its signal, its residual, its bits per sample, the histograms of both.

    Args:
        residual: seconds and residuals.
        blocks: seconds at which blocks begin, and their bits per sample.
        codes: values that samples take, and how many do.
        codes_left: the same of the residual.
        filters: the spec of what left the residual.
        narrow: the histograms stand below the lines.
    """
    across = ([0, 1], [0, 0.45], [0.55, 1]) if narrow else ([0, 0.68], [0.75, 1], [0.75, 1])
    down = [[0.8, 1], [0.55, 0.75], [0.33, 0.5]] if narrow else [[0.7, 1], [0.34, 0.64], [0, 0.28]]
    below = ([0, 0.2], [0, 0.2]) if narrow else ([0.58, 1.0], [0, 0.42])
    ink = colour(channel)

    def line(x: np.ndarray, y: np.ndarray, place: str, **more: Any) -> dict[str, Any]:
        return {
            "type": "scatter",
            "mode": "lines",
            "x": typed(x),
            "y": typed(y),
            "xaxis": "x",
            "yaxis": place,
            "line": {"color": ink, "width": 1},
            "hovertemplate": "%{x:.5f} s<br>%{y}<extra></extra>",
            **more,
        }

    def histogram(x: np.ndarray, y: np.ndarray, place: str) -> dict[str, Any]:
        return {
            "type": "scatter",
            "mode": "lines",
            "x": typed(x),
            "y": typed(y),
            "xaxis": f"x{place}",
            "yaxis": f"y{place}",
            "fill": "tozeroy",
            "line": {"color": ink, "width": 1, "shape": "hvh"},
            "hovertemplate": "value %{x}<br>%{y} samples<extra></extra>",
        }

    def note(text: str, x: float, y: float) -> dict[str, Any]:
        return {
            "text": text,
            "xref": "paper",
            "yref": "paper",
            "x": x,
            "y": y,
            "xanchor": "left",
            "yanchor": "top",
            "xshift": 6,
            "showarrow": False,
            "bgcolor": style.paper,
            "font": {"size": 11, "color": style.ink},
        }

    return {
        "data": [
            line(signal.x, signal.y, "y"),
            line(*residual, "y2"),
            line(*blocks, "y3", line={"color": style.ink, "width": 1.5, "shape": "hv"}),
            histogram(*codes, "4"),
            histogram(*codes_left, "5"),
        ],
        "layout": layout(
            style,
            height=height,
            margin={"l": 64, "r": 20, "t": 10, "b": 44},
            xaxis=axis(style, "Time (s)", domain=across[0], range=list(span), anchor="y3"),
            yaxis=axis(style, domain=down[0], range=list(nice(signal.low, signal.high)), tickformat="~s", nticks=4),
            yaxis2=axis(style, domain=down[1], range=list(_around(residual[1])), tickformat="~s", nticks=4),
            yaxis3=axis(style, domain=down[2], range=[0, _above(blocks[1])], nticks=4),
            xaxis4=axis(style, domain=across[1], anchor="y4", nticks=5, tickformat="~s"),
            yaxis4=axis(style, domain=below[0], range=[0, _above(codes[1])], anchor="x4", nticks=3, tickformat="~s"),
            xaxis5=axis(style, "Value", domain=across[2], anchor="y5", nticks=5, tickformat="~s"),
            yaxis5=axis(
                style, domain=below[1], range=[0, _above(codes_left[1])], anchor="x5", nticks=3, tickformat="~s"
            ),
            annotations=[
                note(f"<b>{name}</b>  signal", 0, down[0][1]),
                note(f"residual of {filters}", 0, down[1][1]),
                note("bits per sample", 0, down[2][1]),
                note("histogram of codes", across[1][0], below[0][1]),
                note("histogram of the residual", across[2][0], below[1][1]),
            ],
        ),
    }


def _above(y: np.ndarray) -> float:
    """Return where an axis from 0 ends, so that there is room for a note."""
    return 1.3 * float(np.nanmax(y, initial=0)) or 1.0


def _around(y: np.ndarray) -> tuple[float, float]:
    return nice(float(y.min()), float(y.max())) if y.size else (0.0, 1.0)
