"""Prints the tables of native/src/events.c: what waveforms, fields and bins of recordings are like.

.venv/bin/python tools/events_tables.py FOLDER    N1 recordings; every sixth of them is looked at
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from scipy import signal

from n1codec.recordings import open_recording
from n1codec.spikes import detect
from n1codec.stream.events import EventDecoder, EventEncoder

SHIFT, FRAMES, BLOCK, TONES, COMPONENTS, THRESHOLD = 4, 20, 64, 39, 12, 5.2
RATE, UNARY, KEY_BINS, USUAL_BINS, STRENGTH_BLOCKS = 19_531.0, 14, 64, 16, 8
QUALITIES, FIRST_CLASS, CLASSES = (4, 8, 12), 8, 12


def filtered(x: np.ndarray) -> np.ndarray:
    """Return what events.c makes of samples, but for its rounding."""
    pole = 2.0**-SHIFT - 1
    high = signal.lfilter([1, -1], [1, pole], signal.lfilter([1, -1], [1, pole], x - x[0]))
    return np.asarray(signal.lfilter([0.25, 0.5, 0.25], [1], high))


def strengths(sums: np.ndarray) -> np.ndarray:
    """Return the strength of a field that each block is told with, of sums of magnitudes, in halves of octaves."""
    mean, found = float(sums[0]), []
    for value in sums.tolist():
        mean += (value - mean) / STRENGTH_BLOCKS
        found.append(2 ** (np.floor(2 * np.log2(max(mean, 1))) / 2))
    return np.array(found)


def bin_levels(recordings: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return the counts and levels of bins, as the kernel tells them, of shape (channels, bins)."""
    channels, frames = len(recordings), min(map(len, recordings))
    encoder = EventEncoder(channels, RATE, FRAMES, layers=(0,))
    decoder = EventDecoder(channels, RATE, FRAMES, layers=(0,))
    x = np.stack([one[:frames] for one in recordings], axis=1)
    found: list[list[tuple[int, int]]] = [[] for _ in recordings]
    for at in range(0, frames - FRAMES + 1, FRAMES):
        for channel, *bin_ in zip(*decoder.push(encoder.push(x[at : at + FRAMES])).bins, strict=True):
            found[channel].append(tuple(bin_))
    length = min(map(len, found))
    counts, levels = np.array([one[:length] for one in found]).transpose(2, 0, 1)
    return counts, levels


def bins(recordings: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return counts of bins, and ranks of their levels from keys; both of shape (channels, bins)."""
    counts, levels = bin_levels(recordings)
    channels = len(levels)
    mean, key, ranks = levels[:, 0].astype(float), np.zeros(channels), np.zeros(levels.shape, int)
    for t in range(levels.shape[1]):
        new = (t + np.arange(channels)) % KEY_BINS == 0 if t & (t + 1) else np.ones(channels, bool)
        key = np.where(new, np.floor(8 * mean + 0.5) / 8, key)
        low, up = np.floor(key), key % 1 > 0.5
        off = np.where(up, low + 1 - levels[:, t], levels[:, t] - low)
        ranks[:, t] = np.where(off > 0, 2 * off - 1, -2 * off)
        mean += (levels[:, t] - mean) / min(t + 1, USUAL_BINS)
    return counts[:, KEY_BINS:], ranks[:, KEY_BINS:]


def tone_starts(ratios: np.ndarray) -> list[list[int]]:
    """Return the probabilities that tones begin with, by the class of what is expected, as in put_tones.

    Args:
        ratios: tones over strengths, shape (blocks, tones).
    """
    found = []
    for quality in QUALITIES:
        steps = 2 ** (quality / 4)
        sizes, means = np.floor(ratios * steps + 1 / 3), 256 * steps * ratios.mean(axis=0)
        near = far = np.zeros(len(ratios))
        for i in range(TONES):
            mean = np.full(len(ratios), means[i]) if i < 2 else (2 * means[i] + (2 * near + far) * 256 / 3) / 3
            width = np.floor(np.log2(np.maximum(mean, 1))).astype(int)
            classes = 2 * width + (mean.astype(int) >> np.maximum(width - 1, 0) & 1)
            found.append(np.stack([classes, sizes[:, i]]))
            near, far = sizes[:, i], near
    classes, sizes = np.concatenate(found, axis=1).astype(int)
    return [starts(sizes[classes == one], 4) for one in range(FIRST_CLASS, FIRST_CLASS + CLASSES)]


def starts(sizes: np.ndarray, count: int = UNARY) -> list[int]:
    """Return the probabilities of "more than 0", "more than 1" and so on, in 256ths."""
    found = [((sizes > i).sum() + 1) / ((sizes >= i).sum() + 8) for i in range(count)]
    return np.clip(np.rint(256 * np.array(found)), 1, 255).astype(int).tolist()


def main(folder: Path) -> None:
    snippets, blocks, recordings = [], [], []
    n, k = np.arange(BLOCK), np.arange(TONES)[:, None]
    cosines = np.cos(np.pi * k * (2 * n + 1) / (2 * BLOCK)) * np.where(k, 1, np.sqrt(0.5))
    for path in sorted(folder.rglob("*.wav"))[1::6]:
        recording = open_recording(path)
        recordings.append(recording.read()[:, 0])
        x = recordings[-1].astype(np.float64)
        y = filtered(x)
        at = detect.troughs(y, recording.rate, THRESHOLD)
        at = at[(at > 8) & (at < len(y) - 24)]
        if at.size < 100 * recording.seconds:  # those that bounce between the rails have no spikes
            pieces = y[at[:100, None] + np.arange(-8, 24)]
            snippets.append(pieces / -pieces[:, 8:9])
        means = x[: len(x) // FRAMES * FRAMES].reshape(-1, FRAMES).mean(axis=1)
        field = signal.lfilter([1, -1], [1, 2.0**-8 - 1], means - means[0])
        tones = np.abs(field[: len(field) // BLOCK * BLOCK].reshape(-1, BLOCK) @ cosines.T)
        strength = strengths(np.abs(field[: tones.shape[0] * BLOCK].reshape(-1, BLOCK)).sum(axis=1))
        blocks.append((tones / strength[:, None])[STRENGTH_BLOCKS:])
    waveforms = np.concatenate(snippets)
    basis = np.linalg.eigh(waveforms.T @ waveforms)[1][:, ::-1].T[:COMPONENTS]
    print(f"/* {len(waveforms)} waveforms */")
    for row in np.rint(127 * basis).astype(int).tolist():
        print("    {" + ", ".join(map(str, row)) + "},")
    numbers = waveforms @ basis.T
    means = numbers.mean(axis=0)
    print(np.rint(256 * means).astype(int).tolist())
    print(np.rint(256 * np.abs(numbers - means).mean(axis=0)).astype(int).tolist())
    print("tones", np.rint(2**14 * np.concatenate(blocks).mean(axis=0)).astype(int).tolist())
    for row in tone_starts(np.concatenate(blocks)):
        print("    {" + ", ".join(map(str, row)) + "},")
    counts, ranks = bins(recordings)
    print("counts", starts(counts))
    print("ranks without and with spikes", starts(ranks[counts == 0]), starts(ranks[counts > 0]))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
