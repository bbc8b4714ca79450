"""The data of a view as CSV, the numbers that the picture is drawn from; and the result store."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from n1codec.codec import CodecError
from n1codec.viewer import details, spikes
from n1codec.viewer.processing import Processing
from n1codec.viewer.session import Session

MOST_CELLS = 5_000_000
_FIELDS = ("mode", "spec", "family", "compression_ratio", "bits_per_sample", "average_compression_speed_xRT",
           "average_decompression_speed_xRT", "encode_MB_per_second", "decode_MB_per_second")  # fmt: skip


class Asked(NamedTuple):
    """What a view shows."""

    view: str
    channels: Sequence[int]
    """In the order shown."""
    start: int
    stop: int
    measure: str = "pearson"
    spectrum: str = "lines"
    focus: int = 0
    codec: str = "n1"
    results: str = ""
    steps: Processing = Processing()
    level: float = 4.5


def csv(session: Session, asked: Asked, results: Path) -> tuple[str, str]:
    """Return the name and the text of a CSV file of what is shown.

    Signals and image: every sample shown, a column per channel, as its file has it or as it was processed, nothing
    behind a channel's end. Correlation: the matrix in the order shown. Spectrum: a column per channel, or per segment
    of the spectrogram. Spikes: a row per crossing. Compression: bits per sample, a column per channel. Results: the
    summary.

    Raises:
        CodecError: it would be too large, or what it is of is not computed yet.
    """
    if asked.view == "results":
        path = chosen(results, asked.results) / "summary.csv"
        return f"{path.parent.name}.csv", path.read_text(encoding="utf-8")
    channels = list(asked.channels)
    names = [session.names[channel] for channel in channels]
    name = f"{session.title}-{asked.view}.csv"
    match asked.view:
        case "correlation":
            r = _finished(session, asked.measure, "the correlations are not computed yet")
            return name, _table(["channel", *names], names, r[np.ix_(channels, channels)], "%.9g")
        case "spectrum":
            return name, _spectrum(session, asked, channels, names)
        case "spikes":
            found = _finished(session, spikes.detect(session, asked.level, asked.steps).name, "they are not found yet")
            among = np.isin(found.channels, channels)
            rows = zip(found.channels[among].tolist(), found.frames[among].tolist(), strict=True)
            lines = [f"{_quoted(session.names[c])},{frame},{frame / session.rate:.9g}\n" for c, frame in rows]
            return name, "channel,sample,seconds\n" + "".join(lines)
        case "compression":
            made = _finished(session, session.compress(asked.codec).name, "the recordings are not encoded yet")
            frames = [str(i * made.block) for i in range(made.bits.shape[1])]
            return name, _table(["first sample", *names], frames, made.bits[channels].T, "%.9g")
    return name, _samples(session, asked, channels, names)


def _samples(session: Session, asked: Asked, channels: list[int], names: list[str]) -> str:
    start, stop = asked.start, asked.stop
    if (stop - start) * len(channels) > MOST_CELLS:
        raise CodecError(f"{(stop - start) * len(channels):,} samples are too many for a CSV (choose fewer)")
    samples = session.read(np.array(channels), start, stop, asked.steps).T * session.scale(asked.steps)
    if not asked.steps.whiten:
        samples = samples * session.steps[channels] + (asked.steps == Processing()) * session.zeros[channels]
    whole = bool((samples == np.rint(samples)).all())
    first = [str(i) for i in range(start, stop)]
    present = np.arange(start, stop)[:, None] < session.lengths[channels]
    if present.all():
        return _table(["sample", *names], first, samples, "%d" if whole else "%.9g")
    text = np.char.mod("%d" if whole else "%.9g", samples)
    return _table(["sample", *names], first, np.where(present, text, ""), "%s")


def _finished(session: Session, job: str, otherwise: str) -> Any:
    found = session.jobs.get(job)
    if found is None or found.running or found.result is None:
        raise CodecError(otherwise)
    return found.result


def _spectrum(session: Session, asked: Asked, channels: list[int], names: list[str]) -> str:
    if asked.spectrum == "spectrogram":
        frequencies, seconds, power = details.spectrogram(session, asked.focus, asked.start, asked.stop, 1000)
        return _table(["Hz", *(f"{s:.6f} s" for s in seconds)], [f"{f:.9g}" for f in frequencies], power, "%.9g")
    found = session.spectra_of(channels, asked.start, asked.stop)
    if found is None:
        frequencies, every = _finished(session, "spectra", "the spectra are not computed yet")
        found = frequencies, every[channels]
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


# -- the result store ------------------------------------------------------------------------------------------------


def folders(home: Path) -> list[Path]:
    """Return the folders of results, the newest first."""
    found = [home / "summary.csv", *home.glob("*/summary.csv")]
    there = [path for path in found if path.exists()]
    return [path.parent for path in sorted(there, key=lambda path: -path.stat().st_mtime)]


def chosen(home: Path, name: str) -> Path:
    """Return the folder of the results of a name, or the newest.

    Raises:
        CodecError: there are none.
    """
    found = folders(home)
    if not found:
        raise CodecError(f"{home}: there are no results (run n1codec grid, or name a folder with --results)")
    return next((folder for folder in found if folder.name == name), found[0])


def results(home: Path, name: str) -> dict[str, Any]:
    """Return the verified codecs of a folder of results: for each what is measured of it.

    Raises:
        CodecError: there are none.
    """
    from n1codec.bench.results import summary

    folder = chosen(home, name)
    table = summary.read(folder)
    good = table[table["status"] == "ok"].dropna(subset=["compression_ratio"])
    rows = [
        {
            field: None if isinstance(value, float) and math.isnan(value) else value
            for field, value in ((field, _plain(row[field])) for field in _FIELDS if field in row)
        }
        for _, row in good.iterrows()
    ]
    return {"name": folder.name, "rows": rows}


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
