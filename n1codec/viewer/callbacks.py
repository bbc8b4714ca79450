"""What happens when something on the page changes.

The state of the page is one query string in the store ``state``: the controls, the mouse, the keys and a dropped file
change it (``navigate``), and the canvas shows it (``show``). What takes long runs as a job, which ``poll`` watches.
"""

from __future__ import annotations

import base64
import binascii
import tempfile
import threading
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

from dash import ClientsideFunction, Dash, Input, Output, State, ctx, dcc, html, no_update
from dash.exceptions import PreventUpdate

from n1codec.codec import CodecError
from n1codec.datasets import dataset
from n1codec.recordings import Place, main_file
from n1codec.viewer import canvas, export, layout, session, state
from n1codec.viewer.figures import style
from n1codec.viewer.session import Session

MOST_UNPACKED = 8 * layout.MEGABYTES << 20
"""Bytes of the recordings in an archive that is dropped."""
_LARGEST_SIDE = 8000
_MOST_NOTES = 4
_MOUSE = {"main.relayoutData", "detail.relayoutData", "main.clickData", "key.data"}


class Sessions:
    """The recordings that were opened, by key: those named on the command line, and those dropped since."""

    def __init__(self, first: Session, cache: Path) -> None:
        self.first, self.cache = first, cache
        self._open = {first.key: first}
        self._lock = threading.Lock()

    def get(self, key: str) -> Session:
        """Return the session whose key begins with ``key``, from the cache if it is not open; else the first one."""
        if not key:
            return self.first
        with self._lock:
            for known, found in self._open.items():
                if known.startswith(key):
                    return found
            reopened = session.reopen(key, self.cache)
            return self._add(reopened) if reopened else self.first

    def drop(self, names: Sequence[str], contents: Sequence[str]) -> Session:
        """Return the session of files that a browser sent.

        Args:
            names: of the files.
            contents: of each file, as a data URL in base64.

        Raises:
            CodecError: one of them is too large or did not arrive whole, or not one of them is a recording.
        """
        with tempfile.TemporaryDirectory(prefix="n1codec-") as temporary:
            paths = []
            for number, (name, content) in enumerate(zip(names, contents, strict=True)):
                plain = PurePosixPath(name.replace("\\", "/")).name or "recording.wav"
                try:
                    data = base64.b64decode(content.partition(",")[2], validate=True)
                except (binascii.Error, ValueError):
                    raise CodecError(f"{plain}: it did not arrive whole (drop it again)") from None
                if len(data) > layout.MEGABYTES << 20:
                    raise CodecError(f"{plain}: it is larger than {layout.MEGABYTES} MB (name it on the command line)")
                path = Path(temporary) / plain[-120:]
                if path.exists():
                    path = Path(temporary) / str(number) / path.name
                    path.parent.mkdir()
                path.write_bytes(data)
                paths.append(path)
            # A .meta and the like says how to read the file that was dropped with it.
            places = [place for path in paths if not main_file(path) for place in self._places(path)]
            made = session.open_files(places, self.cache, PurePosixPath(names[0]).stem[:60] or "dropped")
        with self._lock:
            return self._add(made)

    def _places(self, path: Path) -> Sequence[Place]:
        try:
            with zipfile.ZipFile(path) as archive:
                size = sum(member.file_size for member in archive.infolist())
        except (zipfile.BadZipFile, NotImplementedError):
            size = 0  # the reader says what is wrong with it
        if size > MOST_UNPACKED:
            raise CodecError(
                f"{path.name}: there is more than {MOST_UNPACKED >> 20} MB in it (name it on the command line)"
            )
        try:
            return dataset.resolve(path, path.with_name(f"{path.name}-unpacked"), lambda line: None).places
        except CodecError as error:
            raise CodecError(str(error).replace(str(path), path.name)) from None

    def _add(self, made: Session) -> Session:
        return self._open.setdefault(made.key, made)


def register(app: Dash, sessions: Sessions, results: Path) -> None:
    """Connect the page with the sessions and the results' folder."""

    @app.callback(
        Output("state", "data"),
        *(Output(name, "value") for name in layout.CONTROLS),
        Output("channels", "max"),
        Output("channels", "value"),
        Output("frames", "max"),
        Output("frames", "value"),
        Output("focus", "max"),
        Output("app", "className"),
        Output("about", "children"),
        Input("url", "search"),
        Input("channels", "value"),
        Input("frames", "value"),
        Input("main", "relayoutData"),
        Input("main", "clickData"),
        Input("detail", "relayoutData"),
        Input("key", "data"),
        Input("dropped", "data"),
        *(Input(name, "value") for name in layout.CONTROLS),
        State("state", "data"),
    )
    def navigate(*arguments: Any) -> tuple[Any, ...]:
        url, channels, frames, moved, clicked, moved_below, key, dropped, *values, query = arguments
        now = state.parse(query if query is not None else url or "")
        opened = sessions.get(now.data)
        for trigger in ctx.triggered_prop_ids:
            if query is None:
                break
            if trigger == "dropped.data" and dropped:
                now = state.State(data=dropped, view="signals")
                opened = sessions.get(dropped)
            elif trigger == "channels.value":
                now = replace(now, first=int(channels[0]), last=int(channels[1]) + 1)
            elif trigger == "frames.value":
                now = replace(now, start=int(frames[0]), stop=int(frames[1]))
            elif trigger == "main.relayoutData" and moved:
                if moved.get("dragmode") in state.CHOICES["drag"]:
                    now = replace(now, drag=moved["dragmode"])
                if _in_seconds(now):
                    now = state.relayout(now, moved, opened.rate, opened.frames)
            elif trigger == "detail.relayoutData" and moved_below:
                in_time = {name: value for name, value in moved_below.items() if name.startswith("xaxis.")}
                now = state.relayout(now, in_time, opened.rate, opened.frames)
            elif trigger == "main.clickData" and clicked:
                now = click(now, clicked, opened)
            elif trigger == "key.data" and key:
                now = state.key(now, str(key.get("key", "")), opened.channels, opened.frames)
            elif (name := trigger.partition(".")[0]) in layout.CONTROLS:
                value = values[layout.CONTROLS.index(name)]
                if value is not None:
                    now = state.parse(replace(now, **{name: value}).query())
        now = state.fit(now, opened.channels, opened.frames)
        first, last = state.shown(now, opened.channels)
        if now.query() == query and set(ctx.triggered_prop_ids) <= _MOUSE:
            raise PreventUpdate
        return (
            no_update if now.query() == query else now.query(),
            *(getattr(now, name) for name in layout.CONTROLS[:-1]),
            now.results or next((folder.name for folder in canvas.folders(results)), None),
            opened.channels - 1,
            [first, last - 1],
            opened.frames,
            list(state.window(now, opened.frames)),
            opened.channels - 1,
            f"app view-{now.view}",
            about(opened),
        )

    @app.callback(
        Output("main", "figure"),
        Output("main", "style"),
        Output("main", "config"),
        Output("detail", "figure"),
        Output("detail", "style"),
        Output("detail-box", "hidden"),
        Output("title", "children"),
        Output("range", "children"),
        Output("note", "children"),
        Output("job", "data"),
        Output("clock", "disabled"),
        Output("progress", "hidden"),
        Input("state", "data"),
        Input("size", "data"),
        Input("dark", "data"),
        Input("finished", "data"),
    )
    def show(query: str | None, size: Any, dark: Any, finished: int) -> tuple[Any, ...]:
        if query is None or not size:
            return (no_update,) * 12
        now = state.parse(query)
        opened = sessions.get(now.data)
        now = state.fit(now, opened.channels, opened.frames)
        box = canvas.Size(*(float(min(max(side, 200), _LARGEST_SIDE)) for side in (size["width"], size["height"])))
        made = canvas.draw(opened, now, box, style.theme(bool(dark)), results)
        fits = made.main["layout"].get("height", box.height) <= box.height + 1
        return (
            made.main,
            {"height": made.main["layout"].get("height", box.height)},
            layout.toolbar(scroll_zoom=fits and now.view != "results"),
            made.detail or no_update,
            {"height": made.detail["layout"]["height"]} if made.detail else no_update,
            made.detail is None,
            layout.TITLES[now.view],
            where(opened, now),
            made.note,
            made.job,
            not made.job,
            not made.job,
        )

    @app.callback(
        Output("progress", "hidden", allow_duplicate=True),
        Output("progress-text", "children"),
        Output("progress-bar", "style"),
        Output("cancel", "children"),
        Output("finished", "data"),
        Output("clock", "disabled", allow_duplicate=True),
        Input("clock", "n_intervals"),
        State("job", "data"),
        State("state", "data"),
        State("finished", "data"),
        prevent_initial_call=True,
    )
    def poll(_: int | None, name: str, query: str | None, finished: int) -> tuple[Any, ...]:
        job = sessions.get(state.parse(query or "").data).jobs.get(name) if name else None
        if job is None:
            return True, "", {"width": "0"}, "Cancel", no_update, True
        bar = {"width": f"{100 * job.share:.1f}%"}
        if job.running:
            return False, f"{job.title}: {100 * job.share:.0f} %", bar, "Cancel", no_update, False
        if job.cancelled.is_set():
            return False, f"{job.title}: cancelled", bar, "Start again", no_update, True
        if job.error:
            return False, f"{job.title}: {job.error}", bar, "Start again", no_update, True
        return True, "", bar, "Cancel", finished + 1, True

    @app.callback(
        Output("finished", "data", allow_duplicate=True),
        Input("cancel", "n_clicks"),
        State("job", "data"),
        State("state", "data"),
        State("finished", "data"),
        prevent_initial_call=True,
    )
    def cancel(_: int, name: str, query: str, finished: int) -> Any:
        jobs = sessions.get(state.parse(query).data).jobs
        job = jobs.get(name)
        if job is None:
            return no_update
        if job.running:
            jobs.cancel(name)
            job.wait(2)
        else:
            jobs.forget(name)
        return finished + 1

    @app.callback(
        Output("dropped", "data"),
        Output("trouble", "children"),
        Output("drop", "contents"),
        Input("drop", "contents"),
        State("drop", "filename"),
        prevent_initial_call=True,
    )
    def drop(contents: list[str] | None, names: list[str] | None) -> tuple[Any, ...]:
        if not contents or not names:
            return no_update, no_update, no_update
        try:
            return sessions.drop(names, contents).key[:12], "", None
        except (CodecError, OSError) as error:
            return no_update, str(error), None

    @app.callback(
        Output("download", "data"),
        Output("trouble", "children", allow_duplicate=True),
        Input("csv", "n_clicks"),
        State("state", "data"),
        prevent_initial_call=True,
    )
    def csv(_: int, query: str) -> tuple[Any, ...]:
        now = state.parse(query)
        opened = sessions.get(now.data)
        try:
            name, text = export.csv(opened, state.fit(now, opened.channels, opened.frames), results)
        except CodecError as error:
            return no_update, str(error)
        return dcc.send_string(text, name), ""

    for function, outputs, inputs in (
        ("remember", [], [Input("state", "data")]),
        ("theme", [Output("dark", "data")], [Input("theme", "n_clicks"), Input("theme-narrow", "n_clicks")]),
        ("measure", [Output("size", "data")], [Input("url", "pathname")]),
        ("menu", [], [Input("menu", "n_clicks"), Input("view", "value")]),
        ("help", [], [Input("help-open", "n_clicks"), Input("help-close", "n_clicks")]),
        ("png", [Output("png", "title")], [Input("png", "n_clicks")]),
        ("svg", [Output("svg", "title")], [Input("svg", "n_clicks")]),
        ("drawn", [], [Input("main", "figure")]),
    ):
        app.clientside_callback(ClientsideFunction("n1", function), *outputs, *inputs)


def _in_seconds(now: state.State) -> bool:
    """Return whether the x axis of the canvas is in seconds."""
    return now.view in ("signals", "image", "compression") or (now.view, now.spectrum) == ("spectrum", "spectrogram")


def click(now: state.State, clicked: dict[str, Any], opened: Session) -> state.State:
    """Return the state after a click on a cell of the matrix, or on a row of an image."""
    point = clicked["points"][0]
    order = canvas.arrange(opened, now).channels
    try:
        row, column = round(float(point["y"])), round(float(point["x"]))
    except (KeyError, TypeError, ValueError):
        return now
    if not 0 <= row < opened.channels:
        return now
    if now.view == "correlation" and 0 <= column < opened.channels:
        return replace(now, focus=int(order[row]), other=int(order[column]))
    if now.view in ("compression", "image"):
        return replace(now, focus=int(order[row]))
    return now


def about(opened: Session) -> list[Any]:
    """Return what the sidebar says of the recordings: components of the page."""
    padded = int((opened.lengths < opened.frames).sum())
    lines: list[Any] = [
        html.B(opened.title),
        f"{opened.channels:,} channel{'s' * (opened.channels != 1)}, {opened.frames / opened.rate:.3f} s",
        f"{opened.frames:,} samples at {opened.rate:,} Hz",
    ]
    if padded:
        lines.append(f"{padded:,} padded to the longest, common: {opened.common:,}")
    if len(notes := opened.notes) > _MOST_NOTES:
        more = len(notes) - _MOST_NOTES + 1
        notes = [*notes[: _MOST_NOTES - 1], f"and {more} notes more, printed where the viewer was started"]
    return [html.Div(line) for line in [*lines, *notes]]


def where(opened: Session, now: state.State) -> str:
    """Return which part of the recordings is shown."""
    if now.view == "results":
        return ""
    start, stop = state.window(now, opened.frames)
    if now.view == "correlation" and now.other < 0:
        start, stop = 0, opened.common
    first, last = state.visible(now, opened.channels)
    return (
        f"channels {first} to {last - 1} of {opened.channels}, samples {start:,} to {stop:,} "
        f"({start / opened.rate:.4f} to {stop / opened.rate:.4f} s)"
    )
