"""Sizes and speeds of methods on a recording, every one of them decoded and compared."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from time import process_time
from typing import NamedTuple, TypeVar

import numpy as np

from n1codec.codec import CodecError, Layout
from n1codec.pipeline import Pipeline
from n1codec.recordings import Recording
from n1codec.study.methods import Method
from n1codec.varint import Reader, put_bytes

STRETCH_BYTES = 32 << 20
"""How much of a recording is compressed at a time, so that one of any length takes bounded memory."""
_LEAST_SECONDS = 0.25
"""CPU time after which a direction is not repeated."""
_MOST_PASSES = 5
_MEGA = 1e6
_Result = TypeVar("_Result")


class Row(NamedTuple):
    """What one method came to; None stands for what it does not have."""

    method: str
    group: str
    spec: str
    bytes: int | None
    """None where only bits are computed, as for a bound."""
    ratio: float | None
    bits_per_sample: float | None
    enc_mb_s: float | None = None
    """A million bytes of samples a second of CPU time, of all threads together."""
    dec_mb_s: float | None = None
    published_ratio: float | None = None
    """What the class project reached with it, on its own recording."""
    published_bits: float | None = None
    """The same, where they gave bits a sample."""
    status: str = "ok"
    """``ok``: decoded, and every sample was as before; ``bound``: there is nothing to decode; else what went wrong."""


class Excerpt:
    """The part of a recording that is studied: its first seconds, without the channels that hold no signal."""

    def __init__(self, recording: Recording, seconds: float) -> None:
        """Take no more than ``seconds``; all of a recording whose rate is not known.

        Raises:
            CodecError: there are no samples in it, or they are no integers.
        """
        self.recording = recording
        self.channels = np.setdiff1d(np.arange(recording.channels), recording.sync)
        self.rate = recording.rate
        limit = round(seconds * recording.rate) if recording.rate else recording.frames
        self.frames = min(recording.frames, limit)
        if recording.dtype.kind not in "iu":
            raise CodecError(f"{recording.name}: the study takes integers, not {recording.dtype}")
        if not self.frames or not self.channels.size:
            raise CodecError(f"{recording.name}: there are no samples in it to study")
        self.size = self.frames * len(self.channels)
        self.nbytes = self.size * recording.dtype.itemsize

    @property
    def converters(self) -> np.ndarray | None:
        """Number of the converter of each channel, where the recording tells."""
        found = self.recording.converters
        return None if found is None else np.asarray(found)[self.channels]

    @property
    def geometry(self) -> np.ndarray | None:
        """Places of the electrodes in micrometres, where the recording tells."""
        found = self.recording.geometry
        return None if found is None else np.asarray(found)[self.channels]

    def read(self, start: int, stop: int) -> np.ndarray:
        """Return frames from ``start`` to ``stop``, shape (frames, channels)."""
        return self.recording.read(start, min(stop, self.frames), self.channels)

    def stretches(self) -> Iterator[np.ndarray]:
        """Yield all of it in order, in stretches of about STRETCH_BYTES."""
        length = max(1, STRETCH_BYTES // (len(self.channels) * self.recording.dtype.itemsize))
        for start in range(0, self.frames, length):
            yield self.read(start, start + length)
            self.recording.release()


def measure(method: Method, excerpt: Excerpt) -> Row:
    """Return what a method makes of a recording; what it cannot do is told by the row's status."""
    size, encoding, decoding = 0, 0.0, 0.0
    try:
        codec = method.codec()
        if isinstance(codec, Pipeline) and codec.model_coder:
            codec = _WithConverters(codec, excerpt.converters)
        for x in excerpt.stretches():
            layout = Layout.of(x)
            data, seconds = _timed(lambda: codec.encode(x), repeat=method.timed)  # noqa: B023  (called at once)
            encoding += seconds
            back, seconds = _timed(lambda: codec.decode(data, layout), repeat=method.timed)  # noqa: B023
            decoding += seconds
            if back.dtype != x.dtype or not np.array_equal(back, x):
                return _failed(method, "what was decoded differs from the recording")
            size += len(data)
    except (CodecError, ImportError) as error:
        return _failed(method, str(error))
    return Row(
        method.name, method.group, method.spec, size, excerpt.nbytes / size, 8 * size / excerpt.size,
        excerpt.nbytes / encoding / _MEGA if method.timed and encoding else None,
        excerpt.nbytes / decoding / _MEGA if method.timed and decoding else None,
        method.published,
    )  # fmt: skip


class _WithConverters:
    """A codec whose model knows which converter sampled each channel, as it does where it writes a file."""

    def __init__(self, codec: Pipeline, converters: np.ndarray | None) -> None:
        self._codec, self._converters = codec, converters

    def encode(self, x: np.ndarray) -> bytes:
        model = self._codec.fit(x, self._converters)
        return put_bytes(model) + self._codec.encode(x, model)

    def decode(self, data: bytes, layout: Layout) -> np.ndarray:
        reader = Reader(data)
        model = reader.prefixed()
        return self._codec.decode(reader.rest(), layout, model)


def bound(name: str, group: str, how: str, bits: float, width: int, published_bits: float | None = None) -> Row:
    """Return the row of something that is computed in bits a sample and not coded; ``width`` is that of a sample."""
    ratio = width / bits if bits else None
    return Row(name, group, how, None, ratio, bits, published_bits=published_bits, status="bound")


def _failed(method: Method, why: str) -> Row:
    published = method.published
    return Row(method.name, method.group, method.spec, None, None, None, published_ratio=published, status=why)


def _timed(work: Callable[[], _Result], *, repeat: bool) -> tuple[_Result, float]:
    """Do work once, or again until it is long enough to be timed; return its result and the least CPU time."""
    least, spent = float("inf"), 0.0
    for _ in range(_MOST_PASSES if repeat else 1):
        start = process_time()
        result = work()
        took = process_time() - start
        least, spent = min(least, took), spent + took
        if spent > _LEAST_SECONDS:
            break
    return result, least
