"""Training of codecs with models: a profile of a probe is made from recordings with it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np

from n1codec.codec import CodecError
from n1codec.container.models import stretches
from n1codec.pipeline import Pipeline
from n1codec.recordings.columns import frames_within, signals
from n1codec.recordings.recording import Recording

MOST_SAMPLES = 1 << 23
"""Samples of all recordings together that are trained on: stretches that are evenly spread."""


class Part(NamedTuple):
    """Recordings of one probe, or some of them."""

    frames: np.ndarray
    """int16 or uint16 of shape (frames, channels)."""
    converters: np.ndarray | None
    """The number of the converter of each channel, shape (channels,); None where nobody knows."""


def load(recordings: Iterable[Recording]) -> list[Recording]:
    """Return the signals of recordings of 16 bits, all of the same channels.

    Raises:
        CodecError: there are none, or they differ in their channels or dtype.
    """
    found = [signals(one) for one in recordings if one.dtype in (np.int16, np.uint16) and one.frames]
    if not found:
        raise CodecError("there are no recordings of 16 bits to train on")
    for one in found:
        if (one.channels, one.dtype) != (found[0].channels, found[0].dtype):
            raise CodecError(
                f"{one.name} has {one.channels} channels of {one.dtype}, and {found[0].name} has "
                f"{found[0].channels} of {found[0].dtype}: a profile is made from recordings of one probe"
            )
    return found


def part(recordings: Sequence[Recording], first: float = 0, last: float = 1) -> Part:
    """Return what is trained on, and measured on, of what :func:`load` returned.

    Args:
        first, last: where it begins and ends in each recording, as parts of its length.

    Raises:
        CodecError: there are no frames.
    """
    most = frames_within(recordings, MOST_SAMPLES) or max(one.frames for one in recordings)
    pieces = [
        one.read(start, stop)
        for one in recordings
        for start, stop in stretches(int(first * one.frames), int(last * one.frames), most)
    ]
    frames = np.concatenate(pieces)
    if not len(frames):
        raise CodecError("the recordings are too short to train on")
    return Part(frames, recordings[0].converters)


def measure(codec: Pipeline, other: Part, profile: bytes) -> tuple[int, int]:
    """Return the bytes that samples take: with a model of their own, and with a profile that is elsewhere."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "other.n1p"
        path.write_bytes(profile)
        given = Pipeline([type(codec.coder)(**codec.coder.get_config() | {"profile": path})])
        own, named = codec.fit(*other), given.fit(*other)
        return len(own) + len(codec.encode(other.frames, own)), len(named) + len(given.encode(other.frames, named))
