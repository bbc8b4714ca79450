"""Prints the tables of native/src/events.c: what waveforms and fields of recordings are like.

.venv/bin/python tools/events_tables.py FOLDER    N1 recordings; every sixth of them is looked at
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from scipy import signal

from n1codec.recordings import open_recording
from n1codec.spikes import detect

SHIFT, FRAMES, BLOCK, TONES, COMPONENTS, THRESHOLD = 4, 20, 64, 39, 12, 5.2


def filtered(x: np.ndarray) -> np.ndarray:
    """Return what events.c makes of samples, but for its rounding."""
    pole = 2.0**-SHIFT - 1
    high = signal.lfilter([1, -1], [1, pole], signal.lfilter([1, -1], [1, pole], x - x[0]))
    return np.asarray(signal.lfilter([0.25, 0.5, 0.25], [1], high))


def main(folder: Path) -> None:
    snippets, blocks = [], []
    n, k = np.arange(BLOCK), np.arange(TONES)[:, None]
    cosines = np.cos(np.pi * k * (2 * n + 1) / (2 * BLOCK)) * np.where(k, 1, np.sqrt(0.5))
    for path in sorted(folder.rglob("*.wav"))[1::6]:
        recording = open_recording(path)
        x = recording.read()[:, 0].astype(np.float64)
        y = filtered(x)
        at = detect.troughs(y, recording.rate, THRESHOLD)
        at = at[(at > 8) & (at < len(y) - 24)]
        if at.size < 100 * recording.seconds:  # those that bounce between the rails have no spikes
            pieces = y[at[:100, None] + np.arange(-8, 24)]
            snippets.append(pieces / -pieces[:, 8:9])
        means = x[: len(x) // FRAMES * FRAMES].reshape(-1, FRAMES).mean(axis=1)
        field = signal.lfilter([1, -1], [1, 2.0**-8 - 1], means - means[0])
        tones = np.abs(field[: len(field) // BLOCK * BLOCK].reshape(-1, BLOCK) @ cosines.T)
        blocks.append(tones / np.maximum(tones.max(axis=1, keepdims=True), 1))
    waveforms = np.concatenate(snippets)
    basis = np.linalg.eigh(waveforms.T @ waveforms)[1][:, ::-1].T[:COMPONENTS]
    print(f"/* {len(waveforms)} waveforms */")
    for row in np.rint(127 * basis).astype(int).tolist():
        print("    {" + ", ".join(map(str, row)) + "},")
    numbers = waveforms @ basis.T
    means = numbers.mean(axis=0)
    print(np.rint(256 * means).astype(int).tolist())
    print(np.rint(256 * np.abs(numbers - means).mean(axis=0)).astype(int).tolist())
    print(np.rint(256 * np.concatenate(blocks).mean(axis=0)).astype(int).tolist())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
