"""What is known of the spikes in a recording: which neuron fired when."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import NamedTuple

import numpy as np

from n1codec import files
from n1codec.codec import CodecError
from n1codec.spikes import detect

_COLUMNS = ("frame", "unit")
_ADVICE = "(a .csv of the columns frame and unit, or a .npz of two such arrays)"
_WINDOW = 0.001
"""Seconds on either side of a spike in which its waveform is looked for."""
_MOST_SPIKES = 2000
"""Of a neuron, over which its waveform is averaged."""


class Truth(NamedTuple):
    """The spikes of a recording."""

    frames: np.ndarray
    """Where they are, rising, int64 of shape (spikes,)."""
    units: np.ndarray
    """Which neuron fired, int64 of shape (spikes,)."""
    snr: dict[int, float]
    """Of each neuron: how deep its trough is on its loudest channel, in standard deviations of the noise there."""
    channels: dict[int, int]
    """Of each neuron: its loudest channel."""

    def trains(self) -> dict[int, np.ndarray]:
        """Return the frames of each neuron's spikes."""
        return {unit: self.frames[self.units == unit] for unit in self.snr}


def read(path: Path, x: np.ndarray, rate: float) -> Truth:
    """Return what a file says of the spikes of a recording: a .csv or a .npz with frames and numbers of units.

    Args:
        x: samples of the recording, shape (frames, channels); spikes behind their end are left out.

    Raises:
        CodecError: the file is not understood, or has no spike in the recording.
    """
    try:
        frames, units = _from_npz(path) if path.suffix == ".npz" else _from_csv(path)
    except (ValueError, KeyError, TypeError) as error:
        raise CodecError(f"{path}: it names no spikes {_ADVICE}") from error
    inside = (frames >= 0) & (frames < len(x))
    if not inside.any():
        raise CodecError(f"{path}: none of its {len(frames)} spikes is within the {len(x)} frames of the recording")
    return of_spikes(x, rate, frames[inside], units[inside])


def _from_csv(path: Path) -> tuple[np.ndarray, np.ndarray]:
    rows = list(csv.DictReader(io.StringIO(files.read(path).decode())))
    frames, units = (np.array([int(row[column]) for row in rows], np.int64) for column in _COLUMNS)
    return frames, units


def _from_npz(path: Path) -> tuple[np.ndarray, np.ndarray]:
    with np.load(io.BytesIO(files.read(path)), allow_pickle=False) as arrays:
        names = [name if name in arrays else f"{name}s" for name in _COLUMNS]
        frames, units = (arrays[name].astype(np.int64, casting="same_kind") for name in names)
    if frames.ndim != 1 or frames.shape != units.shape:
        raise ValueError
    return frames, units


def of_spikes(x: np.ndarray, rate: float, frames: np.ndarray, units: np.ndarray) -> Truth:
    """Return spikes with what the recording says of them: loudness and loudest channel of each neuron.

    Both are those of its mean waveform between 300 and 6000 Hz, whose noise is the robust one of
    :func:`n1codec.spikes.detect.noise_level`.

    Args:
        x: samples, shape (frames, channels).
        frames, units: int64 of shape (spikes,), in any order, all within the recording.
    """
    order = np.argsort(frames, kind="stable")
    frames, units = frames[order], units[order]
    numbers = [int(unit) for unit in np.unique(units)]
    reach = max(1, round(_WINDOW * rate))
    depth = np.zeros((len(numbers), x.shape[1]))
    for channel in range(x.shape[1]):
        row = np.ascontiguousarray(x[:, channel])
        heard = detect.bandpass(row, rate)
        if heard is None:
            continue
        noise = detect.noise_level(heard)
        for at, unit in enumerate(numbers):
            own = frames[units == unit]
            own = own[(own >= reach) & (own < len(x) - reach)][:_MOST_SPIKES]
            if own.size and noise:
                wave = heard[own[:, None] + np.arange(-reach, reach + 1)].mean(0)
                depth[at, channel] = -wave.min() / noise
    return Truth(
        frames,
        units,
        {unit: float(row.max()) for unit, row in zip(numbers, depth, strict=True)},
        {unit: int(row.argmax()) for unit, row in zip(numbers, depth, strict=True)},
    )
