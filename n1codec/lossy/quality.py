"""What a lossy codec does to science: spikes that are detected and neurons that a sorter finds, before and after.

Each codec encodes a recording and decodes it. Compared are the samples, the spikes that the detector of
``spikes/detect.py`` finds on each channel, and, where a sorter is named, what it makes of both: against the neurons
that are known, or else against what it finds in the recording itself.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from math import inf
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from n1codec.codec import CodecError
from n1codec.container import decode, encode
from n1codec.datasets import synth_spikes, truth
from n1codec.datasets.truth import Truth
from n1codec.lossy import agreement, distortion
from n1codec.lossy import rows as rows_of
from n1codec.lossy.rows import Row, plain
from n1codec.lossy.sorting import Sorter
from n1codec.pipeline import get_codec
from n1codec.recordings import Recording
from n1codec.spikes import detect

FILE = "science.jsonl"
"""The store in a folder of results: a line of JSON for each codec, recording and sorter, only ever appended to."""
KEPT = ".work"
"""The folder beside it for what sorters found."""
DEFAULT = (
    "n1_multi",
    *(f"round:error={error}|n1_multi" for error in (1, 2, 4, 8, 16)),
    *(f"mdct:step={step}" for step in (9, 12, 15)),
)
"""The codecs that are compared if none is named."""
CLASSES = (("below 5", 0.0, 5.0), ("5 to 8", 5.0, 8.0), ("above 8", 8.0, inf))
"""Neurons by their loudness: name, and the signal-to-noise ratios from and up to which they are."""
DETECTOR = f"nonlinear energy above {detect.FACTOR:g} times its mean"
HIT_WINDOW = 0.0005
"""Seconds between two spikes that count as the same, of a detector."""
SORTED_WINDOW = 0.0004
"""The same of a sorter."""
WELL = 0.8
"""Accuracy from which on a neuron counts as found."""

Advance = Callable[..., Any]


class Subject(NamedTuple):
    """A recording that codecs are tried on."""

    name: str
    samples: np.ndarray
    """Shape (frames, channels)."""
    rate: float
    geometry: np.ndarray | None = None
    """Places of the electrodes in micrometres, shape (channels, 2)."""
    truth: Truth | None = None

    def crc32(self) -> str:
        """Return the CRC-32 of samples and known spikes as 8 hex digits."""
        digest = zlib.crc32(np.ascontiguousarray(self.samples).view(np.uint8).data)
        if self.truth:
            digest = zlib.crc32(self.truth.units.tobytes(), zlib.crc32(self.truth.frames.tobytes(), digest))
        return f"{digest:08x}"


def generated(seeds: Iterable[int], seconds: float) -> Iterator[Subject]:
    """Yield recordings whose neurons are known; see ``datasets/synth_spikes.py``."""
    for seed in seeds:
        made = synth_spikes.generate(seed, seconds)
        yield Subject(f"generated, seed {seed}", made.samples, synth_spikes.RATE, made.geometry, made.truth)


def recorded(recording: Recording, seconds: float, known: Path | None) -> Subject:
    """Return the first seconds of a recording, without the channels that hold no signal.

    Args:
        known: a file of its spikes; see ``datasets/truth.py``.

    Raises:
        CodecError: it has no sampling rate, no frames or no signal, or the file names no spikes in it.
    """
    if not recording.rate:
        raise CodecError(f"{recording.name}: nobody says how many frames a second it has (--rate does, for flat files)")
    frames = min(recording.frames, round(seconds * recording.rate))
    channels = [channel for channel in range(recording.channels) if channel not in recording.sync]
    if not frames or not channels:
        raise CodecError(f"{recording.name}: there are no samples in it")
    x = recording.read(0, frames, channels)
    places = None if recording.geometry is None else recording.geometry[channels]
    return Subject(recording.name, x, recording.rate, places, truth.read(known, x, recording.rate) if known else None)


# -- measuring -------------------------------------------------------------------------------------------------------


class Before:
    """What is found in a recording itself, when it is asked for."""

    def __init__(self, subject: Subject, sorter: Sorter | None) -> None:
        self._subject, self._sorter = subject, sorter

    @cached_property
    def detected(self) -> list[np.ndarray] | None:
        """Frames of the spikes of each channel; None where the rate or the length allows none."""
        return detected(self._subject.samples, self._subject.rate)

    @cached_property
    def sorted(self) -> dict[int, np.ndarray]:
        """Frames of the spikes of each unit that the sorter finds.

        Raises:
            CodecError: the sorter fails.
        """
        subject, sorter = self._subject, self._sorter
        assert sorter
        found = sorter(subject.samples, subject.rate, subject.geometry)
        if found.failure:
            raise CodecError(f"{subject.name}: {sorter.name} fails on the recording itself: {found.failure}")
        return found.units

    @cached_property
    def reference(self) -> Truth:
        """The neurons that are known, or, without any, those that the sorter finds."""
        subject, units = self._subject, self.sorted
        if subject.truth:
            return subject.truth
        frames = np.concatenate([np.zeros(0, np.int64), *units.values()])
        numbers = np.repeat(np.array(list(units), np.int64), [train.size for train in units.values()])
        return truth.of_spikes(subject.samples, subject.rate, frames, numbers)


def detected(x: np.ndarray, rate: float) -> list[np.ndarray] | None:
    """Return where each channel has spikes, None where the rate or the length allows none."""
    if rate < distortion.LEAST_RATE:
        return None
    found = []
    for channel in range(x.shape[1]):
        heard = detect.bandpass(np.ascontiguousarray(x[:, channel]), rate)
        if heard is None:
            return None
        found.append(detect.neo_spikes(heard, rate))
    return found


def measure(subject: Subject, was: Before, spec: str) -> Row:
    """Return what one codec does to the samples and the detected spikes of a recording, as it stands in the store."""
    x = subject.samples
    blob = encode(x, spec, subject.rate)
    y = decode(blob).reshape(x.shape)
    now = detected(y, subject.rate)
    row: Row = {
        "original_bytes": x.nbytes,
        "compressed_bytes": len(blob),
        "ratio": x.nbytes / len(blob),
        "bits_per_sample": 8 * len(blob) / x.size,
        **distortion.measure(x, y, subject.rate)._asdict(),
        **_detections(was.detected, now, subject),
    }
    units = _units(subject.truth, was.detected, now, subject.rate) if subject.truth else []
    return {key: plain(value) for key, value in row.items()} | {"units": units}


def _detections(was: list[np.ndarray] | None, now: list[np.ndarray] | None, subject: Subject) -> Row:
    if was is None or now is None:
        return {"spikes": None, "spikes_kept": None, "false_alarms_per_s": None}
    window = _frames(HIT_WINDOW, subject.rate)
    pairs = list(zip(was, now, strict=True))
    every = sum(train.size for train in was)
    kept = sum(int(agreement.near(a, b, window).sum()) for a, b in pairs)
    new = sum(int((~agreement.near(b, a, window)).sum()) for a, b in pairs)
    seconds = len(subject.samples) / subject.rate * len(pairs)
    return {"spikes": every, "spikes_kept": kept / every if every else None, "false_alarms_per_s": new / seconds}


def _units(
    known: Truth, was: list[np.ndarray] | None, now: list[np.ndarray] | None, rate: float
) -> list[Row]:  # fmt: skip
    """Return each neuron that is known, with the share of its spikes that its loudest channel tells."""
    window = _frames(HIT_WINDOW, rate)
    rows = []
    for unit, train in known.trains().items():
        row: Row = {"unit": unit, "snr": known.snr[unit], "spikes": train.size}
        for key, found in (("hits_before", was), ("hits", now)):
            if found is not None:
                row[key] = agreement.near(train, found[known.channels[unit]], window).mean()
        rows.append({key: plain(value) for key, value in row.items()})
    return rows


def measure_sorting(subject: Subject, was: Before, spec: str, sorter: Sorter, units: Sequence[Row]) -> Row:
    """Return what one codec does to the sorting of a recording.

    Args:
        units: the neurons that are known, as :func:`measure` returns them.
    """
    x = subject.samples
    now = sorter(decode(encode(x, spec, subject.rate)).reshape(x.shape), subject.rate, subject.geometry)
    window = _frames(SORTED_WINDOW, subject.rate)
    known = was.reference.trains()
    entries = [{**entry} for entry in units] or [
        {"unit": unit, "snr": plain(was.reference.snr[unit]), "spikes": train.size} for unit, train in known.items()
    ]
    row: Row = {"reference": "known neurons" if subject.truth else "what is sorted before", "failure": now.failure}
    for end, found in (("_before", was.sorted), ("", now.units)):
        pairs = agreement.paired(known, found, window)
        for entry in entries:
            entry[f"accuracy{end}"] = plain(pairs.get(entry["unit"], (0, 0.0))[1])
        values = [entry[f"accuracy{end}"] for entry in entries]
        row |= {
            f"accuracy{end}": plain(float(np.mean(values))) if values else None,
            f"units_found{end}": sum(value >= WELL for value in values),
            f"units_sorted{end}": len(found),
            f"units_false{end}": len(found) - len(pairs),
        }
    return row | {"units": entries}


def _frames(seconds: float, rate: float) -> int:
    return max(1, round(seconds * rate))


# -- the store -------------------------------------------------------------------------------------------------------


def run(
    subjects: Iterable[Subject], specs: Sequence[str], folder: Path, sorter: Sorter | None = None,
    advance: Advance = lambda *_: None,
) -> list[Row]:  # fmt: skip
    """Measure codecs on recordings, each pair that the store of a folder has not yet, and return the rows of all.

    Args:
        folder: gets the store, and is made if need be.
        advance: is called with what is being done and how many steps that is, one for each codec and recording.

    Raises:
        SpecError: a spec is wrong.
        CodecError: a codec cannot run here, or a sorter fails on a recording itself.
    """
    from n1codec.bench.measure import cases

    chosen = cases.make(specs)
    asked = {get_codec(spec).spec: spec for spec in reversed(specs)}
    for case in chosen:
        if case.problem:
            raise CodecError(f"{case.spec}: {case.problem[1]}")
    folder.mkdir(parents=True, exist_ok=True)
    known = {_key(row): row for row in read(folder)}
    rows = []
    for subject in subjects:
        was = Before(subject, sorter)
        about: Row = {
            "recording": subject.name,
            "crc32": subject.crc32(),
            "frames": len(subject.samples),
            "channels": subject.samples.shape[1],
            "rate": subject.rate,
            "detector": DETECTOR,
            "sorter": "",
            "sorter_version": "",
        }
        for case in chosen:
            name = asked[case.spec]
            row = about | {"codec": name, "spec": case.spec, "codec_version": case.version, "lossy": case.lossy}
            advance(f"{subject.name} {name}", 0)
            row = known.get(_key(row)) or rows_of.append(folder / FILE, row | measure(subject, was, case.spec))
            if sorter:
                after = row | {"sorter": sorter.name, "sorter_version": sorter.version}
                row = known.get(_key(after)) or rows_of.append(
                    folder / FILE, after | measure_sorting(subject, was, case.spec, sorter, row["units"])
                )
            rows.append(row)
            advance(f"{subject.name} {name}")
    return rows


_KEYS = ("crc32", "spec", "codec_version", "detector", "sorter", "sorter_version")


def _key(row: Row) -> tuple[str, ...]:
    return tuple(str(row[name]) for name in _KEYS)


def read(folder: Path) -> list[Row]:
    """Return the rows of a folder's store in the order written; lines that a kill cut off are left out."""
    return rows_of.read(folder / FILE, _KEYS)


# -- what it adds up to ----------------------------------------------------------------------------------------------


def latest(rows: Iterable[Row]) -> list[Row]:
    """Return the last row of each recording and codec, and of those with a sorter where there are such."""
    found: dict[tuple[str, str], Row] = {}
    for row in rows:
        key = row["recording"], row["spec"]
        if key not in found or row["sorter"] or not found[key]["sorter"]:
            found[key] = row
    return list(found.values())


def table(rows: Sequence[Row]) -> list[Row]:
    """Return one line for each codec: means over the recordings, the codec of the lowest ratio first.

    The signal-to-noise ratios of what loses nothing are None. ``accuracy_loss`` is what the accuracy of sorting is
    below that of the recordings themselves. ``classes`` has the neurons of all recordings by their loudness.
    """
    by_codec: dict[str, list[Row]] = {}
    for row in rows:
        by_codec.setdefault(row["spec"], []).append(row)
    lines = []
    for spec, group in by_codec.items():
        line: Row = {"codec": group[-1]["codec"], "spec": spec, "lossy": group[0]["lossy"], "recordings": len(group)}
        line["ratio"] = sum(row["original_bytes"] for row in group) / sum(row["compressed_bytes"] for row in group)
        for key in ("bits_per_sample", "snr_db", "snr_spike_db", "psnr_db"):
            line[key] = _mean(group, key)
        line["largest_error"] = max(row["largest_error"] for row in group)
        for key in ("spikes_kept", "false_alarms_per_s"):
            line[key] = _mean(group, key)
        entries = [entry for row in group for entry in row["units"]]
        for key in ("hits_before", "hits"):
            line[key] = _mean(entries, key)
        line["sorter"] = group[0]["sorter"]
        for key in ("accuracy_before", "accuracy", "units_found_before", "units_found", "units_false_before",
                    "units_false"):  # fmt: skip
            line[key] = _mean(group, key)
        sorted_too = line["accuracy"] is not None
        losses = [row["accuracy_before"] - row["accuracy"] for row in group] if sorted_too else []
        line["accuracy_loss"] = float(np.mean(losses)) if losses else None
        line["accuracy_loss_worst"] = max(losses, default=None)
        line["classes"] = [
            {"snr": name, "units": len(part)}
            | {key: _mean(part, key) for key in ("hits_before", "hits", "accuracy_before", "accuracy")}
            for name, low, high in CLASSES
            if (part := [entry for entry in entries if low <= entry["snr"] < high])
        ]
        lines.append(line)
    return sorted(lines, key=lambda line: line["ratio"])


def _mean(rows: Sequence[Row], key: str) -> float | None:
    """Return the mean of a figure, None unless every row has it."""
    values = [row[key] for row in rows if row.get(key) is not None]
    return float(np.mean(values)) if values and len(values) == len(rows) else None
