"""The data of a view as CSV: the numbers that the figure is drawn from, not its pixels."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from n1codec.codec import CodecError
from n1codec.viewer import canvas
from n1codec.viewer.session import Session
from n1codec.viewer.state import State, visible, window

MOST_CELLS = 5_000_000


def csv(session: Session, state: State, results: Path) -> tuple[str, str]:
    """Return the name and the text of a CSV file of what is shown.

    Signals and image: every sample shown, a column per channel, nothing behind a channel's end. Correlation: the matrix
    in the order shown. Spectrum: a column per channel, or per segment of the spectrogram. Compression: bits per sample,
    a column per channel. Results: the summary.

    Raises:
        CodecError: it would be too large, or what it is of is not computed yet.
    """
    if state.view == "results":
        path = canvas.chosen_results(state, results) / "summary.csv"
        return f"{path.parent.name}.csv", path.read_text(encoding="utf-8")
    first, last = visible(state, session.channels)
    channels = [int(c) for c in canvas.arrange(session, state).channels[first:last]]
    start, stop = window(state, session.frames)
    names = [session.names[c] for c in channels]
    name = f"{session.title}-{state.view}.csv"
    if state.view == "correlation":
        r = session.matrix(state.measure)
        if r is None:
            raise CodecError("the correlations are not computed yet")
        return name, _table(["channel", *names], names, r[np.ix_(channels, channels)], "%.9g")
    if state.view == "spectrum":
        return name, _spectrum(session, state, channels, names)
    if state.view == "compression":
        job = session.compress(state.codec)
        if job.running or job.result is None:
            raise CodecError("the recordings are not encoded yet")
        frames = [str(i * job.result.block) for i in range(job.result.bits.shape[1])]
        return name, _table(["first sample", *names], frames, job.result.bits[channels].T, "%.9g")
    if (stop - start) * len(channels) > MOST_CELLS:
        raise CodecError(f"{(stop - start) * len(channels):,} samples are too many for a CSV (choose fewer)")
    samples = np.asarray(session.signals[channels, start:stop]).T
    present = np.arange(start, stop)[:, None] < session.lengths[channels]
    if present.all():
        return name, _table(["sample", *names], [str(i) for i in range(start, stop)], samples, "%d")
    cells = np.where(present, samples.astype(str), "")
    return name, _table(["sample", *names], [str(i) for i in range(start, stop)], cells, "%s")


def _spectrum(session: Session, state: State, channels: Sequence[int], names: Sequence[str]) -> str:
    start, stop = window(state, session.frames)
    if state.spectrum == "spectrogram":
        frequencies, seconds, power = canvas.spectrogram(session, state, 1000)
        return _table(["Hz", *(f"{s:.6f} s" for s in seconds)], [f"{f:.9g}" for f in frequencies], power, "%.9g")
    found = session.spectra_of(channels, start, stop)
    if found is None:
        job = session.spectra()
        if job.running or job.result is None:
            raise CodecError("the spectra are not computed yet")
        found = job.result[0], job.result[1][list(channels)]
    return _table(["Hz", *names], [f"{f:.9g}" for f in found[0]], found[1].T, "%.9g")


def _table(head: Sequence[str], first: Sequence[str], cells: np.ndarray, form: str) -> str:
    text = io.StringIO()
    text.write(",".join(map(_quoted, head)) + "\n")
    line = ",".join([form] * cells.shape[1]) + "\n"
    for name, row in zip(first, cells, strict=True):
        text.write(_quoted(name) + "," + line % tuple(row))
    return text.getvalue()


def _quoted(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"' if any(c in cell for c in ',"\n\r') else cell
