"""One candidate of a search, measured on a sample or verified on a file, in a process of a pool."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from functools import cache, lru_cache
from typing import Any, NamedTuple

import numpy as np

from n1codec import files, registry
from n1codec.bench.measure import cases
from n1codec.bench.measure.kernels import Signal, Tap
from n1codec.bench.measure.work import Work
from n1codec.bench.search.space import Candidate
from n1codec.codec import CodecError, Layout
from n1codec.pipeline import Pipeline, get_codec
from n1codec.recordings import Place, UnknownFormat, open_recording
from n1codec.recordings.columns import signals
from n1codec.recordings.selected import Selected

FEWEST_CHANNELS = 4
"""Channels of a recording that are measured at least, if it has so many."""


class Part(NamedTuple):
    """What is measured of a recording."""

    place: Place
    frames: int
    """The first of it, at most."""
    samples: int
    """Of all channels together, at most."""


Sample = tuple[Part, ...]


class Size(NamedTuple):
    """How large a recording is."""

    seconds: float
    channels: int
    samples: int


class Measured(NamedTuple):
    """A candidate on a sample, or on all files.

    The bytes of a sample are those of its samples and of the payloads, of files those of whole WAV and .n1c files.
    """

    candidate: Candidate
    original_bytes: int
    compressed_bytes: int
    payload_bytes: int
    samples: int
    recording_seconds: float
    encode_seconds: float
    decode_seconds: float
    files: int
    verified: bool = False
    """On all files, from whole .n1c files."""

    @property
    def ratio(self) -> float:
        return self.original_bytes / self.compressed_bytes

    @property
    def encode_xrt(self) -> float:
        return self.recording_seconds / max(self.encode_seconds, 1e-9)

    @property
    def decode_xrt(self) -> float:
        return self.recording_seconds / max(self.decode_seconds, 1e-9)

    def row(self) -> dict[str, Any]:
        """Return what a table shows of it."""
        return {
            "spec": self.candidate.spec,
            "family": get_codec(self.candidate.spec).family,
            "ratio": self.ratio,
            "payload_ratio": self.original_bytes / self.payload_bytes,
            "bits_per_sample": 8 * self.compressed_bytes / self.samples,
            "encode_xRT": self.encode_xrt,
            "decode_xRT": self.decode_xrt,
            "original_bytes": self.original_bytes,
            "compressed_bytes": self.compressed_bytes,
            "payload_bytes": self.payload_bytes,
            "files": self.files,
            "verified": self.verified,
        }


class _Node(NamedTuple):
    """What a chain of filters makes of a sample."""

    arrays: list[np.ndarray]
    side_bytes: int
    encode_seconds: float
    decode_seconds: float


@lru_cache(maxsize=1)
def _signals(sample: Sample) -> list[Signal]:
    found = []
    for place, frames, samples in sample:
        with suppress(UnknownFormat):
            recording = signals(open_recording(place))
            frames = max(1, min(frames, recording.frames))
            # Of many channels some that lie beside each other: they say what neighbours have to do with each other.
            channels = min(recording.channels, max(FEWEST_CHANNELS, samples // frames))
            first = (recording.channels - channels) // 2
            some = Selected(recording, range(first, first + channels))
            found.append(Signal(some.read(0, min(frames, max(1, samples // channels))), recording.rate))
    return [signal for signal in found if signal.samples.size and signal.rate]


@lru_cache(maxsize=16)
def prepare(sample: Sample, filters: tuple[str, ...]) -> _Node:
    if not filters:
        return _Node([signal.samples for signal in _signals(sample)], 0, 0.0, 0.0)
    arrays, side_bytes, encode_seconds, decode_seconds = prepare(sample, filters[:-1])
    tap = Tap()
    step = Pipeline([*get_codec(f"{filters[-1]}|{registry.STORED}").filters, tap])
    outputs = []
    for x in arrays:
        side, encoding, decoding = _round_trip(step, x)
        encode_seconds += encoding
        decode_seconds += decoding
        side_bytes += side
        outputs.append(np.ascontiguousarray(tap.seen))
    return _Node(outputs, side_bytes, encode_seconds, decode_seconds)


def _round_trip(codec: Pipeline, x: np.ndarray) -> tuple[int, float, float]:
    """Return the bytes that a codec makes of x, and the process time in seconds of both ways."""
    started = time.process_time()
    payload = codec.encode(x)
    encoded = time.process_time()
    back = codec.decode(payload, Layout.of(x))
    decoded = time.process_time()
    if Layout.of(x) != Layout.of(back) or x.tobytes() != back.tobytes():
        raise CodecError("it does not give back what it got")
    return len(payload), encoded - started, decoded - encoded


@cache
def _warm(coder: str) -> None:
    """Load what a coder needs, so that its first measurement is none of that."""
    with suppress(CodecError):
        codec, x = get_codec(coder), np.zeros(64, np.int16)
        codec.decode(codec.encode(x), Layout.of(x))


def measure(sample: Sample, filters: tuple[str, ...], coder: str) -> Measured:
    measured, node = _signals(sample), prepare(sample, filters)
    _warm(coder)
    codec = get_codec(coder)
    packed, encode_seconds, decode_seconds = node.side_bytes, node.encode_seconds, node.decode_seconds
    for x in node.arrays:
        length, encoding, decoding = _round_trip(codec, x)
        encode_seconds += encoding
        decode_seconds += decoding
        packed += length
    samples = sum(signal.samples.size for signal in measured)
    duration = sum(len(signal.samples) / signal.rate for signal in measured)
    held = sum(signal.samples.nbytes for signal in measured)
    return Measured(Candidate(filters, coder), held, packed, packed, samples, duration,
                    encode_seconds, decode_seconds, len(measured))  # fmt: skip


def verify(filters: tuple[str, ...], coder: str, place: Place) -> Measured:
    candidate = Candidate(filters, coder)
    codec, source = get_codec(candidate.spec), cases.source(place)
    _warm(coder)
    encoding = Work(b"" if source.place else files.read(source.path), "encode", codec, source.place)
    payload, encode_seconds, _ = encoding.run()
    blob = b"".join(encoding.finish(payload))
    decoding = Work(blob, "decode", None)
    samples_again, decode_seconds, _ = decoding.run()
    if not cases.has_bytes(source, b"".join(decoding.finish(samples_again))):
        raise CodecError("it does not give back what it got")
    samples = sum(x.size for x in samples_again)
    packed = sum(len(done.payload) for done in payload)
    return Measured(candidate, source.bytes, len(blob), packed, samples, size(place).seconds,
                    encode_seconds, decode_seconds, 1, True)  # fmt: skip


def nothing(*_: object) -> None:
    """Prepare nothing."""


@cache
def size(place: Place) -> Size:
    """Return how large a recording is; all 0 if the file is none."""
    try:
        found = open_recording(place)
    except UnknownFormat:
        return Size(0.0, 0, 0)
    return Size(found.seconds, found.channels, found.frames * found.channels)


def total(parts: Sequence[Measured]) -> Measured:
    first = parts[0]
    sums = {name: sum(getattr(part, name) for part in parts) for name in Measured._fields[1:-1]}
    return first._replace(**sums)
