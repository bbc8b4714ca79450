"""Speed of our own stages and of a few references, measured within this process on one core."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from time import perf_counter
from typing import NamedTuple

import numpy as np

from n1codec import registry
from n1codec.bench.measure import machine
from n1codec.codec import CodecError, Coder, Filter, Layout, ModelCoder, Stage
from n1codec.pipeline import Pipeline, get_codec

CODER_INPUT = "remap|delta"
"""The filters that our coders are measured behind. A filter is measured behind what is before it in its own grid."""


class Signal(NamedTuple):
    """What stages are measured on."""

    samples: np.ndarray
    """Shape (frames, channels)."""
    rate: float
    """Frames a second."""


@dataclass(frozen=True)
class Target:
    """One stage to measure."""

    stage: Stage
    before: Sequence[Filter]
    """The filters that make its input and are not measured."""
    fitted: bool = False
    """The stage's model is fitted beforehand, and that is not measured."""

    @property
    def codec(self) -> Pipeline:
        """The stage by itself. A filter needs a coder behind it: the one that stores bytes takes next to no time."""
        if isinstance(self.stage, Coder):
            return Pipeline([self.stage])
        return Pipeline([self.stage, registry.find(registry.STORED)()])

    @property
    def name(self) -> str:
        spec = self.codec.spec
        name = spec if isinstance(self.stage, Coder) else spec.removesuffix(f"|{registry.STORED}")
        return f"{name}, its model fitted" if self.fitted else name

    @property
    def behind(self) -> str:
        """The spec of the filters that make the input; empty where the stage gets the samples."""
        return Pipeline([*self.before, Tap()]).spec.removesuffix(Tap.name).removesuffix("|")


@dataclass(frozen=True)
class Speed:
    """How fast a stage works in one direction. A pass is one run over all signals."""

    ns_per_sample: float
    """Nanoseconds that a sample takes in the median pass."""
    xrt: float
    """Times real time of one channel, in the median pass."""
    best_xrt: float
    """Times real time of one channel, in the fastest pass."""
    spread: float
    """Interquartile range / median of the passes' times."""
    repeats: int
    """Passes."""


@dataclass(frozen=True)
class Measurement:
    """What measuring a stage gave: both speeds, or a problem."""

    target: Target
    encode: Speed | None = None
    decode: Speed | None = None
    ratio: float | None = None
    """Bytes of the samples / bytes of the payload, its model included; None for a filter, and without the model."""
    problem: str = ""
    """Why there are no figures."""

    @property
    def mark(self) -> str:
        """Whether the stage reaches the speed that it promises: "ok" or "slow"; "" if it promises none; or the problem.

        The fastest pass decides, because other programs on the machine can only make a pass slower.
        """
        if not self.encode or not self.decode:
            return self.problem
        floor = self.target.stage.floor_xrt
        if not floor:
            return ""
        return "ok" if min(self.encode.best_xrt, self.decode.best_xrt) >= floor else "slow"


class Tap(Coder):
    """A coder that stands behind filters and keeps the array that they make, so that it can be looked at.

    It encodes the array as no bytes at all, and "decodes" these as the array that it kept.
    """

    name = "tap"
    family = "baseline"

    def encode(self, x: np.ndarray) -> bytes:
        self.seen = x
        return b""

    def decode(self, data: bytes, layout: Layout) -> np.ndarray:
        return self.seen


def targets() -> list[Target]:
    """Return what is measured: every stage that calls libn1c or promises a speed, and the references.

    A stage is there with its defaults and with each set of parameters that its grid has.
    """
    found: dict[str, Target] = {}
    for name in registry.names():
        try:
            stage = registry.find(name)
            if stage.floor_xrt or machine.uses_kernels(stage):
                found |= {target.name: target for target in _variants(stage)}
        except CodecError:
            continue  # n1codec list says what is wrong with it
    for spec in references():
        codec = get_codec(spec)
        target = Target(codec.coder, codec.filters)
        found.setdefault(target.name, target)
    return list(found.values())


def references() -> list[str]:
    """Return the specs that stages declare as references: codecs to compare our own ones with."""
    specs: list[str] = []
    for name in registry.names():
        with suppress(CodecError):
            specs += registry.find(name).reference
    return specs


def _variants(stage: type[Stage]) -> Iterator[Target]:
    """Yield a stage with its defaults, then with each set of parameters in its grid."""
    before: dict[str, list[Filter]] = {}
    stages: dict[str, Stage] = {}
    uses: list[tuple[Stage, list[Filter]]] = [(stage(), [])]
    for codec in map(get_codec, stage.grid):
        uses += [(used, codec.filters[:i]) for i, used in enumerate(codec.stages) if used.name == stage.name]
    for used, filters in uses:
        name = Target(used, ()).name
        stages[name] = used
        before[name] = max(before.get(name, []), filters, key=len)
    for name, used in stages.items():
        # A coder that was trained, or that fits a model, knows samples, not differences.
        models = isinstance(used, ModelCoder)
        usual = isinstance(used, Coder) and "trained" not in used.traits and not models
        yield Target(used, get_codec(f"{CODER_INPUT}|{registry.STORED}").filters if usual else before[name])
        if models:
            yield Target(used, before[name], fitted=True)


def measure(target: Target, signals: Sequence[Signal], min_time: float) -> Measurement:
    """Measure a stage on signals, and check that decoding gives back what was encoded.

    What goes wrong becomes the measurement's ``problem``; nothing is raised.

    Args:
        signals: samples of shape (frames, channels) each.
        min_time: seconds; passes are repeated in each direction until they have taken so long together.
    """
    try:
        if missing := Pipeline([*target.before, *target.codec.stages]).unavailable():
            return Measurement(target, problem=missing)
        inputs = [_input(target, signal.samples) for signal in signals]
        encoders = [_encoder(target, x) for x in inputs]
        payloads = [encode() for encode, _ in encoders]
        decoders = [
            partial(decode, payload, Layout.of(x))
            for x, payload, (_, decode) in zip(inputs, payloads, encoders, strict=True)
        ]
        if not all(np.array_equal(x, decode()) for x, decode in zip(inputs, decoders, strict=True)):
            return Measurement(target, problem="does not give back what it got")
    except CodecError as error:
        return Measurement(target, problem=str(error))
    samples = sum(signal.samples.size for signal in signals)
    seconds = sum(signal.samples.size / signal.rate for signal in signals)

    def speed(work: Callable[[], object]) -> Speed:
        times = _time(work, min_time)
        low, middle, high = np.percentile(times, [25, 50, 75])
        spread = (high - low) / middle
        return Speed(1e9 * middle / samples, seconds / middle, seconds / min(times), spread, len(times))

    packed = sum(map(len, payloads))
    return Measurement(
        target,
        speed(lambda: [encode() for encode, _ in encoders]),
        speed(lambda: [decode() for decode in decoders]),
        sum(signal.samples.nbytes for signal in signals) / packed
        if isinstance(target.stage, Coder) and not target.fitted
        else None,
    )


def _encoder(target: Target, x: np.ndarray) -> tuple[Callable[[], bytes], Callable[[bytes, Layout], np.ndarray]]:
    """Return what encodes an array, and what decodes the payload that comes of it."""
    if target.fitted:
        assert isinstance(target.stage, ModelCoder)
        model = target.stage.fit(x)
        return partial(target.stage.encode_with, x, model), partial(target.stage.decode_with, model=model)
    return partial(target.codec.encode, x), target.codec.decode


def _input(target: Target, samples: np.ndarray) -> np.ndarray:
    """Return what the filters before a stage make of samples."""
    tap = Tap()
    Pipeline([*target.before, tap]).encode(samples)
    return tap.seen


def _time(work: Callable[[], object], min_time: float) -> list[float]:
    """Return the seconds of each of at least five passes that take at least ``min_time`` together."""
    times: list[float] = []
    while len(times) < 5 or sum(times) < min_time:
        start = perf_counter()
        work()
        times.append(perf_counter() - start)
    return times
