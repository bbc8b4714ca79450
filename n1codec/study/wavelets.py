"""Integer wavelets of this house over both dimensions, time and channels."""

from __future__ import annotations

from typing import Any

import numpy as np

from n1codec import registry
from n1codec.codec import Layout
from n1codec.pipeline import get_codec

LEVELS_IN_TIME, LEVELS_ACROSS = 3, 1


class Wavelet:
    """A lossless codec of integers of shape (frames, channels): a wavelet in time, then one across channels."""

    def __init__(self, name: str, coder: str) -> None:
        """``name`` is that of a filter of the house that lifts, ``coder`` a codec for what it gives."""
        self.time, self.across = (_stage(name, levels) for levels in (LEVELS_IN_TIME, LEVELS_ACROSS))
        self.coder = get_codec(coder)

    def encode(self, x: np.ndarray) -> bytes:
        y, _ = self.time.forward(x)
        y, _ = self.across.forward(y.T)
        return self.coder.encode(y.reshape(-1))

    def decode(self, data: bytes, layout: Layout) -> np.ndarray:
        frames, channels = layout.shape
        y = self.coder.decode(data, Layout((layout.size,), layout.dtype)).reshape(channels, frames)
        y = self.across.inverse(y, bytes([LEVELS_ACROSS]), Layout(y.shape, layout.dtype))
        return self.time.inverse(y.T, bytes([LEVELS_IN_TIME]), layout)


def _stage(name: str, levels: int) -> Any:
    return registry.build(name, {"levels": levels})
