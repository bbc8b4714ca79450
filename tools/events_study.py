"""Prints what other ways to code levels and fields would take, beside those of native/src/events.c.

.venv/bin/python tools/events_study.py FOLDER    N1 recordings; every sixth of them is looked at, as 1024 channels

Bits are entropies over all channels, without what a coder needs to learn them.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from events_tables import FRAMES, KEY_BINS, RATE, TONES, bin_levels
from scipy import signal

from n1codec.recordings import open_recording

CHANNELS = 1024
SETTLED = 1024
"""Packets at the beginning that are left out."""


def entropy(*values: np.ndarray) -> float:
    """Return the bits of a value of the last array, given those of the arrays before it."""
    *given, wanted = (np.unique(v, return_inverse=True)[1].reshape(-1) for v in values)
    context = np.unique(np.stack(given), axis=1, return_inverse=True)[1].reshape(-1) if given else np.zeros_like(wanted)
    pairs = np.unique(np.stack([context, wanted]), axis=1, return_counts=True)[1]
    whole = np.unique(context, return_counts=True)[1]
    return float((whole * np.log2(whole)).sum() - (pairs * np.log2(pairs)).sum()) / wanted.size


def rank(levels: np.ndarray, key: np.ndarray) -> np.ndarray:
    low, up = np.floor(key), key % 1 > 0.5
    off = np.where(up, low + 1 - levels, levels - low)
    return np.where(off > 0, 2 * off - 1, -2 * off)


def levels(recordings: list[np.ndarray]) -> None:
    counts, told = bin_levels(recordings)
    counts, told = counts[:, KEY_BINS:], told[:, KEY_BINS:]
    per_second = CHANNELS * RATE / FRAMES / 20 / 1e3
    mean, with_spikes = told.mean(axis=1, keepdims=True), counts > 0
    print(f"counts {per_second * entropy(counts):.1f} kbit/s")
    print("levels, told from each channel's mean:")
    for bits in range(4):
        key = np.round(mean * 2**bits) / 2**bits
        ranks = rank(told, np.broadcast_to(key, told.shape))
        both = per_second * entropy(ranks), per_second * entropy(with_spikes, ranks)
        print(f"  {bits} bits below the point: {both[0]:.1f} kbit/s, knowing whether there are spikes {both[1]:.1f}")


def fields(recordings: list[np.ndarray]) -> None:
    """Compare steps that follow each block's largest coefficient with those that follow the channel, and lengths."""
    low = signal.butter(4, 300, "lowpass", fs=RATE, output="sos")
    pole = [1, 2.0**-8 - 1]
    length = min(map(len, recordings)) // FRAMES // 256 * 256
    heard, wanted = [], []
    for x in recordings:
        x = x.astype(np.float64)[: length * FRAMES]
        pair = []
        for y in (x, signal.sosfiltfilt(low, x)):
            means = y.reshape(-1, FRAMES).mean(axis=1)
            pair.append(signal.lfilter([1, -1], pole, means - means[0])[SETTLED:])
        heard.append(pair[0])
        wanted.append(pair[1])
    x, ideal = np.array(heard), np.array(wanted)
    rms = np.sqrt((x**2).mean(axis=1))[:, None, None]
    for block in (32, 64, 128, 256):
        n, k = np.arange(block), np.arange(round(TONES * block / 64))[:, None]
        basis = np.cos(np.pi * k * (2 * n + 1) / (2 * block)) * np.where(k, 1, np.sqrt(0.5)) * np.sqrt(2 / block)
        tones = x.reshape(len(x), -1, block) @ basis.T
        largest = np.abs(tones).max(axis=-1, keepdims=True)
        per_second = CHANNELS * RATE / FRAMES / block / 1e3
        for name, unit, steps in (("the channel", rms, (1.4, 1.6, 1.8)), ("the largest", largest, (0.35, 0.42, 0.5))):
            known = entropy(np.floor(2 * np.log2(unit) if unit is rms else 4 * np.log2(unit)))
            for factor in steps if block == 64 or unit is rms else ():
                step = factor * unit
                numbers = np.sign(tones) * np.floor(np.abs(tones) / step + 1 / 3)
                bits = sum(entropy(numbers[..., i]) for i in range(numbers.shape[-1])) + known
                middle = numbers * step
                centred = middle.copy()
                for size in (1, 2, 3):
                    at = np.abs(numbers) == size
                    centred[at] = (np.sign(numbers) * step)[at] * np.abs(tones / step)[at].mean()
                found = [_decibels(ideal, (one @ basis).reshape(x.shape)) for one in (middle, centred)]
                print(f"field, blocks of {block} packets, step {factor:g} of {name}: {per_second * bits:.0f} kbit/s, "
                      f"{found[0]:.2f} dB, in the bins' middles of mass {found[1]:.2f}")  # fmt: skip


def _decibels(wanted: np.ndarray, back: np.ndarray) -> float:
    return float((10 * np.log10((wanted**2).sum(axis=1) / ((wanted - back) ** 2).sum(axis=1))).mean())


def main(folder: Path) -> None:
    recordings = [open_recording(path).read()[:, 0] for path in sorted(folder.rglob("*.wav"))[1::6]]
    levels(recordings)
    fields(recordings)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
