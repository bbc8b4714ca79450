"""What the page asks the server for, each at an address of its own under ``/api/``; ``data`` names the session.

Arrays travel as ``wire`` has it, the rest is JSON. What takes long is a job: until it has ended the answer has the
status 202 and says how far it is, and the page asks again. What is wrong with a question is told in one line, status
400.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from flask import Flask, Response, request

import n1codec
from n1codec.analysis import correlation, order
from n1codec.codec import CodecError
from n1codec.viewer import details, export, spikes
from n1codec.viewer.jobs import Job
from n1codec.viewer.processing import Processing
from n1codec.viewer.session import Session
from n1codec.viewer.sessions import Sessions
from n1codec.viewer.wire import packed

CODECS = ("n1", "n1_implant", "n1_multi", "remap|lpc|rans", "remap|lpc|rice", "remap|delta|rice", "remap|bzip3",
          "remap|flac", "delta|zstd:level=3", "zstd:level=3", "bz2", "lz4")  # fmt: skip
"""Suggestions; any spec may be entered."""
_BINARY = "application/octet-stream"
_WIDEST = 1 << 30


def register(app: Flask, sessions: Sessions, results: Path) -> None:
    """Connect the addresses with the sessions and the folder of results."""

    def answers(path: str, methods: tuple[str, ...] = ("GET",)) -> Callable[[Callable[[Session], Any]], None]:
        def decorate(function: Callable[[Session], Any]) -> None:
            def view() -> Any:
                made = function(sessions.get(request.args.get("data", "")))
                return Response(made, content_type=_BINARY) if isinstance(made, bytes) else made

            app.add_url_rule(f"/api/{path}", path, view, methods=methods)

        return decorate

    @answers("about")
    def about(session: Session) -> Any:
        return _about(session) | {
            "results": sorted(
                (folder.name for folder in export.folders(results)), key=lambda name: name != session.title
            ),
            "codecs": CODECS,
            "version": n1codec.__version__,
        }

    @answers("tile")
    def tile(session: Session) -> bytes:
        width, channels = _number("width", 1, _WIDEST), _channels(session)
        if width & (width - 1):
            raise CodecError(f"width={width} is no power of 2")
        steps = Processing.parse(_text("steps"))
        made = session.tile(width, _number("tile", 0), channels, steps)
        if not made.exact:
            session.read_all(steps)
        read = None if made.exact else session.overview_read(steps)
        return packed({"scale": made.scale, "apart": made.apart, "read": read}, values=made.values)

    @answers("order")
    def channel_order(session: Session) -> Any:
        measure = _choice("measure", correlation.MEASURES)
        linkage, distance = _choice("linkage", tuple(order.LINKAGES)), _choice("distance", order.DISTANCES)
        job = session.correlate(measure)
        tree = session.tree(measure, linkage, distance)
        if tree is None:
            return _unfinished(job)
        return packed({"note": session.sampled}, leaves=tree.leaves.astype(np.int32), linkage=tree.linkage)

    @answers("matrix")
    def matrix(session: Session) -> Any:
        job = session.correlate(_choice("measure", correlation.MEASURES))
        if job.running or job.result is None:
            return _unfinished(job)
        r = job.result.astype(np.float32)
        return packed({"note": session.sampled}, r=np.nan_to_num(r, nan=2.0))

    @answers("groups")
    def groups(session: Session) -> Any:
        job = session.simultaneous()
        if job.running or job.result is None:
            return _unfinished(job)
        return {"groups": [list(group.members) for group in job.result]}

    @answers("pair")
    def pair(session: Session) -> Any:
        both, (start, stop) = (_channel(session, "focus"), _channel(session, "other")), _window(session)
        return packed({}, **details.pair(session, both, start, stop))

    @answers("spectra")
    def spectra(session: Session) -> Any:
        (start, stop), channels = _window(session), _channels(session)
        found = session.spectra_of(channels.tolist(), start, stop)
        note = ""
        if found is None:
            job = session.spectra()
            if job.running or job.result is None:
                return _unfinished(job)
            found = job.result[0], job.result[1][channels]
            note = session.sampled
            if not note and (start, stop) != (0, session.frames):
                note = "Of the whole recordings: so many channels are not computed anew for each range shown."
        return packed({"note": note}, frequencies=found[0].astype(np.float32), power=_decibel(found[1]))

    @answers("spectrogram")
    def spectrogram(session: Session) -> bytes:
        start, stop = _window(session)
        made = details.spectrogram(session, _channel(session, "focus"), start, stop, _number("columns", 16, 4096))
        return packed({}, frequencies=made[0].astype(np.float32), seconds=made[1], power=_decibel(made[2]))

    @answers("compression")
    def compression(session: Session) -> Any:
        job = session.compress(_text("codec"))
        if job.running or job.result is None:
            return _unfinished(job)
        made, means = job.result, session.bits_per_sample(job.result)
        whole = float((means * session.lengths).sum() / session.lengths.sum())
        head = {"spec": made.spec, "block": made.block, "coded": made.coded, "whole": whole}
        return packed(head, bits=np.nan_to_num(made.bits, nan=-1), means=means.astype(np.float32))

    @answers("coded")
    def coded(session: Session) -> bytes:
        start, stop = _window(session)
        return details.coded(session, _text("codec"), _channel(session, "focus"), start, stop,
                             _number("columns", 16, 8192))  # fmt: skip

    @answers("spikes")
    def crossings(session: Session) -> Any:
        level, steps = _number("level", 20, 200) / 10, Processing.parse(_text("steps"))
        job = spikes.detect(session, level, steps)
        if job.running or job.result is None:
            return _unfinished(job)
        return spikes.answer(session, job.result, _channel(session, "focus"), steps)

    @answers("results")
    def result_store(session: Session) -> Any:
        return export.results(results, _text("results"))

    @answers("cancel", ("POST",))
    def cancel(session: Session) -> Any:
        name = _text("job")
        if job := session.jobs.get(name):
            session.jobs.cancel(name)
            job.wait(2)
        return {}

    @answers("again", ("POST",))
    def again(session: Session) -> Any:
        session.jobs.forget(_text("job"))
        return {}

    @answers("drop", ("POST",))
    def drop(session: Session) -> Any:
        def saver(upload: Any) -> Callable[[Path], None]:
            def save(path: Path) -> None:
                with path.open("wb") as file:
                    shutil.copyfileobj(upload.stream, file, 1 << 20)

            return save

        uploads = request.files.getlist("file")
        return {"data": sessions.drop([(one.filename or "", saver(one)) for one in uploads]).key[:12]}

    @answers("csv")
    def csv(session: Session) -> Response:
        name, text = export.csv(session, _asked(session), results)
        plain = re.sub(r"[^A-Za-z0-9._-]+", "-", name)
        answer = Response(text, content_type="text/csv; charset=utf-8")
        answer.headers["Content-Disposition"] = f'attachment; filename="{plain}"'
        return answer


def _about(session: Session) -> dict[str, Any]:
    session.prepare()
    session.read_all()
    return {
        "key": session.key[:12],
        "title": session.title,
        "rate": session.rate,
        "frames": session.frames,
        "common": session.common,
        "names": session.names,
        "labels": session.labels,
        "lengths": session.lengths.tolist(),
        "missing": session.missing.tolist(),
        "parts": session.parts.tolist(),
        "sync": sorted(session.sync),
        "gains": _numbers(session.gains),
        "offsets": _numbers(session.offsets),
        "steps": session.steps.tolist(),
        "zeros": session.zeros.tolist(),
        "centres": session.centres.tolist(),
        "places": None if np.isnan(session.geometry).all() else [_numbers(row) for row in session.geometry],
        "large": session.large,
        "notes": session.notes,
    }


def _numbers(values: np.ndarray) -> list[float | None]:
    return [None if np.isnan(value) else float(value) for value in values]


def _unfinished(job: Job) -> tuple[dict[str, Any], int]:
    about = {"job": job.name, "title": job.title, "share": job.share, "running": job.running}
    if job.cancelled.is_set():
        about["error"] = "cancelled"
    elif job.error:
        about["error"] = job.error
    return about, 202


def _decibel(power: np.ndarray) -> np.ndarray:
    """Return 10 lg of densities, float32; what has no power at all is as low as a billionth of a code."""
    return np.asarray(10 * np.log10(np.maximum(power, 1e-18)), np.float32)


# -- what is in a question -------------------------------------------------------------------------------------------


def _text(name: str) -> str:
    text = request.args.get(name, "")
    if len(text) > 400:
        raise CodecError(f"{name} is too long")
    return text


def _number(name: str, low: int, high: int = 1 << 48) -> int:
    text = _text(name)
    if not re.fullmatch(r"[0-9]{1,15}", text) or not low <= int(text) <= high:
        raise CodecError(f"{name}={text!r} is no number from {low} to {high}")
    return int(text)


def _choice(name: str, choices: tuple[str, ...]) -> str:
    text = _text(name)
    if text not in choices:
        raise CodecError(f"{name}={text!r} is none of {', '.join(choices)}")
    return text


def _channel(session: Session, name: str) -> int:
    return _number(name, 0, session.channels - 1)


def _window(session: Session) -> tuple[int, int]:
    start, stop = _number("start", 0, session.frames), _number("stop", 0, session.frames)
    if start >= stop:
        raise CodecError(f"no frames lie between {start} and {stop}")
    return start, stop


def _channels(session: Session) -> np.ndarray:
    """Return the channels that ``channels=0-3,7`` names, in this order; all of them if it is not said."""
    text = request.args.get("channels", "")
    if not text:
        return np.arange(session.channels)
    found: list[int] = []
    for piece in text.split(","):
        match = re.fullmatch(r"([0-9]{1,7})(?:-([0-9]{1,7}))?", piece)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if not first <= last < session.channels:
            raise CodecError(f"channels={text!r}: there are channels 0 to {session.channels - 1}")
        found += range(first, last + 1)
    return np.array(found[: session.channels], np.int64)


def _asked(session: Session) -> export.Asked:
    start, stop = _window(session)
    return export.Asked(
        view=_text("view"),
        channels=_channels(session).tolist(),
        start=start,
        stop=stop,
        measure=_text("measure"),
        spectrum=_text("spectrum"),
        focus=_channel(session, "focus"),
        codec=_text("codec"),
        results=_text("results"),
        steps=Processing.parse(_text("steps")),
        level=_number("level", 20, 200) / 10,
    )
