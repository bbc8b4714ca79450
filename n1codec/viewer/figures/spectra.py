"""Channels by frequency: power spectral densities as lines and as an image, and one channel's spectrogram."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from n1codec.viewer.figures.style import SEQUENTIAL, Figure, Theme, axis, bar, colour, layout, margin, rows, typed

_RIGHT, _TOP, _BOTTOM = 84, 12, 48
_UNIT = "Power (dB re 1/Hz)"
_FLOOR = 1e-12


def decibels(power: np.ndarray) -> np.ndarray:
    """Return 10 log10 of a density, float32 of its shape."""
    return (10 * np.log10(np.maximum(power, _FLOOR))).astype(np.float32)


def lines(
    frequencies: np.ndarray,
    power: np.ndarray,
    channels: Sequence[int],
    labels: Sequence[str],
    height: float,
    style: Theme,
) -> Figure:
    """Return spectra as lines and their median; ``power`` has shape (channels, bins); its ends are left out."""
    level = decibels(power[:, 1:-1])
    x = typed(frequencies[1:-1].astype(np.float32))
    many = len(channels) > 12
    traces: list[dict[str, Any]] = [
        {
            "type": "scatter",
            "mode": "lines",
            "name": f"{channel}  {label}",
            "x": x,
            "y": typed(row),
            "line": {"color": colour(channel), "width": 1},
            "opacity": 0.25 if many else 0.9,
            "hovertemplate": "%{x:,.0f} Hz<br>%{y:.1f} dB<extra>%{fullData.name}</extra>",
        }
        for channel, label, row in zip(channels, labels, level, strict=True)
    ]
    if many:
        traces.append(
            {
                "type": "scatter",
                "mode": "lines",
                "name": "median",
                "x": x,
                "y": typed(np.median(level, axis=0)),
                "line": {"color": style.ink, "width": 2.5},
                "hovertemplate": "%{x:,.0f} Hz<br>%{y:.1f} dB<extra>median</extra>",
            }
        )
    legend = {"orientation": "h", "x": 0, "y": 1, "yanchor": "bottom", "font": {"size": 11, "color": style.soft}}
    return {
        "data": traces,
        "layout": layout(
            style,
            height=height,
            margin={"l": 64, "r": 20, "t": 16 if many else 44, "b": _BOTTOM},
            showlegend=not many,
            legend=legend,
            xaxis=axis(style, "Frequency (Hz)", type="log", dtick="D2"),
            yaxis=axis(style, _UNIT),
            uirevision="spectrum lines",
        ),
    }


def image(
    frequencies: np.ndarray,
    power: np.ndarray,
    channels: Sequence[int],
    labels: Sequence[str],
    first: int,
    height: float,
    style: Theme,
) -> Figure:
    """Return spectra as an image: a row per channel, the first at the position ``first``."""
    level = decibels(power)
    low, high = np.percentile(level, (1, 99.5)) if level.size else (0, 1)
    trace = {
        "type": "heatmap",
        "z": typed(level),
        "x0": 0,
        "dx": float(frequencies[1]) / 1000 if len(frequencies) > 1 else 1,
        "y0": first,
        "dy": 1,
        "zmin": float(low),
        "zmax": float(high),
        "colorscale": SEQUENTIAL,
        "colorbar": bar(style, _UNIT),
        "hoverinfo": "none",
    }
    return {
        "data": [trace],
        "layout": layout(
            style,
            height=height,
            margin={"l": margin(labels, height - _TOP - _BOTTOM), "r": _RIGHT, "t": _TOP, "b": _BOTTOM},
            xaxis=axis(style, "Frequency (kHz)", showgrid=False),
            yaxis=rows(style, labels, height - _TOP - _BOTTOM, first, fixedrange=True),
            meta={
                "readout": "frequencies",
                "first": first,
                "names": [f"{channel}  {label}" for channel, label in zip(channels, labels, strict=True)],
            },
            uirevision="spectrum image",
        ),
    }


def spectrogram(
    frequencies: np.ndarray,
    seconds: np.ndarray,
    power: np.ndarray,
    span: tuple[float, float],
    name: str,
    height: float,
    style: Theme,
) -> Figure:
    """Return a spectrogram; ``power`` has shape (bins, segments)."""
    level = decibels(power)
    low, high = np.percentile(level, (2, 99.8)) if level.size else (0, 1)
    trace = {
        "type": "heatmap",
        "z": typed(level),
        "x0": float(seconds[0]) if len(seconds) else 0,
        "dx": float(seconds[1] - seconds[0]) if len(seconds) > 1 else 1,
        "y0": 0,
        "dy": float(frequencies[1]) / 1000 if len(frequencies) > 1 else 1,
        "zmin": float(low),
        "zmax": float(high),
        "colorscale": SEQUENTIAL,
        "colorbar": bar(style, _UNIT),
        "hovertemplate": "%{x:.4f} s<br>%{y:.2f} kHz<br>%{z:.1f} dB<extra></extra>",
    }
    return {
        "data": [trace],
        "layout": layout(
            style,
            height=height,
            margin={"l": 64, "r": _RIGHT, "t": 34, "b": _BOTTOM},
            title={
                "text": name,
                "font": {"size": 13, "color": style.ink},
                "x": 0,
                "xref": "paper",
                "y": 0.99,
                "yanchor": "top",
                "pad": {"t": 6},
            },
            xaxis=axis(style, "Time (s)", range=list(span), showgrid=False),
            yaxis=axis(style, "Frequency (kHz)", showgrid=False, fixedrange=True),
        ),
    }
