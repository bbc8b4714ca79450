"""The result store as a plot of ratio against speed that answers to the pointer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from n1codec.bench.results import summary
from n1codec.report import style as families
from n1codec.viewer.figures.style import Figure, Theme, axis, layout, typed

if TYPE_CHECKING:
    import pandas as pd

_SPEED = {"encode": "average_compression_speed_xRT", "decode": "average_decompression_speed_xRT"}
_SYMBOLS = {
    "X": "x",
    "o": "circle",
    "s": "square",
    "D": "diamond",
    "^": "triangle-up",
    "v": "triangle-down",
    "P": "cross",
    "*": "star",
    "<": "triangle-left",
    ">": "triangle-right",
    "p": "pentagon",
    "h": "hexagon",
}
"""Matplotlib's markers, which the report's style names, by their names in Plotly."""


def draw(table: pd.DataFrame, speed: str, height: float, style: Theme, narrow: bool = False) -> Figure:
    """Return ratio against speed of every verified codec, with the codecs that none beats in both.

    Args:
        table: a summary (``bench.summary.read``).
        speed: encode or decode.
    """
    column = _SPEED[speed]
    good = table[table["status"] == "ok"].dropna(subset=["compression_ratio", column])
    traces: list[dict[str, Any]] = []
    front = good.iloc[summary.front(good[column].to_numpy(float), good["compression_ratio"].to_numpy(float))]
    traces.append(
        {
            "type": "scatter",
            "mode": "lines",
            "name": "Pareto front",
            "x": typed(front[column].to_numpy(float)),
            "y": typed(front["compression_ratio"].to_numpy(float)),
            "hoverinfo": "skip",
            "line": {"color": style.soft, "width": 1.5, "dash": "dot", "shape": "hv"},
        }
    )
    for family, slot in families.slots(good["family"]).items():
        rows = good[good["family"] == family]
        colour = families.colour(slot)
        symbol = _SYMBOLS[families.marker(slot)]
        names = [
            [
                row["mode"],
                row["spec"],
                row["average_compression_speed_xRT"],
                row["average_decompression_speed_xRT"],
                row["bits_per_sample"],
                row["encode_MB_per_second"],
                row["decode_MB_per_second"],
            ]
            for _, row in rows.iterrows()
        ]
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": family,
                "x": typed(rows[column].to_numpy(float)),
                "y": typed(rows["compression_ratio"].to_numpy(float)),
                "customdata": names,
                "marker": {
                    "color": style.ink if colour == families.BLACK else colour,  # black is not seen on dark paper
                    "symbol": symbol,
                    "size": 13 if symbol == "star" else 10,
                    "opacity": 0.9,
                    "line": {"width": 0.7, "color": style.soft},
                },
                "hovertemplate": "<b>%{customdata[0]}</b><br>ratio %{y:.4f}, %{customdata[4]:.3f} bits per sample<br>"
                "encode %{customdata[2]:,.0f} xRT, decode %{customdata[3]:,.0f} xRT<br>"
                "encode %{customdata[5]:,.0f} MB/s, decode %{customdata[6]:,.0f} MB/s<extra>%{fullData.name}</extra>",
            }
        )
    legend: dict[str, Any] = {"font": {"size": 12, "color": style.ink}, "bgcolor": "rgba(0,0,0,0)"}
    if narrow:
        legend |= {"orientation": "h", "x": 0, "y": -0.16, "yanchor": "top"}
    return {
        "data": traces,
        "layout": layout(
            style,
            height=height,
            margin={"l": 64, "r": 20, "t": 14, "b": 130 if narrow else 48},
            showlegend=True,
            legend=legend,
            hovermode="closest",
            xaxis=axis(
                style, f"Speed of the {speed.rstrip('e')}er (times real time)", type="log", dtick=1, tickformat="~s"
            ),
            yaxis=axis(style, "Compression ratio"),
            uirevision=f"results {speed}",
        ),
    }
