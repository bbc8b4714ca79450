"""Generated recordings of any length that are like a real one, learned from it: ``n1codec data synth --like``.

The model: each channel is an autoregressive process (its spectrum, amplitude and mean); the innovations of one instant
are normal and correlated as the errors of prediction of the real channels are, those of the same row of a probe's
multiplexer among them; a converter with the real one's uneven code widths digitises the result. There are no spikes,
and nothing drifts.

One seed gives the same bytes in blocks of any length, on any number of threads: the raw 64-bit output of PCG64 is taken
frame by frame and shaped here, and the products with the mixing matrix are whole numbers small enough for float32 to
be exact in any order of summation.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from n1codec import files
from n1codec.analysis import widths
from n1codec.analysis.codes import codes_of
from n1codec.analysis.linear import autocovariance, levinson, residual
from n1codec.codec import CodecError
from n1codec.recordings import Recording

ORDER = 8
"""Of the autoregressive processes."""
MOST_SAMPLES = 1 << 23
"""How much of a longer recording the model is learned from."""
BLOCK = 4096
"""Frames that are made at a time."""
_WARM_UP = 1 << 14
"""Frames that are made and thrown away, so that no process begins at its mean."""
_CELLS = 16
"""Parts of a code's width, in which thresholds are rounded."""
_TOGETHER, _PIECE = 16, 32
"""Channels that a thread takes at a time, and frames for which it mixes them."""
_MARGIN = 64
"""Codes beyond those seen at either end."""
_SHRINK = 0.01
"""Share by which covariances between channels are drawn towards 0, so that few frames give a proper matrix, too."""
_ONE = 128
"""What a standard deviation of the raw numbers is held as."""
_EXACT = 1 << 24
"""Below this every whole number is a float32."""
_ADVICE = "take a longer recording"

Advance = Callable[[int], None]


@dataclass(frozen=True)
class Model:
    """What generated recordings are made from."""

    rate: float
    dtype: np.dtype
    mean: np.ndarray
    """Of each channel in code widths, shape (channels,)."""
    weights: np.ndarray
    """Of the samples 1, 2, ... frames back, shape (ORDER, channels)."""
    mixing: np.ndarray
    """Lower triangular: times independent standard normal numbers it gives innovations, shape (channels, channels)."""
    converter: widths.Converter
    first: np.ndarray
    step: np.ndarray
    """A sample is round(first + step * code), both of shape (channels,)."""

    @property
    def channels(self) -> int:
        return len(self.mean)


def learn(recording: Recording) -> Model:
    """Return the model of a recording; channels that hold no signal are left out.

    Raises:
        CodecError: it holds no integers of 16 bits, its rate is not known, or it has too few frames.
    """
    if not recording.rate:
        raise CodecError(f"{recording.name}: its rate is not known (a file {recording.name}.json can tell it)")
    if recording.dtype.kind not in "iu" or recording.dtype.itemsize > 2:
        raise CodecError(f"{recording.name}: the model is one of 16-bit integers, not of {recording.dtype}")
    channels = np.setdiff1d(np.arange(recording.channels), recording.sync)
    frames = min(recording.frames, MOST_SAMPLES // max(len(channels), 1))
    if not len(channels) or frames < 8 * ORDER:
        raise CodecError(f"{recording.name}: {frames} frames are too few to learn from ({_ADVICE})")
    found = codes_of(recording.read(0, frames, channels))
    recording.release()
    numbers = None if recording.converters is None else np.asarray(recording.converters)[channels]
    converter = widths.estimate(found.codes, numbers) if found.comparable else widths.equal(found.codes)
    x = converter.centre(found.codes)
    mean = x.mean(axis=0)
    x -= mean
    weights = levinson(autocovariance(x, ORDER))
    errors = residual(x, weights)[ORDER:]
    return Model(
        recording.rate, recording.dtype, mean, weights, _mixing(errors), converter, found.first, found.step
    )  # fmt: skip


def _mixing(errors: np.ndarray) -> np.ndarray:
    """Return the Cholesky factor of the covariance of errors, each channel's scale that of its usual errors."""
    # Spikes are rare and large. The scale that tells how many bits a sample takes is the mean of logarithms.
    scale = np.exp(np.mean(np.log(np.maximum(np.abs(errors), 1e-3)), axis=0) + _MEAN_LOG)
    covariance = np.cov(errors, rowvar=False).reshape(errors.shape[1], -1)
    own = np.sqrt(np.maximum(np.diag(covariance), 1e-12))
    correlation = covariance / np.outer(own, own) * (1 - _SHRINK)
    np.fill_diagonal(correlation, 1.0)
    values, vectors = np.linalg.eigh(correlation)
    proper = (vectors * np.maximum(values, _SHRINK)) @ vectors.T
    proper /= np.sqrt(np.outer(np.diag(proper), np.diag(proper)))
    return np.asarray(np.linalg.cholesky(proper) * scale[:, None])


_MEAN_LOG = 0.6351814227307392
"""Less the mean logarithm of the absolute value of a standard normal number: (Euler's constant + log 2) / 2."""


class Generator:
    """A recording without end, in blocks of any length."""

    def __init__(self, model: Model, channels: int | None = None, seed: int = 0, jobs: int | None = None) -> None:
        """Begin a recording.

        Args:
            channels: how many; those of the model, in their order, then again independently of these.
            jobs: threads; as many as there are processors by default.
        """
        self.channels = channels or model.channels
        self._probes = [
            _Probe(
                model, min(model.channels, self.channels - at), np.random.PCG64(np.random.SeedSequence([seed, number]))
            )
            for number, at in enumerate(range(0, self.channels, model.channels))
        ]
        self._dtype = model.dtype
        self._pool = ThreadPoolExecutor(jobs or os.cpu_count() or 1)
        for _ in range(_WARM_UP // BLOCK):
            self.read(BLOCK)

    def read(self, frames: int) -> np.ndarray:
        """Return the next frames, shape (frames, channels), in the model's dtype."""
        out = np.empty((frames, self.channels), self._dtype)
        at = 0
        for probe in self._probes:
            probe.fill(out[:, at : at + probe.channels], self._pool)
            at += probe.channels
        return out


class _Probe:
    """The channels of one copy of the model, and where their processes stand."""

    def __init__(self, model: Model, channels: int, bits: np.random.PCG64) -> None:
        self.channels, self.bits = channels, bits
        mixing = model.mixing[:channels, :channels]
        room = (_EXACT - 1 - channels * _ONE * _LARGEST) / (_ONE * _LARGEST)  # rounding adds a half to each
        scale = room / np.abs(mixing).sum(axis=1)
        self.mixing = np.rint(mixing * scale[:, None]).astype(np.float32)
        self.unit = _CELLS / (scale * _ONE)  # the processes run in cells of the tables
        self.filters = np.concatenate([np.ones((1, channels)), -model.weights[:, :channels]]).T
        self.states = np.zeros((channels, len(model.weights)))
        low, self.tables = _tables(model, channels)
        self.mean = _CELLS * (model.mean[:channels] - low)

    def fill(self, out: np.ndarray, pool: ThreadPoolExecutor) -> None:
        """Fill an array of shape (frames, channels) with the next frames."""
        words = -(-self.channels // 4)
        raw = self.bits.random_raw(len(out) * words).astype("<u8", copy=False).view("<u2")
        normal = np.take(_normal(), raw.reshape(len(out), 4 * words)[:, : self.channels])
        parts = [slice(at, at + _TOGETHER) for at in range(0, self.channels, _TOGETHER)]
        list(pool.map(lambda part: self._part(out[:, part], normal[:, : part.stop], part), parts))

    def _part(self, out: np.ndarray, normal: np.ndarray, part: slice) -> None:
        """Make the samples of some channels; ``normal`` is what they and those before them are mixed from."""
        from scipy.signal import lfilter

        innovations = _mixed(self.mixing[part, : part.stop], normal)
        samples = np.empty(innovations.shape, out.dtype)
        for row, channel in enumerate(range(*part.indices(self.channels))):
            x = np.multiply(innovations[row], self.unit[channel], dtype=np.float64)
            x, self.states[channel] = lfilter([1.0], self.filters[channel], x, zi=self.states[channel])
            x += self.mean[channel]
            np.take(self.tables[channel], x.astype(np.intp), out=samples[row], mode="clip")
        out[...] = samples.T


def _mixed(mixing: np.ndarray, normal: np.ndarray) -> np.ndarray:
    """Return the products of rows of a matrix, shape (rows, inputs), with (frames, inputs): (rows, frames)."""
    # In small pieces, which the linear algebra library does not spread over threads of its own: there are some already.
    whole = len(normal) // _PIECE * _PIECE
    pieces = normal[:whole].reshape(-1, _PIECE, normal.shape[1]) @ mixing.T
    rest = normal[whole:] @ mixing.T
    return np.ascontiguousarray(np.concatenate([pieces.reshape(-1, len(mixing)), rest]).T)


def _normal() -> np.ndarray:
    """Return 2**16 whole numbers whose distribution is normal with a standard deviation of _ONE, float32."""
    global _NORMAL
    if _NORMAL is None:
        from scipy.special import ndtri

        _NORMAL = np.rint(_ONE * ndtri((np.arange(1 << 16) + 0.5) / (1 << 16))).astype(np.float32)
    return _NORMAL


_NORMAL: np.ndarray | None = None
_LARGEST = 4.4
"""Standard deviations that no raw number reaches: those of one chance in 2**17 are 4.33."""


def _tables(model: Model, channels: int) -> tuple[float, list[np.ndarray]]:
    """Return where tables of samples begin, in code widths, and a table for each channel, a cell per _CELLS of one."""
    converter = model.converter
    low = float(converter.edges.min()) - _MARGIN
    places = low + (np.arange(_CELLS * (int(np.ptp(converter.edges)) + 2 * _MARGIN)) + 0.5) / _CELLS
    limits = np.iinfo(model.dtype)
    known: dict[tuple[int, float, float], np.ndarray] = {}
    tables = []
    for channel in range(channels):
        key = int(converter.of_channel[channel]), float(model.first[channel]), float(model.step[channel])
        if key not in known:
            codes = np.searchsorted(converter.edges[key[0]], places, side="right") - 1 + converter.low
            samples = np.rint(key[1] + key[2] * codes)
            known[key] = np.clip(samples, limits.min, limits.max).astype(model.dtype)
        tables.append(known[key])
    return low, tables


def blocks(model: Model, frames: int, channels: int | None = None, seed: int = 0, block: int = BLOCK,
           jobs: int | None = None) -> Iterator[np.ndarray]:  # fmt: skip
    """Yield a recording of so many frames in blocks of shape (frames, channels)."""
    generator = Generator(model, channels, seed, jobs)
    for start in range(0, frames, block):
        yield generator.read(min(block, frames - start))


def write(path: Path, model: Model, seconds: float, channels: int, seed: int,
          advance: Advance = lambda _: None, jobs: int | None = None) -> int:  # fmt: skip
    """Write a generated recording as a flat file, and what describes it beside it as ``PATH.json``.

    Args:
        advance: takes how many bytes were written, after every block.

    Returns:
        Frames that were written.

    Raises:
        OSError: a file cannot be written; none is left behind.
    """
    frames = max(1, round(seconds * model.rate))
    with files.writing(path, durable=False) as file:
        for block in blocks(model, frames, channels, seed, jobs=jobs):
            file.write(block.astype(block.dtype.newbyteorder("<"), copy=False).data)
            advance(block.nbytes)
        about = {"channels": channels, "dtype": model.dtype.name, "rate": model.rate, "order": "C", "offset": 0}
        files.write(path.with_name(path.name + ".json"), (json.dumps(about, indent=1) + "\n").encode())
    return frames
