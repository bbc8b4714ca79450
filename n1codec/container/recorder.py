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
from n1codec.container.packing import FLOATS, INTEGERS, frames_of_chunk, groups_of
from n1codec.container.version2 import Chunk, Group, Head, Stream
from n1codec.container.writer import Writer
from n1codec.pipeline import Pipeline, default_codec, get_codec


class Recorder:
    """Takes frames, and writes each chunk as soon as it is full; see :func:`create` and :func:`append`.

    A context manager: the file gets its name when the block ends. Until then it is called ``NAME.part``, and holds
    every whole chunk that was given, whatever happens to the program (``n1codec recover``).
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
    ) -> None:
        self.path, self._file, self._writer, self._codecs = path, file, writer, codecs
        self._dtype, self._chunk = dtype, chunk
        self.frames = frames
        """Frames that are in whole chunks."""
        self._held: list[np.ndarray] = []
        self._waiting = 0

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
        for number, (group, codec) in enumerate(zip(self._writer.head.streams[0].groups, self._codecs, strict=True)):
            part = np.ascontiguousarray(x[:count, list(group.channels)])
            chunk = Chunk(0, number, self.frames, count, 0, 0, 0)
            self._writer.chunk(chunk, checksum_of(part), codec.encode(part))
        self.frames += count

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
) -> Recorder:
    """Begin a .n1c file that frames are written to as they come.

    Args:
        channels: how many there are.
        dtype: of the samples.
        rate: frames a second.
        spec: the codec; the one that suits the dtype if None.
        channel_names: one for each channel.
        gains: microvolts per unit of a sample, one for each channel.

    Raises:
        CodecError: ``path`` is being written, or was left by a kill as ``PATH.part``; the dtype is not known.
        OSError: it cannot be written.
    """
    kind = np.dtype(dtype)
    if kind.name not in DTYPES:
        raise CodecError(f"samples of dtype {kind} cannot be coded")
    if channels < 1:
        raise CodecError(f"a recording has channels, and not {channels} of them")
    stages = as_pipeline(spec) if spec else default_codec()
    codec = stages or get_codec(FLOATS if kind.kind == "f" else INTEGERS)
    groups = groups_of(range(channels), codec)
    about = {
        key: list(value) for key, value in (("channel_names", channel_names), ("gains", gains)) if value is not None
    }
    names = tuple(Group(block, "|".join(stage.name for stage in codec.stages)) for block in groups)
    stream = Stream("", kind.name, rate, channels, names, about=about)
    target = Path(path).resolve()
    part = Path(f"{target}{PART}")
    with files.named(path):
        if part.exists():
            raise CodecError(f"{part}: it was left by a program that was killed (n1codec recover, or remove it)")
        file = part.open("xb", buffering=0)
    files.lock(file)
    lossy = any(not stage.lossless for stage in codec.stages)
    writer = Writer(file.write, Head("", False, lossy, (stream,), ()))
    writer.begin([[codec] * len(groups)], [])
    chunk = frames_of_chunk(rate or 0.0, channels * kind.itemsize, codec.coder)
    return Recorder(target, file, writer, [codec] * len(groups), kind, chunk, 0)


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
    return Recorder(target, file, writer, codecs, archive.dtype(0), chunk, archive.frames[0])
