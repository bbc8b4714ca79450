"""The matrix of correlations with the clustering beside it, and two signals with their cross-correlogram."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from n1codec.viewer.figures.signals import Line
from n1codec.viewer.figures.style import ROW_LABEL, Figure, Theme, axis, bar, colour, layout, margin, nice, rows, typed

_RIGHT, _TOP, _BOTTOM = 84, 12, 56
_TREE = 0.14
"""Share of the width that the dendrogram takes."""


def matrix(
    r: np.ndarray,
    channels: Sequence[int],
    labels: Sequence[str],
    first: int,
    measure: str,
    pairs: Sequence[tuple[int, int]],
    tree: tuple[np.ndarray, np.ndarray] | None,
    size: tuple[float, float],
    style: Theme,
    chosen: tuple[int, int] | None = None,
) -> Figure:
    """Return the matrix of some channels, in colours from -1 to 1.

    Args:
        r: float of shape (channels, channels), in the order shown.
        channels: the number of each row.
        labels: the name of each row.
        first: the position of the first row among all.
        measure: the name of the correlation.
        pairs: positions (row, column) of channels that were recorded at the same time.
        tree: the lines of the dendrogram (see ``dendrogram``), over the positions of all channels.
        size: width and height in pixels.
        chosen: the position (row, column) whose signals are shown.
    """
    width, height = size
    left = _TREE if tree else 0.0
    names = [f"{channel}  {label}" for channel, label in zip(channels, labels, strict=True)]
    place = list(range(first, first + len(names)))
    traces: list[dict[str, Any]] = [
        {
            "type": "heatmap",
            "z": typed(r.astype(np.float32)),
            "x0": first,
            "dx": 1,
            "y0": first,
            "dy": 1,
            "zmin": -1,
            "zmax": 1,
            "colorscale": style.diverging,
            "colorbar": bar(style, f"{measure.capitalize()} correlation", dtick=0.5),
            "hoverinfo": "none",
            "xaxis": "x",
            "yaxis": "y",
        }
    ]
    if pairs:
        cell = max(4.0, min(14.0, 0.7 * (height - _TOP - _BOTTOM) / max(len(names), 1)))
        rows_of, columns = zip(*pairs, strict=True)
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": "simultaneous",
                "x": list(columns),
                "y": list(rows_of),
                "marker": {"symbol": "square-open", "size": cell + 3, "color": style.mark, "line": {"width": 1.3}},
                "hoverinfo": "skip",
                "xaxis": "x",
                "yaxis": "y",
            }
        )
    if chosen:
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": "chosen",
                "x": [chosen[1]],
                "y": [chosen[0]],
                "marker": {"symbol": "circle-open", "size": 16, "color": style.ink, "line": {"width": 2}},
                "hoverinfo": "skip",
                "xaxis": "x",
                "yaxis": "y",
            }
        )
    edge = margin(labels, height - _TOP - _BOTTOM)
    across = (width - edge - _RIGHT) * (1 - left)
    ticks: dict[str, Any] = {"tickvals": place, "ticktext": list(labels), "tickangle": -90}
    below = _BOTTOM
    if across / max(len(names), 1) < ROW_LABEL:
        ticks = {"showticklabels": False, "ticks": ""}
    else:
        below += 20
    more: dict[str, Any] = {}
    if tree:
        x, y = tree
        traces.append(
            {
                "type": "scatter",
                "mode": "lines",
                "name": "clustering",
                "x": typed(x),
                "y": typed(y),
                "line": {"color": style.soft, "width": 1, "shape": "linear"},
                "hoverinfo": "skip",
                "xaxis": "x2",
                "yaxis": "y",
            }
        )
        highest = float(np.nanmax(x, initial=0)) or 1.0
        more["xaxis2"] = axis(
            style,
            "Distance",
            domain=[0, left - 0.01],
            range=[highest * 1.04, min(float(np.nanmin(x)), 0.0)],
            anchor="y",
            nticks=3,
            showgrid=False,
            fixedrange=True,
        )
    return {
        "data": traces,
        "layout": layout(
            style,
            height=height,
            margin={"l": edge, "r": _RIGHT, "t": _TOP, "b": below},
            xaxis=axis(style, domain=[left, 1], range=[first - 0.5, first + len(names) - 0.5], showgrid=False, **ticks),
            yaxis=rows(style, labels, height - _TOP - below, first, anchor="x2" if tree else "x"),
            plot_bgcolor=style.paper,
            meta={"readout": "cells", "first": first, "names": names, "what": "r"},
            uirevision=f"{first} {len(names)}",
            **more,
        ),
    }


def dendrogram(linkage: np.ndarray, leaves: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the lines of a clustering, NaN between them, each leaf at its position among ``leaves``.

    Args:
        linkage: float of shape (channels - 1, 4), as scipy.cluster.hierarchy has it.
        leaves: the channels in the order shown, shape (channels,).

    Returns:
        Heights and positions, float32 of shape (5 * (channels - 1),).
    """
    count = len(leaves)
    place = np.empty(2 * count - 1)
    place[leaves] = np.arange(count)
    height = np.zeros(2 * count - 1)
    x = np.full((max(count - 1, 0), 5), np.nan, np.float32)
    y = np.full_like(x, np.nan)
    for index, (one, other, distance, _) in enumerate(linkage):
        a, b = int(one), int(other)
        x[index, :4] = height[a], distance, distance, height[b]
        y[index, :4] = place[a], place[a], place[b], place[b]
        place[count + index] = (place[a] + place[b]) / 2
        height[count + index] = distance
    return x.ravel(), y.ravel()


def pair(
    lines: Sequence[Line],
    lags: np.ndarray,
    r: np.ndarray,
    span: tuple[float, float],
    style: Theme,
    height: float,
    narrow: bool = False,
) -> Figure:
    """Return two signals and their cross-correlogram.

    Args:
        lines: the two signals.
        lags: seconds, shape (lags,).
        r: correlation at each lag, shape (lags,).
        span: the seconds shown.
        narrow: one plot below the other.
    """
    tall = [[0.72, 1.0], [0.40, 0.68], [0.0, 0.24]]
    domains = tall if narrow else [[0.54, 1.0], [0.0, 0.46], [0.0, 1.0]]
    split = ([0, 1], [0, 1]) if narrow else ([0, 0.6], [0.68, 1])
    traces: list[dict[str, Any]] = []
    notes = []
    for index, line in enumerate(lines):
        name = f"{line.channel}  {line.label}"
        traces.append(
            {
                "type": "scatter",
                "mode": "lines",
                "name": name,
                "x": typed(line.x),
                "y": typed(line.y),
                "line": {"color": colour(line.channel), "width": 1},
                "xaxis": "x",
                "yaxis": f"y{index + 1 if index else ''}",
                "hovertemplate": "%{x:.5f} s<br>value %{y}<extra>%{fullData.name}</extra>",
            }
        )
        notes.append(
            {
                "text": name,
                "xref": "paper",
                "yref": "paper",
                "x": split[0][0],
                "y": domains[index][1],
                "xanchor": "left",
                "yanchor": "top",
                "xshift": 6,
                "showarrow": False,
                "bgcolor": style.paper,
                "font": {"size": 11, "color": colour(line.channel)},
            }
        )
    traces.append(
        {
            "type": "scatter",
            "mode": "lines",
            "name": "cross-correlation",
            "x": typed(1000 * lags),
            "y": typed(r),
            "line": {"color": style.ink, "width": 1.2},
            "xaxis": "x2",
            "yaxis": "y3",
            "hovertemplate": "lag %{x:.3f} ms<br>r %{y:.4f}<extra></extra>",
        }
    )
    limits = [nice(line.low, line.high) for line in lines]
    top = float(np.abs(r).max(initial=0.05)) * 1.1
    return {
        "data": traces,
        "layout": layout(
            style,
            height=height,
            margin={"l": 64, "r": 20, "t": 10, "b": 44},
            xaxis=axis(style, "" if narrow else "Time (s)", domain=split[0], range=list(span), anchor="y2"),
            xaxis2=axis(style, "Lag (ms)", domain=split[1], anchor="y3", range=[1000 * lags[0], 1000 * lags[-1]]),
            yaxis=axis(style, domain=domains[0], range=list(limits[0]), tickformat="~s", nticks=4),
            yaxis2=axis(style, domain=domains[1], range=list(limits[1]), tickformat="~s", nticks=4),
            yaxis3=axis(style, "r", domain=domains[2], anchor="x2", range=[-top, top], nticks=5),
            annotations=notes,
            shapes=[
                {
                    "type": "line",
                    "xref": "x2",
                    "yref": "y3 domain",
                    "x0": 0,
                    "x1": 0,
                    "y0": 0,
                    "y1": 1,
                    "line": {"color": style.soft, "width": 1, "dash": "dot"},
                }
            ],
        ),
    }


def correlogram(x: np.ndarray, y: np.ndarray, rate: float, reach: float = 0.02) -> tuple[np.ndarray, np.ndarray]:
    """Return the correlation of y, shifted by a lag, with x.

    Args:
        x: shape (frames,).
        y: shape (frames,); an event in it that follows one in x is at a positive lag.
        rate: in Hz.
        reach: the longest lag in seconds.

    Returns:
        Lags in seconds and correlations, float64 of shape (lags,).
    """
    from scipy.signal import correlate

    most = max(1, min(round(reach * rate), len(x) - 1))
    a, b = x - x.mean(dtype=np.float64), y - y.mean(dtype=np.float64)
    scale = np.sqrt(np.dot(a, a) * np.dot(b, b)) or 1.0
    whole = correlate(b, a, "full", "fft") / scale
    middle = len(x) - 1
    return np.arange(-most, most + 1) / rate, whole[middle - most : middle + most + 1]
