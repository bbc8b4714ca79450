"""Channels as lines: a plot each above the same time axis, or all in one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from n1codec.viewer.figures.style import Figure, Theme, axis, colour, layout, nice, typed

_LABEL_HEIGHT = 22
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 14, 8, 44


class Line(NamedTuple):
    """What is drawn of a channel: its samples, or the lowest and the highest of each bin in turn."""

    channel: int
    label: str
    x: np.ndarray
    """Seconds, ascending, shape (points,)."""
    y: np.ndarray
    """int16 of shape (points,)."""
    low: int
    """The lowest and the highest sample within the range shown: ``y`` may reach beyond it."""
    high: int
    end: float
    """Seconds; behind it the channel is padded."""


def separate(
    lines: Sequence[Line], span: tuple[float, float], rate: float, width: int, height: float, style: Theme
) -> Figure:
    """Return a figure with a plot per channel, each with the y range of what is visible of it.

    Args:
        lines: from top to bottom.
        span: the seconds shown.
        rate: in Hz.
        width: frames in a bin, 1 for samples.
        height: pixels.
    """
    count = max(len(lines), 1)
    drawable = height - _TOP - _BOTTOM
    gap = min(14, 0.15 * drawable / count) / drawable
    size = (1 - gap * (count - 1)) / count
    labelled = size * drawable >= _LABEL_HEIGHT
    axes: dict[str, Any] = {}
    traces, notes, shapes = [], [], []
    for index, line in enumerate(lines):
        top = 1 - index * (size + gap)
        name = "" if index == 0 else str(index + 1)
        axes[f"yaxis{name}"] = axis(
            style,
            domain=[max(top - size, 0), top],
            range=list(nice(line.low, line.high)),
            fixedrange=True,
            nticks=max(3, min(6, int(size * drawable / 22))),
            showticklabels=labelled,
            tickformat="~s",
            showline=False,
        )
        traces.append(_trace(line, style) | {"yaxis": f"y{name}"})
        if labelled:
            notes.append(_label(line, style, top))
        if line.end < span[1]:
            shapes.append(_padding(max(line.end, span[0]), span[1], f"y{name} domain", style))
            if labelled and line.end <= span[0]:
                notes.append(_label(line, style, top) | {"text": "padded", "x": 0.5, "xanchor": "center"})
    return {
        "data": traces,
        "layout": layout(
            style,
            height=height,
            margin={"l": _LEFT, "r": _RIGHT, "t": _TOP, "b": _BOTTOM},
            hovermode="x",
            hoverdistance=60,
            xaxis=_time(style, span) | {"anchor": f"y{count if count > 1 else ''}"},
            annotations=notes,
            shapes=shapes,
            meta=_meta(lines, rate, width),
            **axes,
        ),
    }


def overlaid(
    lines: Sequence[Line], span: tuple[float, float], rate: float, width: int, height: float, style: Theme
) -> Figure:
    """Return a figure with all channels in one plot; arguments as for ``separate``."""
    low, high = min((line.low for line in lines), default=0), max((line.high for line in lines), default=1)
    few = len(lines) <= 12
    traces = [
        _trace(line, style) | {"opacity": 0.9 if few else max(0.25, 6 / len(lines) ** 0.5 / 2), "showlegend": True}
        for line in lines
    ]
    ends = [line.end for line in lines if line.end < span[1]]
    shapes = [_padding(max(max(ends), span[0]), span[1], "y domain", style)] if len(ends) == len(lines) and ends else []
    legend = {
        "orientation": "h",
        "x": 0,
        "y": 1,
        "yanchor": "bottom",
        "font": {"size": 11, "color": style.soft},
        "bgcolor": "rgba(0,0,0,0)",
    }
    return {
        "data": traces,
        "layout": layout(
            style,
            height=height,
            margin={"l": _LEFT, "r": _RIGHT, "t": 40 if few else 14, "b": _BOTTOM},
            showlegend=few,
            legend=legend,
            xaxis=_time(style, span),
            yaxis=axis(style, "ADC value", range=list(nice(low, high)), fixedrange=True, tickformat="~s"),
            shapes=shapes,
            meta=_meta(lines, rate, width),
        ),
    }


def _trace(line: Line, style: Theme) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines",
        "name": line.label,
        "x": typed(line.x),
        "y": typed(line.y),
        "line": {"color": colour(line.channel), "width": 1.4},
        "hoverinfo": "none",
        "xaxis": "x",
        "yaxis": "y",
    }


def _time(style: Theme, span: tuple[float, float]) -> dict[str, Any]:
    return axis(style, "Time (s)", range=list(span), ticks="outside", ticklen=4, tickcolor=style.grid)


def _label(line: Line, style: Theme, top: float) -> dict[str, Any]:
    return {
        "text": line.label,
        "xref": "paper",
        "yref": "paper",
        "x": 0,
        "y": top,
        "xanchor": "left",
        "yanchor": "top",
        "xshift": 6,
        "showarrow": False,
        "bgcolor": style.paper,
        "opacity": 0.85,
        "borderpad": 1,
        "font": {"size": 11, "color": colour(line.channel)},
    }


def _padding(start: float, stop: float, reference: str, style: Theme) -> dict[str, Any]:
    return {
        "type": "rect",
        "xref": "x",
        "yref": reference,
        "x0": start,
        "x1": stop,
        "y0": 0,
        "y1": 1,
        "layer": "below",
        "line": {"width": 0},
        "fillcolor": style.shade,
        "name": "padded",
    }


def _meta(lines: Sequence[Line], rate: float, width: int) -> dict[str, Any]:
    """Return what the page needs in order to say which sample of which channel the pointer is at."""
    return {"readout": "lines", "rate": rate, "width": width, "names": [f"{n.channel}  {n.label}" for n in lines]}
