"""Bases across the channels of a recording: an MDCT of each channel, and what neighbours say about each other.

All channels have one step, so that the error is spread as is cheapest for all of them together; what they take is
shared out evenly. ``joint`` is that alone, to compare with.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from n1codec.lossy.curves import BAND_BITS, DEAD_ZONES, HEAD_BITS, STEPS, Curve, Points, adaptive_bits, centred
from n1codec.lossy.transforms import LappedCosine

GAIN_BITS = 8
"""What it takes to say how alike two channels are: their gain in 64ths."""

Quantiser = Callable[[np.ndarray], np.ndarray]
"""Coefficients of one channel to what comes back of them; it counts the bits."""


class Across:
    """An MDCT of 256 and a step that uses what channels have in common.

    Args:
        kind: ``joint``: nothing; ``mean``: the mean of all is coded, too, and each channel as what it differs from that
            by; ``neighbour``: each channel but the first as what it differs from the one before by; ``klt``: components
            by the eigenvectors of the covariance of the channels, those of each half of the recording from the other.
    """

    needs = ""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.trained = kind == "klt"

    def curves(self, channels: Sequence[np.ndarray], rate: float) -> list[Curve]:
        """Return what each channel takes and loses; arguments are as for :func:`curves.curve`, of equal lengths."""
        x = np.array(channels)
        means = np.rint(x.mean(axis=1, keepdims=True))
        whole = bool((x == np.rint(x)).all())
        points = [Points(channel, rate) for channel in x]
        half = x.shape[1] // 2
        spans = [slice(0, half), slice(half, None)] if self.trained else [slice(None)]
        parts = [_Part(x[:, span] - means) for span in spans]
        vectors = [_eigenvectors(x[:, span] - means) for span in spans[::-1]] if self.trained else []
        for step in STEPS:
            for offset in DEAD_ZONES:
                bits, back = float(HEAD_BITS), []
                for number, part in enumerate(parts):
                    counted = _Counted(part.edges, step, offset)
                    kept = np.array(list(self._kept(part.coefficients, counted, vectors[number : number + 1])))
                    back.append(part.back(vectors[number] @ kept if self.trained else kept))
                    bits += counted.bits
                restored = np.concatenate(back, axis=1) + means
                for channel, samples in enumerate(np.rint(restored) if whole else restored):
                    points[channel].add(bits / len(x), samples)
        return [one.curve() for one in points]

    def _kept(self, x: np.ndarray, quantised: _Counted, vectors: Sequence[np.ndarray]) -> Iterator[np.ndarray]:
        """Yield what comes back of the coefficients of each channel, or each component."""
        if self.kind == "klt":
            yield from map(quantised, vectors[0].T @ x)
            return
        beside = quantised(x.mean(axis=0)) if self.kind == "mean" else None
        for channel in x:
            known = 0.0 * channel if beside is None else quantised.gain(channel, beside) * beside
            found = known + quantised(channel - known)
            if self.kind == "neighbour":
                beside = found
            yield found


class _Part:
    """Coefficients of a stretch of all channels, shape (channels, coefficients)."""

    def __init__(self, x: np.ndarray) -> None:
        self._basis, self._frames = LappedCosine(256), x.shape[1]
        bands = [self._basis.forward(channel) for channel in x]
        self.edges = np.cumsum([band.size for band in bands[0]])[:-1]
        self.coefficients = np.array([np.concatenate(own) for own in bands])

    def back(self, coefficients: np.ndarray) -> np.ndarray:
        return np.array([self._basis.inverse(np.split(own, self.edges), self._frames) for own in coefficients])


class _Counted:
    """A quantiser that counts the bits of all that it is given."""

    def __init__(self, edges: np.ndarray, step: float, offset: float) -> None:
        self._edges, self._step, self._offset = edges, step, offset
        self.bits = 0.0

    def __call__(self, coefficients: np.ndarray) -> np.ndarray:
        back = []
        for band in np.split(coefficients, self._edges):
            numbers = np.sign(band) * np.floor(np.abs(band) / self._step + self._offset)
            self.bits += adaptive_bits(numbers) + BAND_BITS
            back.append(centred(band, numbers, self._step))
        return np.concatenate(back)

    def gain(self, channel: np.ndarray, beside: np.ndarray) -> float:
        """Return by how much a channel follows another, as it is sent."""
        self.bits += GAIN_BITS
        power = float(beside @ beside)
        return float(np.clip(np.rint(64 * (channel @ beside) / power), -127, 127)) / 64 if power else 0.0


def _eigenvectors(x: np.ndarray) -> np.ndarray:
    return np.linalg.eigh(x @ x.T)[1][:, ::-1]
