"""Files of one channel each that were recorded together, as one recording of many channels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath
from typing import Any

import numpy as np

from n1codec.codec import CodecError
from n1codec.recordings.recording import Recording, channel_numbers
from n1codec.recordings.samples import Mapped
from n1codec.recordings.source import Source, SourceFile

_MOST_SPARE = 0.01
"""Share of a file by which it may be longer than the shortest."""


class Together(Recording):
    """One channel of each of several recordings, over the frames that all of them have."""

    def __init__(self, name: str, parts: Sequence[Recording]) -> None:
        """Take recordings of one channel, one rate and one dtype."""
        first = parts[0]
        self.name, self.parts = name, tuple(parts)
        self.rate, self.dtype, self.bits = first.rate, first.dtype, first.bits
        self.frames, self.channels = min(part.frames for part in parts), len(parts)
        self.channel_names = tuple(PurePath(part.name).stem for part in parts)
        self.gains = _joined([part.gains for part in parts])
        self.offsets = _joined([part.offsets for part in parts])
        self.geometry = _joined([part.geometry for part in parts])
        self.sync = tuple(number for number, part in enumerate(parts) if part.sync)

    def _frames(self, start: int, stop: int) -> np.ndarray:
        return np.concatenate([part.read(start, stop) for part in self.parts], axis=1)

    def read(self, start: int = 0, stop: int | None = None, channels: Any = None) -> np.ndarray:
        """Return a stretch of the samples; files whose channels are not asked for are not read."""
        if channels is None:
            return super().read(start, stop)
        wanted = channel_numbers(channels, self.channels)
        start, stop, _ = slice(start, stop).indices(self.frames)
        pieces = [self.parts[number].read(start, max(start, stop)) for number in wanted]
        return np.concatenate([np.zeros((max(0, stop - start), 0), self.dtype), *pieces], axis=1)

    def __reduce__(self) -> tuple[Any, ...]:
        return Together, (self.name, self.parts)

    def release(self) -> None:
        for part in self.parts:
            part.release()


def group(sources: Sequence[Source], name: str) -> Source:
    """Return one source, a folder, of one-channel sources that were recorded together.

    Files that are up to 1 % longer than the shortest are cut in the recording to its length; what they have behind that
    is kept as bytes.

    Args:
        sources: in the order of the channels.
        name: what the folder is called.

    Raises:
        CodecError: one has several channels, another rate or dtype, or a quite different length, or two have one name.
    """
    if not sources:
        raise CodecError("there are no recordings to take together")
    parts = [_one_channel(source) for source in sources]
    first, frames = parts[0], min(part.frames for part in parts)
    shortest = sources[[part.frames for part in parts].index(frames)]
    for source, part in zip(sources, parts, strict=True):
        if part.rate != first.rate:
            raise CodecError(_differ(source, sources[0], f"{part.rate:g} frames a second and {first.rate:g}"))
        if (part.dtype, part.bits) != (first.dtype, first.bits):
            raise CodecError(_differ(source, sources[0], f"samples of {part.form.kind} and of {first.form.kind}"))
        if part.frames > frames * (1 + _MOST_SPARE):
            raise CodecError(_differ(source, shortest, f"{part.frames} frames and {frames}"))
    files: dict[str, SourceFile] = {}
    for channel, (source, part) in enumerate(zip(sources, parts, strict=True)):
        its_own, *beside = source.files
        end = part.start + frames * part.bits // 8
        if its_own.name in files:
            raise CodecError(f"{its_own.name}: there are two files of that name (rename one)")
        files[its_own.name] = its_own._replace(stream="", end=end, first_channel=channel)
        files |= {file.name: file for file in beside}
    return Source(name, {"": Together(name, parts)}, tuple(files.values()), folder=True)


def _one_channel(source: Source) -> Mapped:
    recording = source.stream()
    if source.folder or recording.channels != 1 or not isinstance(recording, Mapped):
        raise CodecError(
            f"{source.name}: it has {recording.channels} channels; only files of one channel can be taken together"
        )
    return recording


def _differ(source: Source, other: Source, how: str) -> str:
    return f"{source.name}: it was not recorded together with {other.name}: they have {how} (leave one out)"


def _joined(values: Sequence[np.ndarray | None]) -> np.ndarray | None:
    known = [value for value in values if value is not None]
    return np.concatenate(known) if len(known) == len(values) else None
