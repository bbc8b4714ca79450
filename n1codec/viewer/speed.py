"""How long the server takes for each kind of answer, in CPU time of this process."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from dash import Dash
from werkzeug.test import TestResponse

from n1codec.codec import CodecError
from n1codec.viewer import app, state
from n1codec.viewer.callbacks import Sessions
from n1codec.viewer.canvas import Size
from n1codec.viewer.session import Session
from n1codec.viewer.state import State

REPEATS = 5
Ask = Callable[[str, dict[str, Any]], TestResponse]
_NAMES = re.compile(r"([\w-]+)\.(\w+)")


def answers(session: Session) -> dict[str, State]:
    """Return states that a person may ask for one after the other, by the names that the report prints."""
    channels, frames = session.channels, session.frames
    signals = state.fit(State(), channels, frames)
    overlaid = replace(signals, mode="overlaid", last=channels)
    image = replace(signals, view="image")
    matrix = replace(signals, view="correlation")
    spectrum = replace(signals, view="spectrum")
    return {
        "signals, 8 plots": signals,
        "signals, 48 plots": replace(signals, last=min(state.MOST_PLOTS, channels)),
        "signals, zoom": state.zoom(signals, 0.1, frames),
        "signals, pan": state.pan(state.zoom(signals, 0.1, frames), 0.5, frames),
        "overlaid, all channels": overlaid,
        "overlaid, zoom": state.zoom(overlaid, 0.02, frames),
        "image": image,
        "image, zoom": state.zoom(image, 0.1, frames),
        "image, pan": state.pan(state.zoom(image, 0.1, frames), 0.5, frames),
        **{f"image, order {link}": replace(image, linkage=link) for link in state.CHOICES["linkage"][1:]},
        **{f"correlation, {name}": replace(matrix, measure=name) for name in state.CHOICES["measure"]},
        "correlation, order ward": replace(matrix, linkage="ward"),
        "correlation, a pair": replace(matrix, focus=0, other=channels - 1),
        "spectra, lines": spectrum,
        "spectra, image": replace(spectrum, spectrum="image"),
        "spectrogram": replace(spectrum, spectrum="spectrogram"),
        "compression": replace(signals, view="compression"),
        "results": replace(signals, view="results"),
    }


def report(sessions: Sessions, results: Path) -> Iterator[str]:
    """Yield a line of text per kind of answer: the median and the longest time of some, and the bytes that are sent.

    An answer is what the browser waits for after a change: the state that follows from it, and the figures of that
    state, both as the server sends them. What is computed once in the background is waited for before.
    """
    session = sessions.first
    ask = client(app.create(sessions, results))
    started = time.process_time()
    yield f"{session.channels} channels of {session.frames} frames"
    yield f"Start, the recordings read: {started:.1f} s of CPU time"
    jobs = [session.prepare(), session.simultaneous(), session.spectra(), session.compress(State.codec)]
    jobs += [session.correlate(measure) for measure in state.CHOICES["measure"]]
    for job in jobs:
        job.wait()
        if job.error:
            raise CodecError(f"{job.title}: {job.error}")
    yield f"In the background, all together: {time.process_time() - started:.1f} s of CPU time"
    yield f"{'answer':<28}{'median ms':>12}{'longest ms':>12}{'sent kB':>12}"
    size = Size()._asdict()
    for name, wanted in answers(session).items():
        times, sent = [], 0
        for _ in range(REPEATS):
            begun = time.process_time()
            sent = _bytes(ask("app.className", {"url.search": wanted.query()}))
            sent += _bytes(ask("main.figure", {"state.data": wanted.query(), "size.data": size}))
            times.append(1000 * (time.process_time() - begun))
        yield f"{name:<28}{sorted(times)[REPEATS // 2]:>12.1f}{max(times):>12.1f}{sent / 1000:>12.0f}"


def _bytes(answer: TestResponse) -> int:
    if answer.status_code != 200:
        raise CodecError(f"the viewer answered {answer.status}")
    return len(answer.data)


def client(made: Dash) -> Ask:
    """Return a function that asks the app what a browser would ask it, without a browser.

    The function takes the name of an output such as ``main.figure``, and values of inputs and states by their names.
    The first of them is the input that changed; those that are left out are None. It returns the server's answer.
    """
    sender = made.server.test_client()
    sender.get("/_dash-dependencies")  # the callbacks are complete from the first request on
    known = {tuple(_NAMES.findall(output)): (output, spec) for output, spec in made.callback_map.items()}

    def ask(wanted: str, values: dict[str, Any]) -> TestResponse:
        changed = next(iter(values)).rpartition(".")
        names, (output, spec) = next(
            (names, found)
            for names, found in known.items()
            if tuple(wanted.split(".")) in names
            and any((one["id"], one["property"]) == changed[::2] for one in found[1]["inputs"])
        )

        def filled(kind: str) -> list[dict[str, Any]]:
            return [{**one, "value": values.get(f"{one['id']}.{one['property']}")} for one in spec[kind]]

        outputs: Any = [{"id": name, "property": what} for name, what in names]
        return sender.post(
            "/_dash-update-component",
            json={
                "output": output,
                "outputs": outputs if output.startswith("..") else outputs[0],
                "inputs": filled("inputs"),
                "state": filled("state"),
                "changedPropIds": list(values)[:1],
            },
        )

    return ask
