"""Channels as rows of an image: the sample of each bin that is farthest from the channel's median."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from n1codec.viewer.figures.style import Figure, Theme, axis, bar, layout, margin, rows, typed

_RIGHT, _TOP, _BOTTOM = 84, 12, 44
_OUTSIDE = 0.5
"""Per cent of the values that the robust colour range leaves out at either end."""


def draw(
    values: np.ndarray,
    x: np.ndarray,
    width: int,
    span: tuple[float, float],
    rate: float,
    channels: Sequence[int],
    labels: Sequence[str],
    first: int,
    ends: np.ndarray,
    height: float,
    style: Theme,
    robust: bool = True,
) -> Figure:
    """Return the image of some channels.

    Args:
        values: shape (channels, bins).
        x: the first frame of each bin, shape (bins,).
        width: frames in a bin.
        span: the seconds shown.
        rate: in Hz.
        channels: the number of each row.
        labels: the name of each row.
        first: the position of the first row.
        ends: the frames of each channel, shape (channels,); behind them it is padded, and nothing is shown.
        height: pixels.
        robust: leave a hundredth of the values out of the colour range.
    """
    z, low, high = values, 0.0, 1.0
    if values.size:
        padded = x[None, :] >= ends[:, None]
        present = values[~padded] if padded.any() else values
        low, high = scale(present, robust)
        if padded.any():
            z = np.where(padded, np.float32(np.nan), values.astype(np.float32))
    trace: dict[str, Any] = {
        "type": "heatmap",
        "z": typed(z),
        "x0": float(x[0] + (width - 1) / 2) / rate if len(x) else 0,
        "dx": width / rate,
        "y0": first,
        "dy": 1,
        "zmin": low,
        "zmax": high,
        "colorscale": style.diverging,
        "colorbar": bar(style, "ADC value", tickformat="~s"),
        "hoverinfo": "none",
    }
    return {
        "data": [trace],
        "layout": layout(
            style,
            height=height,
            margin={"l": margin(labels, height - _TOP - _BOTTOM), "r": _RIGHT, "t": _TOP, "b": _BOTTOM},
            xaxis=axis(style, "Time (s)", range=list(span), showgrid=False, ticks="outside", tickcolor=style.grid),
            yaxis=rows(style, labels, height - _TOP - _BOTTOM, first, fixedrange=True),
            plot_bgcolor=style.grid,
            meta={
                "readout": "rows",
                "rate": rate,
                "width": width,
                "first": first,
                "names": [f"{channel}  {label}" for channel, label in zip(channels, labels, strict=True)],
            },
        ),
    }


def scale(values: np.ndarray, robust: bool) -> tuple[float, float]:
    """Return a colour range around the median of some values."""
    if not values.size:
        return 0.0, 1.0
    sample = values.ravel()[:: max(1, values.size // 200_000)]
    middle = float(np.median(sample))
    if robust:
        low, high = (float(q) for q in np.percentile(sample, (_OUTSIDE, 100 - _OUTSIDE)))
    else:
        low, high = float(values.min()), float(values.max())
    reach = max(high - middle, middle - low, 1.0)
    return middle - reach, middle + reach
