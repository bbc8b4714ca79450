"""Samples as codes of the converter that gave them: files often hold multiples of a step, from an offset on."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from n1codec.analysis.entropy import codes, histogram

_COMMON = 1.5
"""Steps up to this size are those of samples that are codes themselves."""
_HALVINGS = 60


class Codes(NamedTuple):
    """The codes of channels, and how samples follow from them: round(first + step * code)."""

    codes: np.ndarray
    """int32 of shape (frames, channels)."""
    first: np.ndarray
    """The sample that belongs to code 0 of each channel, float64."""
    step: np.ndarray
    """How far apart the samples of neighbouring codes are, float64, for each channel."""

    @property
    def comparable(self) -> bool:
        """Whether a code is the same in all channels, since the samples are the codes."""
        return bool((self.step == 1).all())


def codes_of(x: np.ndarray) -> Codes:
    """Return the codes of samples of shape (frames, channels), integers.

    The step of a channel is looked for among the distances of its values; codes of a channel with a step other than 1
    begin at its lowest value.
    """
    found = np.empty(x.shape, np.int32)
    first, step = np.zeros(x.shape[1]), np.ones(x.shape[1])
    for channel, column in enumerate(x.T):
        values = histogram(column).values
        numbers = codes(values)
        start, apart = _line(numbers, values.astype(np.float64))
        if apart < _COMMON:
            found[:, channel] = column
            continue
        first[channel], step[channel] = start, apart
        found[:, channel] = numbers[np.searchsorted(values, column)]
    return Codes(found, first, step)


def _line(numbers: np.ndarray, values: np.ndarray) -> tuple[float, float]:
    """Return first and step of the line first + step * number whose largest distance from the values is least.

    Rounding gives the values back exactly where any line does.
    """
    last = int(numbers[-1])
    if not last:
        return float(values[0]), 1.0
    middle = (values[-1] - values[0]) / last
    low, high = middle - 2 / last, middle + 2 / last
    for _ in range(_HALVINGS):  # how far the rest spreads is convex in the step
        third = (high - low) / 3
        left, right = (np.ptp(values - step * numbers) for step in (low + third, high - third))
        low, high = (low, high - third) if left <= right else (low + third, high)
    step = (low + high) / 2
    rest = values - step * numbers
    return float(rest.max() + rest.min()) / 2, float(step)
