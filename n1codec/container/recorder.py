"""Recordings that are written while they are made, or written on: frames come in, whole chunks go to the disk."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from n1codec import files
from n1codec.codec import CodecError
from n1codec.container.access import Memory
from n1codec.container.archive import Archive, checksum_of
from n1codec.container.convert import PART, as_pipeline
from n1codec.container.header import DTYPES
from n1codec.container.models import frames_of_model, looked_at
from n1codec.container.packing import frames_of_chunk, groups_of, suited
from n1codec.container.version2 import Chunk, Group, Head, Stream
from n1codec.container.writer import Writer
from n1codec.pipeline import Pipeline, default_codec
from n1codec.recordings.recording import columns


class Recorder:
    """Takes frames, and writes each chunk as soon as it is full; see :func:`create` and :func:`append`.

    A context manager: the file gets its name when the block ends. Until then it is called ``NAME.part``, and holds
    every whole chunk that was given, whatever happens to the program (``n1codec recover``).

    A codec with models fits each to the first chunk that it serves. A whole chunk gets a new model where the last was
    fitted to a short one, which ``flush`` wrote.
    """

    def __init__(
        self,
        path: Path,
        file: Any,
        writer: Writer,
        codecs: list[Pipeline],
        dtype: np.dtype[Any],
        chunk: int,
        frames: int,
        models: int = 0,
        converters: np.ndarray | None = None,
    ) -> None:
        self.path, self._file, self._writer, self._codecs = path, file, writer, codecs
        self._dtype, self._chunk = dtype, chunk
        self.frames = frames
        """Frames that are in whole chunks."""
        self._held: list[np.ndarray] = []
        self._waiting = 0
        self._number, self._converters = models, converters
        self._models: list[bytes | None] = [None] * len(codecs)
        self._fitted = 0
        """Frames that the models were fitted to; 0 where there are none yet."""
        self._until = frames
        """The first frame that the models do not serve."""

    @property
    def channels(self) -> int:
        return self._writer.head.streams[0].channels

    def write(self, samples: Any) -> None:
        """Add frames.

        Args:
            samples: shape (frames, channels), or (frames,) of one channel, of the recording's dtype.

        Raises:
            CodecError: they have another shape or dtype.
            OSError: the disk is full.
        """
        x = np.asarray(samples)
        x = x[:, None] if x.ndim == 1 and self.channels == 1 else x
        if x.ndim != 2 or x.shape[1] != self.channels or x.dtype != self._dtype:
            raise CodecError(
                f"frames of {self.channels} channels of {self._dtype} are wanted, not {x.dtype} of shape {x.shape}"
            )
        self._held.append(x.copy())
        self._waiting += len(x)
        while self._waiting >= self._chunk:
            self._put(self._chunk)

    def _put(self, count: int) -> None:
        x = np.concatenate(self._held) if len(self._held) > 1 else self._held[0]
        self._held = [x[count:]]
        self._waiting -= count
        due = self.frames >= self._until or self._fitted < count == self._chunk
        if due and any(codec.model_coder for codec in self._codecs):
            self._fit(x[:count])
        for number, (group, codec) in enumerate(zip(self._writer.head.streams[0].groups, self._codecs, strict=True)):
            part, model = np.ascontiguousarray(x[:count, columns(group.channels)]), self._models[number]
            chunk = Chunk(0, number, self.frames, count, self._number if model is not None else 0, 0, 0)
            payload, kept = codec.coded(part, model)
            self._writer.chunk(chunk, checksum_of(kept), payload)
        self.frames += count

    def _fit(self, x: np.ndarray) -> None:
        """Write new models of the groups whose codecs have any, fitted to the frames that need them first."""
        stream, self._number = self._writer.head.streams[0], self._number + 1
        for number, (group, codec) in enumerate(zip(stream.groups, self._codecs, strict=True)):
            if codec.model_coder:
                channels = columns(group.channels)
                stretches = looked_at(codec.model_coder, stream.rate or 0.0, 0, len(x))
                part = np.concatenate([x[start:stop, channels] for start, stop in stretches])
                model = codec.fit(part, None if self._converters is None else self._converters[channels])
                self._writer.model(0, number, self._number, model)
                self._models[number] = model
        self._fitted = len(x)
        self._until = self.frames + frames_of_model(self._codecs[0], stream.rate or 0.0, self._chunk)

    def flush(self) -> None:
        """Write the frames that wait for a chunk to be full as a short one, and sync the file to the disk."""
        if self._waiting:
            self._put(self._waiting)
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Write what waits, and the index; the file gets its name."""
        if self._file.closed:
            return
        with files.named(self.path):
            if self._waiting:
                self._put(self._waiting)
            self._writer.finish([self.frames])
            os.fsync(self._file.fileno())
            self._file.close()
            Path(f"{self.path}{PART}").replace(self.path)
            files.sync_folder(self.path.parent)

    def __enter__(self) -> Recorder:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        """End the file; after an error what was written stays as NAME.part."""
        if kind is None:
            self.close()
        else:
            self._file.close()


def create(
    path: str | Path,
    channels: int,
    dtype: Any = "int16",
    rate: float | None = None,
    spec: str | None = None,
    channel_names: Sequence[str] | None = None,
    gains: Sequence[float] | None = None,
    converters: Sequence[int] | None = None,
) -> Recorder:
    """Begin a .n1c file that frames are written to as they come.

    Args:
        channels: how many there are.
        dtype: of the samples.
        rate: frames a second.
        spec: the codec; the one that suits the dtype if None. One with models (:class:`n1codec.codec.ModelCoder`) fits
            each to the first chunk that it serves, since later ones are not there yet.
        channel_names: one for each channel.
        gains: microvolts per unit of a sample, one for each channel.
        converters: the number of each channel's analogue-to-digital converter, -1 for none.

    Raises:
        CodecError: ``path`` is being written, or was left by a kill as ``PATH.part``; the dtype is not known; there are
            more or fewer converters than channels.
        OSError: it cannot be written.
    """
    kind = np.dtype(dtype)
    if kind.name not in DTYPES:
        raise CodecError(f"samples of dtype {kind} cannot be coded")
    if channels < 1:
        raise CodecError(f"a recording has channels, and not {channels} of them")
    if converters is not None and len(converters) != channels:
        raise CodecError(f"{channels} channels have as many converters, not {len(converters)}")
    stages = as_pipeline(spec) if spec else default_codec()
    codec = stages or suited(kind)
    groups = groups_of(range(channels), codec)
    numbers = None if converters is None else np.asarray(converters, np.int64)
    said = {"channel_names": channel_names, "gains": gains, "converters": None if numbers is None else numbers.tolist()}
    about = {key: list(value) for key, value in said.items() if value is not None}
    names = tuple(Group(block, "|".join(stage.name for stage in codec.stages)) for block in groups)
    stream = Stream("", kind.name, rate, channels, names, about=about)
    target = Path(path).resolve()
    part = Path(f"{target}{PART}")
    with files.named(path):
        if part.exists():
            raise CodecError(f"{part}: it was left by a program that was killed (n1codec recover, or remove it)")
        file = part.open("xb", buffering=0)
    files.lock(file)
    writer = Writer(file.write, Head("", False, not codec.lossless, (stream,), ()))
    writer.begin([[codec] * len(groups)], [])
    chunk = frames_of_chunk(rate or 0.0, channels * kind.itemsize, codec.coder)
    return Recorder(target, file, writer, [codec] * len(groups), kind, chunk, 0, 0, numbers)


def append(path: str | Path) -> Recorder:
    """Go on with a .n1c file that :func:`create` began; what is in it is not touched.

    While it is written on it is called ``PATH.part``.

    Raises:
        CodecError: it was made from a file, whose bytes would no longer be those of that file, or is being written.
        FormatError: it is no .n1c file of version 2.
        OSError: it cannot be written.
    """
    target = Path(path).resolve()
    data = files.view(target)
    archive = Archive(Memory(data))
    if archive.version == 1 or archive.head.files or len(archive.head.streams) != 1:
        raise CodecError(f"{path}: it was made from a file (only what n1codec.create made can be written on)")
    (stream,) = archive.head.streams
    codecs = [archive.pipeline(0, group) for group in range(len(stream.groups))]
    models, (stored,) = max((number for _, _, number in archive.models), default=0), archive.streams.values()
    part = Path(f"{target}{PART}")
    with files.named(path):
        if part.exists():
            raise CodecError(
                f"{path}: it is being written, or a program that wrote it was killed ({part.name} is there)"
            )
        previous = archive.last_index
        target.replace(part)
        file = part.open("ab", buffering=0)
    files.lock(file)
    writer = Writer(file.write, archive.head, len(data), previous)
    chunk = frames_of_chunk(stream.rate or 0.0, stream.channels * archive.dtype(0).itemsize, codecs[0].coder)
    return Recorder(target, file, writer, codecs, archive.dtype(0), chunk, archive.frames[0], models, stored.converters)
