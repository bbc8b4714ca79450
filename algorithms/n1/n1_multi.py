"""N1 multi: channels that were recorded together, each from its own past and from its neighbours.

A model is fitted to a stretch of the recording and travels in the file: which earlier channels tell most of each one
(by the correlation of what their own pasts do not tell), the weights of a linear predictor from the channel's past,
from past and future of these neighbours and from the mean of all earlier channels (least squares), and how wide the
codes of each converter are (how often they came against how often they were expected). Chunks are coded with it
independently of each other: residuals of a distribution of fitted shape, scaled by three running means of squares, and
rANS (Duda 2013) with sixteen interleaved states. docs/multi.md describes the format and the model.
"""

from __future__ import annotations

import numpy as np

from n1codec.codec import Choice, Layout, ModelCoder
from n1codec.native import SCRATCH, SIMD, Kernel, reads, writes

_fit_work_size = Kernel("n1c_multi_fit_work_size", int, int)
_fit = Kernel("n1c_multi_fit", reads(np.int16), reads(np.int32), SCRATCH, writes(np.uint8), int, int)
_encode_work_size = Kernel("n1c_multi_encode_work_size", reads(np.uint8), int)
_decode_work_size = Kernel("n1c_multi_decode_work_size", reads(np.uint8), int)
_encode = Kernel("n1c_multi_encode", reads(np.int16), reads(np.uint8), int, SCRATCH, writes(np.uint8), int)
_decode = Kernel("n1c_multi_decode", reads(np.uint8), reads(np.uint8), int, SCRATCH, writes(np.int16), int)

_FITTED = 1 << 23
"""Samples that a model is fitted to at most: more make it no better, only slower."""
_STRETCHES = 4
"""Stretches of a longer array that are looked at, spread evenly over it."""


class N1Multi(ModelCoder):
    wire = "nu"
    dtypes = ("int16", "uint16")
    chunk_seconds = 10
    preset: str
    params = {"preset": Choice("best", "fast", help="best: the smallest files; fast: several times as fast")}
    grid = ("n1_multi", "n1_multi:preset=fast")
    floor_xrt = 200

    def fit(self, x: np.ndarray, converters: np.ndarray | None = None) -> bytes:
        x = _some(_signed(x.reshape(len(x), -1)))
        channels = x.shape[1]
        groups = np.zeros(channels, np.int32) if converters is None else np.ascontiguousarray(converters, np.int32)
        out = np.empty(2 * x.size + 64 * channels + 1024, np.uint8)
        work = np.empty(_fit_work_size(len(x), channels), np.uint8)
        size = _fit(x, groups, work, out, int(self.preset == "fast"), SIMD)
        return out[:size].tobytes()

    def encode_with(self, x: np.ndarray, model: bytes) -> bytes:
        out = np.empty(2 * x.size + 1, np.uint8)
        work = np.empty(_encode_work_size(model, len(x)), np.uint8)
        size = _encode(_signed(x), model, len(x), work, out, SIMD)
        return out[:size].tobytes()

    def decode_with(self, data: bytes, layout: Layout, model: bytes) -> np.ndarray:
        work = np.empty(_decode_work_size(model, layout.shape[0]), np.uint8)
        x = np.empty(layout.shape, np.int16)
        _decode(data, model, layout.shape[0], work, x, SIMD)
        return x if layout.dtype == np.int16 else (x.view(np.uint16) ^ np.uint16(1 << 15))


def _signed(x: np.ndarray) -> np.ndarray:
    """Return samples of 16 bits as int16, unsigned ones less 32768: neighbouring values stay neighbours."""
    return x if x.dtype == np.int16 else (x ^ np.uint16(1 << 15)).view(np.int16)


def _some(x: np.ndarray) -> np.ndarray:
    """Return frames of an array of shape (frames, channels): all of them, or some stretches of a long one."""
    length = _FITTED // x.shape[1] // _STRETCHES
    if len(x) <= _STRETCHES * length or not length:
        return x
    starts = np.linspace(0, len(x) - length, _STRETCHES).astype(int)
    return np.concatenate([x[start : start + length] for start in starts])
