"""What detectors find of spikes that are known, what else they find, and how well they tell neurons apart."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from time import thread_time_ns
from typing import Any, NamedTuple

import numpy as np

from n1codec.datasets import synth_spikes
from n1codec.lossy import agreement
from n1codec.spikes import detect, events, generate, templates
from n1codec.spikes.evaluate import SAMPLE_BITS

LEVELS = (4.0, 5.0, 6.0, 8.0)
"""Of planted spikes."""
DETECTORS = (("mad", 4.5), ("neo", 8.0), ("neo", 12.0), ("neo-median", 15.0), ("templates", templates.FACTOR))
"""What is compared, and with which factor: nonlinear energy has twice its usual one, too, at which it is as quiet."""
DEPTHS = (1.0, 1.5, 2.25)
"""Times the level, of three planted neurons that are to be told apart."""
LOUDNESS = (3.0, 5.0, 8.0, 12.5)
"""Edges of the classes by which generated neurons are told, in multiples of the noise."""
SECONDS = 20.0
"""Of a generated recording."""


class Row(NamedTuple):
    truth: str
    """``planted`` or ``generated``."""
    level: str
    """Depth of the troughs in multiples of the noise."""
    detector: str
    factor: float
    hit_rate: float
    """Spikes that were found / those that are known."""
    false_alarms_per_s: float
    """And channel, of what is near no spike that is known."""
    accuracy: float | None
    """Spikes that were found and are said to be of the right neuron / all spikes of either, the mean over the neurons;
    None for a detector that tells none apart."""
    ns: float
    """CPU time of a channel and sample, on one core, once waveforms are learned."""
    learn_ns: float
    """The same of learning them."""
    ratio: float
    """Bits of the samples / those of the spikes' times and neurons."""


class _Tally:
    """What came of a detector on some channels."""

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self.hits = self.known = self.alarms = self.found = 0
        self.ns = self.learn_ns = self.samples = 0
        self.bits = self.seconds = 0.0
        self.accuracies: list[float] = []

    def heard(self, x: np.ndarray, detector: str, factor: float) -> templates.Matched:
        """Let a detector hear a channel."""
        before = thread_time_ns()
        if detector == "templates":
            waveforms = templates.learn(x, self._rate)
            between = thread_time_ns()
            found = templates.match(x, self._rate, waveforms, factor)
            self.learn_ns += between - before
            before = between
        else:
            at = detect.DETECTORS[detector](x, self._rate, factor)
            found = templates.Matched(at, np.zeros(at.size, np.int64))
        self.ns += thread_time_ns() - before
        self.samples += len(x)
        self.seconds += len(x) / self._rate
        self.bits += found.frames.size * event_bits(found.units, len(x))
        return found

    def row(self, truth: str, level: str, detector: str, factor: float) -> Row:
        accuracy = float(np.mean(self.accuracies)) if self.accuracies and detector == "templates" else None
        return Row(
            truth, level, detector, factor, self.hits / max(1, self.known), self.alarms / self.seconds, accuracy,
            self.ns / self.samples, self.learn_ns / self.samples, SAMPLE_BITS * self.samples / max(self.bits, 1.0),
        )  # fmt: skip


def event_bits(units: np.ndarray, frames: int) -> float:
    """Return the bits of a spike of a channel: the entropy of Poisson times to a sample, and that of its neuron.

    Args:
        units: which neuron each spike is of, shape (spikes,).
        frames: of the channel.
    """
    if not units.size:
        return 0.0
    some = np.unique(units, return_counts=True)[1] / units.size
    return float(1 / np.log(2) + np.log2(frames / units.size) - (some * np.log2(some)).sum())


def _trains(frames: np.ndarray, units: np.ndarray) -> dict[int, np.ndarray]:
    return {int(unit): frames[units == unit] for unit in np.unique(units)}


def _accuracies(known: dict[int, np.ndarray], found: templates.Matched, window: int) -> list[float]:
    pairs = agreement.paired(known, _trains(found.frames, found.units), window)
    return [pairs[unit][1] if unit in pairs else 0.0 for unit in known]


def planted(
    recordings: Sequence[np.ndarray], rate: float, advance: Callable[..., Any] = lambda text="", step=1: None
) -> list[Row]:
    """Plant spikes of three neurons in each quiet recording, and let every detector look for them.

    Samples are filtered causally, as an implant can. All spikes of a level are as deep, so that neurons differ in their
    shape alone.

    Args:
        recordings: int16 of shape (frames,) each.
        advance: called after each level.

    Raises:
        CodecError: no recording is quiet.
    """
    silent = events.quiet(recordings, rate)
    every = generate.templates(rate)
    window = round(events.NEAR * rate)
    settling = events.SETTLING * rate
    rows = []
    for level in LEVELS:
        tallies = [_Tally(rate) for _ in DETECTORS]
        for number, x in enumerate(silent):
            random = np.random.default_rng([number, round(level)])
            for told_apart in (False, True):
                shapes = every[random.permutation(len(every))[: len(DEPTHS)]] if told_apart else every
                truth = events.plant(x, rate, level * np.array(DEPTHS) if told_apart else level, random, shapes)
                heard = detect.causal(truth.samples, rate)
                assert heard is not None
                at = truth.frames + _delays(shapes, rate)[truth.kinds]
                for tally, (detector, factor) in zip(tallies, DETECTORS, strict=True):
                    if told_apart and detector != "templates":
                        continue
                    found = (_Tally(rate) if told_apart else tally).heard(heard, detector, factor)
                    later = found.frames >= settling
                    found = templates.Matched(found.frames[later], found.units[later])
                    if told_apart:
                        tally.accuracies += _accuracies(_trains(at, truth.kinds), found, window)
                        continue
                    tally.known += at.size
                    tally.hits += int(agreement.near(at, found.frames, window).sum())
                    tally.alarms += int((~agreement.near(found.frames, at, window)).sum())
                    tally.seconds -= events.SETTLING
        rows += [
            tally.row("planted", f"{level:g}", *one) for tally, one in zip(tallies, DETECTORS, strict=True)
        ]  # fmt: skip
        advance(f"planted, {level:g} times the noise")
    return rows


def _delays(shapes: np.ndarray, rate: float) -> np.ndarray:
    """Return by how many frames the causal filter moves the trough of each waveform."""
    margin = round(0.01 * rate)
    alone = detect.causal(np.pad(shapes, ((0, 0), (margin, margin))), rate)
    assert alone is not None
    return np.asarray(alone.argmin(axis=1) - margin - shapes.argmin(axis=1))


def generated(
    seeds: Sequence[int] = (1, 2), seconds: float = SECONDS, advance: Callable[..., Any] = lambda text="", step=1: None
) -> list[Row]:
    """Let every detector look for the neurons of generated recordings, on the channel where each is loudest.

    The recordings are those of :mod:`n1codec.datasets.synth_spikes`: spikes come at random, overlap, are louder and
    softer, and channels hear the neurons of others. Samples are filtered without delay. A false alarm is near no spike
    of any neuron.

    Args:
        seconds: of each recording.
        advance: called after each recording.
    """
    rate = synth_spikes.RATE
    window = round(events.NEAR * rate)
    classes = list(pairwise(LOUDNESS))
    tallies = [[_Tally(rate) for _ in DETECTORS] for _ in classes]
    for seed in seeds:
        made = synth_spikes.generate(seed, seconds)
        trains = made.truth.trains()
        for channel in sorted(set(made.truth.channels.values())):
            heard = detect.bandpass(np.ascontiguousarray(made.samples[:, channel]), rate)
            assert heard is not None
            own = [unit for unit, loudest in made.truth.channels.items() if loudest == channel]
            for number, (detector, factor) in enumerate(DETECTORS):
                tally = _Tally(rate)
                found = tally.heard(heard, detector, factor)
                alarms = int((~agreement.near(found.frames, made.truth.frames, window)).sum())
                scores = dict(zip(trains, _accuracies(trains, found, window), strict=True))
                for place, (low, high) in enumerate(classes):
                    units = [
                        unit for unit in own if low <= made.truth.snr[unit] < high + 1e-6 * (high == classes[-1][1])
                    ]
                    if not units:
                        continue
                    sums = tallies[place][number]
                    for unit in units:
                        sums.known += trains[unit].size
                        sums.hits += int(agreement.near(trains[unit], found.frames, window).sum())
                        sums.accuracies.append(scores[unit])
                    sums.alarms += alarms
                    for name in ("seconds", "samples", "bits", "ns", "learn_ns"):
                        setattr(sums, name, getattr(sums, name) + getattr(tally, name))
        advance(f"generated {seed}")
    return [
        tallies[place][number].row("generated", f"{low:g} to {high:g}", *one)
        for place, (low, high) in enumerate(classes)
        for number, one in enumerate(DETECTORS)
        if tallies[place][number].samples
    ]
