"""The page: a sidebar with everything that can be chosen, and the canvas. Its looks are in assets/style.css."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dash import dcc, html

from n1codec.viewer import state
from n1codec.viewer.figures.style import LIGHT, message

TITLES = {
    "signals": "Signals",
    "image": "Image",
    "correlation": "Correlation",
    "spectrum": "Spectrum",
    "compression": "Compression",
    "results": "Ratio and speed",
}
WORDS = {
    "1-r": "1 - r",
    "1-|r|": "1 - |r|",
    "robust": "99 %",
    "full": "all",
    "encode": "encoder",
    "decode": "decoder",
}
LINKAGES = {"": "as recorded", "single": "nearest point", "average": "UPGMA", "centroid": "UPGMC", "ward": "Ward"}
CODECS = ("n1", "n1_implant", "remap|lpc|rans", "remap|lpc|rice", "remap|delta|rice", "remap|bzip3", "remap|flac",
          "delta|zstd:level=3", "zstd:level=3", "bz2", "lz4")  # fmt: skip
"""Suggestions; any spec may be entered."""
MEGABYTES = 64
"""The largest file that may be dropped."""
KEYS = (
    ("1 … 6", "views"),
    ("← →", "earlier, later"),
    ("↑ ↓  + -", "zoom in, out"),
    ("[ ]", "channels before, after"),
    ("0", "show everything"),
    ("o", "separate, overlaid"),
    ("r  m", "next order, next measure"),
    ("s", "next kind of spectrum"),
    (",  .", "channel in focus"),
    ("p", "mouse: zoom, pan"),
    ("d", "light, dark"),
    ("?", "these keys"),
)
CONTROLS = (
    "view",
    "mode",
    "measure",
    "linkage",
    "distance",
    "colours",
    "spectrum",
    "speed",
    "focus",
    "codec",
    "results",
)
"""Components of the page that hold the field of the state of their name."""


TOOLBAR = ("zoom2d", "pan2d", "zoomIn2d", "zoomOut2d", "resetScale2d")
"""The buttons that a plot may have, by plotly.js's names. They are named one by one, because new versions of plotly.js
bring new buttons, and some of these send the plot to a server."""


def toolbar(scroll_zoom: bool = False) -> dict[str, Any]:
    """Return the ``config`` of a graph: which buttons it has, and that nothing of it is sent anywhere.

    Args:
        scroll_zoom: whether the mouse wheel zooms; where the page is taller than its window, the wheel scrolls it.
    """
    return {
        "modeBarButtons": [list(TOOLBAR)],
        "displaylogo": False,  # it is a link to Plotly's site
        "showSendToCloud": False,
        "showEditInChartStudio": False,  # of older versions of plotly.js
        "showLink": False,
        "plotlyServerURL": "",
        "doubleClick": "autosize",
        "scrollZoom": scroll_zoom,
    }


def page(results: Sequence[str]) -> html.Div:
    """Return the whole page.

    Args:
        results: the names of the folders of the result store.
    """
    return html.Div(
        id="app",
        className="app",
        children=[
            dcc.Location(id="url", refresh=False),
            dcc.Store(id="state"),
            dcc.Store(id="size"),
            dcc.Store(id="dark"),
            dcc.Store(id="key"),
            dcc.Store(id="dropped"),
            dcc.Store(id="job", data=""),
            dcc.Store(id="finished", data=0),
            dcc.Interval(id="clock", interval=300, disabled=True),
            dcc.Download(id="download"),
            html.Header(
                className="top",
                children=[
                    html.Button("☰", id="menu", className="icon", title="Controls"),
                    html.Span("N1 Codec", className="brand"),
                    html.Button("◐", id="theme-narrow", className="icon", title="Light or dark (d)"),
                ],
            ),
            html.Aside(className="side", children=_side(results)),
            html.Main(className="canvas", id="canvas", children=_canvas()),
            _help(),
            html.Div(id="pointer", className="pointer", hidden=True),
        ],
    )


def _side(results: Sequence[str]) -> list[Any]:
    most: Any = {"data-most": str(MEGABYTES << 20)}
    return [
        html.Div(
            className="brandline",
            children=[
                html.Span("N1 Codec", className="brand"),
                html.Span("viewer", className="faint"),
                html.Button("◐", id="theme", className="icon", title="Light or dark (d)"),
                html.Button("?", id="help-open", className="icon", title="Keys (?)"),
            ],
        ),
        html.Div(id="about", className="about"),
        dcc.Upload(
            id="drop",
            className="drop",
            className_active="drop active",
            multiple=True,
            max_size=MEGABYTES << 20,
            children=[html.B("Drop WAV files"), f" or choose them, {MEGABYTES} MB each at the most"],
            style={},
            style_active={},
            style_reject={},
        ),
        html.Div(id="trouble", className="trouble", role="alert", **most),
        dcc.RadioItems(_options(TITLES), "signals", id="view", className="nav"),
        _group("Plots", "signals", _choice("mode")),
        _group("Colour range", "image", _choice("colours")),
        _group("Kind", "spectrum", _choice("spectrum")),
        _group("Codec", "compression", _codec()),
        _group("Speed of the", "results", _choice("speed")),
        _group("Data set", "results", dcc.Dropdown(list(results), id="results", clearable=False, searchable=False)),
        _group(
            "Channel in focus", "spectrum compression", dcc.Input(id="focus", type="number", min=0, step=1, value=0)
        ),
        _group(
            "Channels", "signals image correlation spectrum compression",
            dcc.RangeSlider(0, 1, step=1, id="channels", value=[0, 1], marks=None, pushable=0),
        ),
        _group(
            "Samples", "signals image correlation spectrum compression",
            dcc.RangeSlider(0, 1, step=1, id="frames", value=[0, 1], marks=None, pushable=state.SHORTEST),
        ),
        _group(
            "Order of channels", "signals image correlation spectrum compression",
            dcc.Dropdown(_options(LINKAGES), "", id="linkage", clearable=False, searchable=False),
        ),
        _group("Correlation", "signals image correlation spectrum compression", _choice("measure")),
        _group("Distance", "signals image correlation spectrum compression", _choice("distance")),
        _group(
            "Export", " ".join(TITLES),
            html.Div(
                className="buttons",
                children=[
                    html.Button(kind.upper(), id=kind, title=f"This view as {kind.upper()}")
                    for kind in ("png", "svg", "csv")
                ],
            ),
        ),
    ]  # fmt: skip


def _canvas() -> list[Any]:
    return [
        html.Div(
            className="headline",
            children=[html.H1("Signals", id="title"), html.Span(id="range", className="faint"), html.Span(id="note")],
        ),
        html.Div(
            id="progress",
            className="progress",
            hidden=True,
            children=[
                html.Span(id="progress-text"),
                html.Div(className="track", children=html.Div(id="progress-bar", className="bar")),
                html.Button("Cancel", id="cancel"),
            ],
        ),
        _graph("main"),
        html.Div(id="detail-box", hidden=True, children=_graph("detail")),
    ]


def _graph(name: str) -> dcc.Graph:
    config: Any = toolbar()
    return dcc.Graph(id=name, figure=message("", LIGHT), responsive=True, config=config)


def _help() -> html.Div:
    rows = [html.Tr([html.Td(html.Kbd(keys)), html.Td(what)]) for keys, what in KEYS]
    return html.Div(
        id="help",
        className="help",
        hidden=True,
        role="dialog",
        children=[html.Div([html.H2("Keys"), html.Table(html.Tbody(rows)), html.Button("Close", id="help-close")])],
    )


def _group(title: str, views: str, child: Any) -> html.Div:
    return html.Div(
        className=" ".join(["group", *(f"for-{view}" for view in views.split())]),
        children=[html.Label(title, className="caption"), child],
    )


def _options(words: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"label": label, "value": value} for value, label in words.items()]


def _choice(name: str) -> dcc.RadioItems:
    values = state.CHOICES[name]
    return dcc.RadioItems(
        _options({value: WORDS.get(value, value) for value in values}), values[0], id=name, className="choice"
    )


def _codec() -> html.Div:
    return html.Div(
        [
            dcc.Input(id="codec", type="text", debounce=True, list="codecs", value=state.State.codec, spellCheck=False),
            html.Datalist(id="codecs", children=[html.Option(value=spec) for spec in CODECS]),
        ]
    )
