"""Threshold crossings: where a channel falls below a multiple of its noise, which spikes do. No spike is sorted."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from n1codec.spikes.detect import BAND, noise_level, troughs
from n1codec.viewer.jobs import Cancelled, Job
from n1codec.viewer.processing import Processing
from n1codec.viewer.session import Session
from n1codec.viewer.wire import packed

BEFORE, BEHIND = 1e-3, 2e-3
"""Seconds of a waveform before its trough and behind it."""
WAVEFORMS = 200
"""Waveforms that are shown of a channel at the most."""
MOST = 1 << 27
"""Samples that are looked at; of larger recordings stretches that are spread over them."""
_CHUNK = 1 << 22
"""Samples that are held at a time."""
_STRETCHES = 64


class Crossings(NamedTuple):
    """The crossings of all channels."""

    frames: np.ndarray
    """The trough of each, int64; by channel, rising within each."""
    channels: np.ndarray
    """int32, of the same shape."""
    noise: np.ndarray
    """Of each channel, in units of its samples, the median over the stretches that were looked at, float64."""
    level: float
    seconds: float
    """What was looked at of each channel."""
    steps: Processing
    """What was done to the signals before."""


def used(steps: Processing, rate: float) -> Processing:
    """Return the processing that crossings are looked for in: with the band of spikes where no filter is on."""
    if steps.low:
        return steps
    high = min(BAND[1], 0.45 * rate)
    return steps._replace(low=min(BAND[0], high / 4), high=high)


def detect(session: Session, level: float, steps: Processing) -> Job:
    """Return the job whose result is the Crossings.

    Args:
        level: times the noise of a stretch, see :func:`n1codec.spikes.detect.troughs`.
        steps: what is done to the signals; the band of spikes is taken if it has no filter.
    """
    steps = used(steps, session.rate)

    def work(progress: Callable[[float], None], cancel: threading.Event) -> Crossings:
        session.prepare().wait()
        spans, seconds = _spans(session)
        together = bool(steps.reference or steps.whiten)
        longest = max(stop - start for start, stop in spans)
        count = session.channels if together else min(max(_CHUNK // longest, 1), session.channels)
        frames: list[np.ndarray] = []
        owners: list[np.ndarray] = []
        noise = np.zeros(session.channels)
        for first in range(0, session.channels, count):
            rows = np.arange(first, min(first + count, session.channels))
            found: dict[int, list[np.ndarray]] = {int(row): [] for row in rows}
            levels: dict[int, list[float]] = {int(row): [] for row in rows}
            for number, (start, stop) in enumerate(spans):
                if cancel.is_set():
                    raise Cancelled
                x = session.read(rows, start, stop, steps)
                for row, samples in zip(rows, x, strict=True):
                    inside = samples[: max(int(session.lengths[row]) - start, 0)].astype(np.float32)
                    if len(inside) and row not in session.sync:
                        found[int(row)].append(start + troughs(inside, session.rate, level))
                        levels[int(row)].append(noise_level(inside))
                progress((first + len(rows) * (number + 1) / len(spans)) / session.channels)
            noise[rows] = [np.median(levels[int(row)] or [0.0]) for row in rows]
            for owner, pieces in found.items():
                whole = np.concatenate(pieces) if pieces else np.zeros(0, np.int64)
                frames.append(whole)
                owners.append(np.full(len(whole), owner, np.int32))
        return Crossings(np.concatenate(frames), np.concatenate(owners), noise, level, seconds, steps)

    return session.jobs.start(f"spikes {level:g} {steps}", "Threshold crossings", work)


def _spans(session: Session) -> tuple[list[tuple[int, int]], float]:
    """Return the frames that are looked at, (start, stop), and how many seconds they are."""
    frames, channels = session.frames, session.channels
    if frames * channels <= MOST:
        return [(start, min(start + _CHUNK, frames)) for start in range(0, frames, _CHUNK)], frames / session.rate
    stretch = max(MOST // channels // _STRETCHES, 1 << 12)
    firsts: list[int] = np.linspace(0, frames - stretch, _STRETCHES).astype(np.int64).tolist()
    return [(first, first + stretch) for first in firsts], _STRETCHES * stretch / session.rate


def answer(session: Session, found: Crossings, focus: int, steps: Processing) -> bytes:
    """Return what the page draws: all crossings, the rate of each channel, waveforms of the one in focus."""
    own = found.frames[found.channels == focus]
    before, behind = round(BEFORE * session.rate), round(BEHIND * session.rate)
    inside = own[(own >= before) & (own < int(session.lengths[focus]) - behind)]
    chosen = inside[np.linspace(0, len(inside) - 1, min(len(inside), WAVEFORMS)).astype(int)] if len(inside) else inside
    waves = np.zeros((len(chosen), before + behind), np.int16)
    rows = np.array([focus])
    if len(chosen) and not session.large:
        x = session.read(rows, 0, session.frames, found.steps)[0]
        waves = x[chosen[:, None] + np.arange(-before, behind)]
    else:
        for row, frame in enumerate(chosen.tolist()):
            waves[row] = session.read(rows, frame - before, frame + behind, found.steps)[0]
    rates = np.bincount(found.channels, minlength=session.channels) / found.seconds
    head = {
        "focus": focus,
        "level": found.level,
        "seconds": found.seconds,
        "sampled": bool(found.seconds < 0.99 * session.frames / session.rate),
        "low": found.steps.low,
        "high": found.steps.high,
        "borrowed": not steps.low,
        "scale": session.scale(found.steps),
        "before": before,
        "total": len(own),
        "threshold": float(found.level * found.noise[focus] * session.scale(found.steps)),
    }
    return packed(head, frames=found.frames.astype(np.float64), channels=found.channels, waves=waves,
                  rates=rates.astype(np.float32))  # fmt: skip
