"""mtscomp: ``X.cbin`` holds compressed chunks of a recording, ``X.ch`` beside it says what and where they are.

The format: The International Brain Laboratory, https://github.com/int-brain-lab/mtscomp: differences in time, and maybe
across channels, by zlib. The samples can be looked at, a chunk at a time. As a source its files have none: they are
compressed already, and kept as they are.
"""

from __future__ import annotations

import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from n1codec import files
from n1codec.codec import FormatError
from n1codec.recordings import spikeglx
from n1codec.recordings.recording import Recording, UnknownFormat
from n1codec.recordings.source import Source, SourceFile

_LARGEST_CHUNK = 1 << 31


class Mtscomp(Recording):
    """A recording in chunks that are decompressed when they are read; the last one is kept."""

    def __init__(self, name: str, data: memoryview, about: dict[str, Any]) -> None:
        """Take the bytes of a ``.cbin`` and what its ``.ch`` says.

        Raises:
            UnknownFormat: it says something else than that, or nothing that could be.
        """
        try:
            self.bounds = [int(bound) for bound in about["chunk_bounds"]]
            self.places = [int(place) for place in about["chunk_offsets"]]
            self.dtype = np.dtype(about["dtype"]).newbyteorder("=")
            self.channels, self.rate = int(about["n_channels"]), float(about["sample_rate"])
            self.columns = str(about.get("chunk_order", "F")) == "F"
            self.in_time = bool(about.get("do_time_diff", True))
            self.across = bool(about.get("do_spatial_diff", False))
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise UnknownFormat("its .ch is damaged") from error
        sizes = np.diff(self.bounds)
        if (
            about.get("algorithm", "zlib") != "zlib" or self.dtype.kind not in "iu" or self.channels < 1
            or len(self.bounds) != len(self.places) or len(self.bounds) < 2 or self.bounds[0] != 0
            or (sizes < 1).any() or (np.diff(self.places) < 1).any() or self.places[0] < 0
            or int(sizes.max()) * self.channels * self.dtype.itemsize > _LARGEST_CHUNK or not 0 <= self.rate < np.inf
        ):  # fmt: skip
            raise UnknownFormat("its .ch speaks of something that is not read")
        self.name, self.data = name, data
        self.bits = self.dtype.itemsize * 8
        there = sum(place <= len(data) for place in self.places[1:])
        self.frames, self.missing_frames = self.bounds[there], self.bounds[-1] - self.bounds[there]
        self.channel_names = tuple(str(channel) for channel in range(self.channels))
        self._last: tuple[int, np.ndarray] | None = None

    def _frames(self, start: int, stop: int) -> np.ndarray:
        first = int(np.searchsorted(self.bounds, start, "right")) - 1
        pieces = [np.empty((0, self.channels), self.dtype)]
        for number in range(first, len(self.bounds) - 1):
            begin, end = self.bounds[number : number + 2]
            if begin >= stop:
                break
            pieces.append(self._chunk(number)[max(start - begin, 0) : min(stop, end) - begin])
        return np.concatenate(pieces)

    def _chunk(self, number: int) -> np.ndarray:
        """Return a chunk, shape (frames, channels)."""
        kept = self._last
        if kept is not None and kept[0] == number:
            return kept[1]
        frames = self.bounds[number + 1] - self.bounds[number]
        size = frames * self.channels * self.dtype.itemsize
        inflating = zlib.decompressobj()
        try:
            raw = inflating.decompress(self.data[self.places[number] : self.places[number + 1]], size + 1)
        except zlib.error as error:
            raise FormatError(f"{self.name}: its chunk {number} is damaged") from error
        if len(raw) != size or not inflating.eof:  # only at the end its checksum is looked at
            raise FormatError(f"{self.name}: its chunk {number} is damaged")
        there = np.frombuffer(raw, self.dtype.newbyteorder("<")).astype(self.dtype, copy=False)
        x = there.reshape((frames, self.channels), order="F" if self.columns else "C")
        if self.across:
            x = np.cumsum(x, axis=1, dtype=self.dtype)
        if self.in_time:
            x = np.cumsum(x, axis=0, dtype=self.dtype)
        self._last = (number, x)
        return x

    def release(self) -> None:
        self._last = None


def description_of(path: Path) -> Path | None:
    """Return the ``.ch`` that belongs to a ``.cbin``, None if the file is none."""
    beside = path.with_suffix(".ch")
    return beside if path.suffix.lower() == ".cbin" and beside.is_file() else None


def read(path: Path, data: memoryview, beside: Path) -> Source:
    """Return the recording in a ``.cbin``; a SpikeGLX ``.meta`` of the same name tells about its channels.

    Raises:
        UnknownFormat: its ``.ch``, which is ``beside``, is damaged.
    """
    held = [SourceFile(path.name, data), SourceFile(beside.name, files.view(beside))]
    try:
        about = json.loads(bytes(held[1].data))
    except (ValueError, RecursionError) as error:
        raise UnknownFormat("its .ch is damaged") from error
    recording = Mtscomp(path.name, data, about if isinstance(about, dict) else {})
    meta = path.with_suffix(".meta")
    if meta.is_file():
        held.append(SourceFile(meta.name, files.view(meta)))
        spikeglx.describe(recording, spikeglx.parse(bytes(held[2].data)))
    return Source(path.name, {"": recording}, tuple(held))
