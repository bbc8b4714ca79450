"""What a sorter makes of recordings of which spikes alone are kept, as codewords.

A sorter wants a recording, and of a code nothing comes back but spikes. So they are drawn where they were, and the rest
is white noise as loud as that of the recording on each channel: what a receiver can do that was told no more. The
neurons are known, since recordings are generated (:mod:`n1codec.datasets.synth_spikes`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from n1codec.codec import CodecError
from n1codec.lossy import agreement, quality
from n1codec.lossy.sorting import Sorter
from n1codec.recordings.samples import Form, Mapped
from n1codec.spikes import align, detect, evaluate, robust

METHODS = ("pca", "kmeans", "rvq", "class_pca")
SEEDS = (0, 1, 2)
"""Of the recordings."""
SECONDS = 60.0
"""Of a recording."""
RECORDING, UNCODED = "the recording", "its spikes"
"""Rows of what is not coded."""


class Row(NamedTuple):
    """Means over the recordings."""

    method: str
    bits_per_spike: float | None
    """Of codewords; None of what is not coded."""
    ratio: float | None
    """Bits of the recording / those of codewords and times."""
    accuracy: float
    """Spikes in common / spikes of either, the mean over the neurons that are known; 0 below one half."""
    found_well: float
    """Neurons with an accuracy of 0.8 or more."""
    false_units: float
    """Units that the sorter found for no neuron."""


def drawn(spikes: align.Spikes, around: np.ndarray, frames: int, noises: np.ndarray) -> np.ndarray:
    """Return spikes in noise, int16 of shape (frames, channels); where some overlap, the means of their samples.

    Args:
        around: the channels of each channel's waveforms, shape (channels, some).
        noises: standard deviations, shape (channels,).
    """
    noise = np.random.default_rng(0).normal(size=(frames, len(noises))) * noises
    sums, counts = np.zeros(noise.shape), np.zeros(noise.shape, np.int32)
    at = spikes.frames[:, None] - align.BEFORE + np.arange(spikes.waveforms.shape[2])
    place = at[:, None, :], around[spikes.channels][:, :, None]
    np.add.at(sums, place, spikes.waveforms)
    np.add.at(counts, place, 1)
    x = np.where(counts > 0, sums / np.maximum(counts, 1), noise)
    return np.clip(np.rint(x), -32768, 32767).astype(np.int16)


def run(
    sorter: Sorter,
    methods: Sequence[str] = METHODS,
    seeds: Sequence[int] = SEEDS,
    neighbours: int = 4,
    seconds: float = SECONDS,
    advance: Callable[..., Any] = lambda text="", step=1: None,
) -> list[Row]:
    """Return what a sorter makes of recordings, of their spikes, and of what comes back of these after each method.

    Codes of about ``robust.BITS`` are fitted to the first spikes. The sorter gets all that was drawn, and is judged by
    the time behind those.

    Args:
        methods: keys of ``codebooks.METHODS``; the autoencoder is left out.
        seeds: of the recordings, which are generated.
        neighbours: channels of a waveform.
        seconds: of each recording.
        advance: called before and after each sorting.

    Raises:
        CodecError: there are too few spikes, or the sorter fails.
    """
    found: dict[str, list[Row]] = {}
    for subject in quality.generated(seeds, seconds):
        x, rate = subject.samples, subject.rate
        recording = Mapped(subject.name, rate, x.shape[1], Form(), memoryview(x.tobytes()))
        recording.geometry = subject.geometry
        spikes, around = align.collect(recording, neighbours), align.neighbourhoods(recording, neighbours)
        flat = spikes.waveforms.reshape(len(spikes.frames), -1).astype(np.float64)
        noises = np.apply_along_axis(detect.noise_level, 0, x)
        trials: list[tuple[str, np.ndarray | None, float | None]] = [
            (RECORDING, None, None), (UNCODED, spikes.waveforms, None)
        ]  # fmt: skip
        for method, code in robust.codes(methods, evaluate.split(spikes.waveforms), spikes.noise).items():
            numbers = code.encode(flat)
            back = code.decode(numbers).reshape(spikes.waveforms.shape)
            trials.append((method, back, evaluate.adaptive_length(numbers)))
        truth, begin = subject.truth, round(evaluate.SHARES[0] * len(x))
        assert truth
        known, window = _later(truth.trains(), begin), round(quality.SORTED_WINDOW * rate)
        for method, waveforms, bits in trials:
            advance(f"{subject.name}, {method}", 0)
            heard = x
            if waveforms is not None:
                heard = drawn(spikes._replace(waveforms=waveforms), around, len(x), noises)
            answer = sorter(heard, rate, subject.geometry)
            if answer.failure:
                raise CodecError(f"{subject.name}, {method}: {sorter.name} fails: {answer.failure}")
            units = _later(answer.units, begin)
            pairs = agreement.paired(known, units, window)
            scores = [pairs[unit][1] if unit in pairs else 0.0 for unit in known]
            size = len(flat) * (bits + evaluate.time_bits(spikes)) if bits is not None else None
            found.setdefault(method, []).append(
                Row(method, bits, size and evaluate.SAMPLE_BITS * x.size / size, float(np.mean(scores)),
                    sum(score >= quality.WELL for score in scores), len(units) - len(pairs))
            )  # fmt: skip
            advance()
    return [_mean(rows) for rows in found.values()]


def _later(trains: dict[int, np.ndarray], begin: int) -> dict[int, np.ndarray]:
    """Return the spikes from a frame on, of the units that have some."""
    return {unit: train[train >= begin] for unit, train in trains.items() if train.size and train[-1] >= begin}


def _mean(rows: list[Row]) -> Row:
    means = [
        float(np.mean(values)) if None not in values else None
        for values in zip(*(row[1:] for row in rows), strict=True)
    ]
    return Row(rows[0].method, *means)  # type: ignore[arg-type]
