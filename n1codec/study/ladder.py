"""What predictors could reach: bits a sample of an ideal code, one improvement after the other.

Everything that is fitted is fitted to the first half of the frames, and bits are counted on the second half. A sample
costs -log2 of the probability of its code's interval under a normal distribution around its prediction, with a small
share of wider tails; the standard deviation follows the errors just past. No coder is behind these bits, but a real one
comes within a thousandth or two of such.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from n1codec.analysis import widths
from n1codec.analysis.codes import codes_of
from n1codec.analysis.linear import autocovariance, levinson, residual
from n1codec.analysis.widths import Converter
from n1codec.study.measure import Excerpt, Row, bound

GROUP = "what predictors could reach"
MOST_SAMPLES = 1 << 23
"""What is looked at in a longer recording."""
_RIDGE = 1e-3
_PIECE = 64
_MEMORIES = ((1 / 8, 0.15), (1 / 128, 0.35), (1 / 4096, 0.5))
"""Of the running mean squares of errors: the share of the newest one, and the weight of the mean."""
_TAILS = ((0.03, 3.0), (0.002, 20.0))
"""Share and size of the wider tails."""
_LEAST = 1e-9
"""Probability that no interval falls below, as an escape code sees to."""


class Step(NamedTuple):
    """One predictor; the next is compared with it."""

    name: str
    own: int
    """How many of its own past samples a channel is predicted from."""
    neighbours: int = 0
    """How many other channels at most, each coded before this one."""
    lags: tuple[int, ...] = (0,)
    """Which of their samples: 0 is the one at the same time, -1 the one before, 1 the one after."""
    learned: str = ""
    """Whose codes' widths are learned: ``common`` for one converter in place of all, ``own`` for each its own."""
    mean: bool = False
    """Whether the mean of all channels that were coded before is taken as one more of these other channels."""


STEPS: tuple[Step, ...] = (
    *(Step(f"ideal: own past, order {order}", order) for order in (1, 2, 4, 8, 16, 32)),
    Step("ideal: order 16, 4 neighbours, frames -2 to 2", 16, 4, (-2, -1, 0, 1, 2)),
    Step("ideal: order 16, widths common to all converters", 16, learned="common"),
    Step("ideal: order 16, widths of each converter", 16, learned="own"),
    Step("ideal: and 2 neighbours at the same time", 16, 2, (0,), "own"),
    Step("ideal: and 2 neighbours, frames -1 and 0", 16, 2, (-1, 0), "own"),
    Step("ideal: and 2 neighbours, frames -2 to 2", 16, 2, (-2, -1, 0, 1, 2), "own"),
    Step("ideal: and 4 neighbours, frames -2 to 2", 16, 4, (-2, -1, 0, 1, 2), "own"),
    Step("ideal: and 4 neighbours and the mean, frames -2 to 2", 16, 4, (-2, -1, 0, 1, 2), "own", mean=True),
    Step("ideal: and 8 neighbours, frames -2 to 2", 16, 8, (-2, -1, 0, 1, 2), "own"),
)
_FIRST = max(max(step.own for step in STEPS), max(max(step.lags) - min(step.lags) for step in STEPS))
"""Frames that only serve to predict the others."""


class Ladder:
    """The codes of a recording's channels, and what was learned from the first half of them."""

    def __init__(self, excerpt: Excerpt) -> None:
        channels = len(excerpt.channels)
        self.frames = min(excerpt.frames, max(MOST_SAMPLES // channels, 4 * _FIRST))
        self.half = self.frames // 2
        found = codes_of(excerpt.read(0, self.frames))
        self.codes = found.codes
        numbers = excerpt.converters if found.comparable else np.arange(channels)
        train = self.codes[: self.half]
        self.converters = {"": widths.equal(self.codes)}
        if found.comparable:
            self.converters["common"] = widths.estimate(train)
        if numbers is not None:
            self.converters["own"] = widths.estimate(train, numbers)
        rest = _whitened(widths.equal(train).centre(train))
        self.order = _nearest(rest)

    def bits(self, step: Step) -> float | None:
        """Return bits a sample of the second half; None where a step needs widths that cannot be learned."""
        converter = self.converters.get(step.learned)
        if converter is None or self.half < 4 * _FIRST:
            return None
        x = converter.centre(self.codes)
        x = np.ascontiguousarray((x - x[: self.half].mean(axis=0)).T)
        bits, total = [], np.zeros(x.shape[1])
        for channel in range(len(x)):
            others = [x[other] for other in self.order[channel][: step.neighbours]]
            if step.mean and channel:
                others.append(total / channel)
            bits.append(self._bits(step, converter, x[channel], others, channel))
            total += x[channel]
        return float(np.mean(bits))

    def _bits(
        self, step: Step, converter: Converter, x: np.ndarray, others: Sequence[np.ndarray], channel: int
    ) -> float:
        """Return the bits of a channel's samples ``x``, predicted from themselves and ``others``."""
        wanted, past = _regressors(x, step.own, others, step.lags)
        split = self.half - _FIRST
        weights = _fit(past[:, :split], wanted[:split])
        error = wanted - np.einsum("r,rt->t", weights, past)
        deviation = _deviation(error, float(np.mean(error[:split] ** 2)))[split:]
        low, high = converter.interval(self.codes[self.half : -_FIRST, channel], channel)
        to_error = error[split:] - (low + high) / 2
        return _cost(low + to_error, high + to_error, deviation)


def rows(excerpt: Excerpt, advance: Callable[..., None] = lambda *_: None, steps: Sequence[Step] = STEPS) -> list[Row]:
    """Return a row for every predictor that this recording allows.

    Args:
        advance: is called for each of the steps.
    """
    return list(_rows(excerpt, advance, steps))


def _rows(excerpt: Excerpt, advance: Callable[..., None], steps: Sequence[Step]) -> Iterator[Row]:
    ladder = Ladder(excerpt)
    width = 8 * excerpt.recording.dtype.itemsize
    for step in steps:
        bits = ladder.bits(step) if not step.neighbours or ladder.codes.shape[1] > 1 else None
        if bits is not None:
            yield bound(step.name, GROUP, "fitted to the first half, bits of the second", bits, width)
        advance(step.name)


def _whitened(x: np.ndarray, order: int = 16) -> np.ndarray:
    x = x - x.mean(axis=0)
    return residual(x, levinson(autocovariance(x, order)))


def _nearest(rest: np.ndarray) -> list[np.ndarray]:
    """Return, for each channel, those before it whose errors of prediction resemble its own most, best first."""
    unit = rest / np.sqrt(np.maximum((rest**2).sum(axis=0), 1e-9))
    products = [unit[1 + lag : len(unit) - 1 + lag].T @ unit[1:-1] for lag in (-1, 0, 1)]  # [other, channel]
    alike = sum(product * product for product in products)
    return [np.argsort(-alike[:channel, channel], kind="stable") for channel in range(rest.shape[1])]


def _regressors(
    x: np.ndarray, own: int, others: Sequence[np.ndarray], lags: Sequence[int]
) -> tuple[np.ndarray, np.ndarray]:
    """Return a channel's samples without the first and last _FIRST, and what predicts them, (regressors, frames)."""
    stop = len(x) - _FIRST
    past = [x[_FIRST - lag : stop - lag] for lag in range(1, own + 1)]
    past += [other[_FIRST + lag : stop + lag] for other in others for lag in lags]
    return x[_FIRST:stop], np.stack(past)


def _fit(past: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Return the weights of least squares, drawn a little towards 0."""
    together = np.concatenate([past, wanted[None]])
    # In small pieces, which the linear algebra library does not spread over threads: those take longer to wake up.
    whole = together.shape[1] // _PIECE * _PIECE
    pieces = together[:, :whole].reshape(len(together), -1, _PIECE).transpose(1, 0, 2)
    products = (pieces @ pieces.transpose(0, 2, 1)).sum(axis=0) + together[:, whole:] @ together[:, whole:].T
    own = products[:-1, :-1]
    own[np.diag_indices_from(own)] += _RIDGE * np.trace(own) / len(own) + 1e-12
    return np.linalg.solve(own, products[:-1, -1])


def _deviation(error: np.ndarray, power: float) -> np.ndarray:
    """Return the standard deviation expected of each error, from those before it."""
    from scipy.signal import lfilter

    square = np.concatenate([[power], error[:-1] ** 2])
    total = np.zeros(len(error))
    for share, weight in _MEMORIES:
        total += weight * lfilter([share], [1, share - 1], square, zi=[(1 - share) * power])[0]
    return np.sqrt(np.maximum(total, 1e-4))


def _cost(low: np.ndarray, high: np.ndarray, deviation: np.ndarray) -> float:
    """Return the mean bits of intervals of the error."""
    from scipy.special import ndtr

    main = 1 - sum(share for share, _ in _TAILS)
    chance = np.zeros(len(low))
    for share, size in ((main, 1.0), *_TAILS):
        scale = size * deviation
        chance += share * (ndtr(high / scale) - ndtr(low / scale))
    return float(-np.log2(np.maximum(chance, _LEAST)).mean())
