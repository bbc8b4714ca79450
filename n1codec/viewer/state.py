"""The state of the page: one immutable value, which is written as a query string and changed by pure functions."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields, replace
from typing import Any
from urllib.parse import parse_qsl, urlencode

VIEWS = ("signals", "image", "correlation", "spectrum", "compression", "results")
CHOICES: dict[str, tuple[str, ...]] = {
    "view": VIEWS,
    "mode": ("separate", "overlaid"),
    "measure": ("pearson", "spearman", "kendall"),
    "linkage": ("", "single", "average", "centroid", "ward"),
    "distance": ("1-r", "1-|r|"),
    "colours": ("robust", "full"),
    "spectrum": ("lines", "image", "spectrogram"),
    "speed": ("encode", "decode"),
    "drag": ("zoom", "pan"),
}
PLOTS = 8
"""Channels that the signal view shows until others are chosen."""
MOST_PLOTS = 48
"""Channels that have a plot each at the most; more are paged through."""
SHORTEST = 16
"""Frames that are shown at the least."""
_LONGEST_TEXT = 200


@dataclass(frozen=True)
class State:
    """What the page shows.

    Channels ``first`` to ``last`` are positions in the order that is shown, frames ``start`` to ``stop`` are those of
    the recordings. Both are half-open ranges; an end of 0 means all.
    """

    data: str = ""
    """First letters of the session's key; the one the program was started with if empty."""
    view: str = "signals"
    mode: str = "separate"
    first: int = 0
    last: int = 0
    start: int = 0
    stop: int = 0
    measure: str = "pearson"
    linkage: str = ""
    """Empty: the order of the files."""
    distance: str = "1-r"
    colours: str = "robust"
    spectrum: str = "lines"
    focus: int = 0
    """The channel, by number, of the spectrogram and of the compression view's details."""
    other: int = -1
    """The channel that the focus is compared with in the correlation view; -1 for none."""
    codec: str = "remap|lpc|rans"
    speed: str = "encode"
    drag: str = "zoom"
    """What the mouse does: it draws a range to zoom into, or moves what is shown."""
    results: str = ""

    def query(self) -> str:
        """Return a query string such as ``?view=image&first=3`` with all fields that differ from their defaults."""
        changed = {f.name: getattr(self, f.name) for f in fields(self) if getattr(self, f.name) != f.default}
        return "?" + urlencode(changed) if changed else ""


def parse(query: str) -> State:
    """Return the state that a query string describes. What is unknown or not allowed in it is ignored."""
    kinds = {f.name: type(f.default) for f in fields(State)}
    values: dict[str, Any] = {}
    for name, text in parse_qsl(query.lstrip("?")):
        if name not in kinds or len(text) > _LONGEST_TEXT:
            continue
        if kinds[name] is int:
            if re.fullmatch(r"-?[0-9]{1,15}", text):
                values[name] = int(text)
        elif text in CHOICES.get(name, (text,)):
            values[name] = text
    return State(**values)


def fit(state: State, channels: int, frames: int) -> State:
    """Return the state with every number moved into the range of a session of so many channels and frames."""
    stop = min(state.stop, frames) if state.stop > 0 else frames
    start = min(max(state.start, 0), max(stop - SHORTEST, 0))
    last = min(state.last, channels) if state.last > 0 else 0
    first = min(max(state.first, 0), (last or channels) - 1)
    other = state.other if 0 <= state.other < channels else -1
    return replace(
        state,
        start=start,
        stop=0 if stop == frames and start == 0 else max(stop, min(start + SHORTEST, frames)),
        first=first,
        last=last,
        focus=min(max(state.focus, 0), channels - 1),
        other=other,
    )


def window(state: State, frames: int) -> tuple[int, int]:
    """Return the frames that are shown: (start, stop)."""
    return state.start, state.stop or frames


def shown(state: State, channels: int) -> tuple[int, int]:
    """Return the positions that are shown: (first, last)."""
    if state.last:
        return state.first, state.last
    return state.first, min(state.first + PLOTS, channels) if state.view == "signals" else channels


def visible(state: State, channels: int) -> tuple[int, int]:
    """Return the positions (first, last) that are drawn. The signal view draws MOST_PLOTS of those chosen at a time."""
    first, last = shown(state, channels)
    if state.view == "signals" and state.mode == "separate":
        last = min(last, first + MOST_PLOTS)
    return first, last


def pan(state: State, share: float, frames: int) -> State:
    """Move the frames shown by a share of their number."""
    start, stop = window(state, frames)
    length = stop - start
    start = min(max(start + round(share * length), 0), frames - length)
    return replace(state, start=start, stop=start + length)


def zoom(state: State, factor: float, frames: int) -> State:
    """Show ``factor`` times as many frames around the same middle."""
    start, stop = window(state, frames)
    length = min(max(round((stop - start) * factor), SHORTEST), frames)
    start = min(max((start + stop - length) // 2, 0), frames - length)
    return replace(state, start=start, stop=start + length)


def page(state: State, steps: int, channels: int) -> State:
    """Show the channels that follow those that are visible, or those before, as many at a time as are visible now."""
    first, last = visible(state, channels)
    count = last - first
    first = min(max(first + steps * count, 0), channels - count)
    return replace(state, first=first, last=first + count)


def cycle(state: State, name: str) -> State:
    """Give a choice its next value."""
    values = CHOICES[name]
    following: Any = values[(values.index(getattr(state, name)) + 1) % len(values)]
    return replace(state, **{name: following})


def key(state: State, pressed: str, channels: int, frames: int) -> State:
    """Return what the state becomes when a key is pressed; docs/viewer.md lists the keys."""
    if pressed in "123456":
        return replace(state, view=VIEWS[int(pressed) - 1])
    match pressed:
        case "ArrowLeft" | "ArrowRight":
            return pan(state, 0.25 if pressed == "ArrowRight" else -0.25, frames)
        case "ArrowUp" | "ArrowDown" | "+" | "-":
            return zoom(state, 0.5 if pressed in ("ArrowUp", "+") else 2.0, frames)
        case "[" | "]":
            return page(state, 1 if pressed == "]" else -1, channels)
        case "0":
            return replace(state, start=0, stop=0, first=0, last=0)
        case "o":
            return cycle(state, "mode")
        case "r":
            return cycle(state, "linkage")
        case "p":
            return cycle(state, "drag")
        case "m":
            return cycle(state, "measure")
        case "s":
            return cycle(state, "spectrum")
        case "," | ".":
            return replace(state, focus=(state.focus + (1 if pressed == "." else -1)) % channels)
    return state


_EDGE = re.compile(r"xaxis\d*\.range(?:\[([01])\])?")


def relayout(state: State, event: dict[str, Any], rate: float, frames: int) -> State:
    """Return the state after a zoom or a pan with the mouse in a plot whose x axis is in seconds."""
    if any(re.fullmatch(r"xaxis\d*\.autorange", name) and value for name, value in event.items()):
        return replace(state, start=0, stop=0)
    edges: dict[int, float] = {}
    for name, value in event.items():
        match = _EDGE.fullmatch(name)
        if match and match[1] is None:
            edges = {0: float(value[0]), 1: float(value[1])}
        elif match:
            edges[int(match[1])] = float(value)
    if len(edges) < 2:
        return state
    start, stop = (round(min(max(edge * rate, 0), frames)) for edge in sorted(edges.values()))
    if stop - start < SHORTEST:
        start = max(min(start, frames - SHORTEST), 0)
        stop = min(start + SHORTEST, frames)
    return replace(state, start=start, stop=stop)
