"""The lowest and the highest sample of every block: of a recording that is too large to be copied, of filtered signals.

They are made in the background, from the beginning of the recording to its end, and stay in the cache:

    overview-BLOCK.bin            int16 of shape (blocks, channels, 2): blocks of BLOCK frames, then blocks of twice as
                                  many, and so on to one block of all
    overview-BLOCK-FILTER.bin     the same of what was done to the signals, as ``Processing.text`` has it
    overview-BLOCK[-FILTER].json  how many frames are in it

A viewer that ends before all is read goes on there the next time.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import numpy as np

from n1codec import files
from n1codec.analysis.decimate import release
from n1codec.viewer.jobs import Cancelled
from n1codec.viewer.signals import EXACT, extremes

MOST_BYTES = 1 << 30
"""Of the file; of longer recordings the blocks are longer."""
_STRETCH_BYTES = 8 << 20
"""About how many bytes of samples are held at a time."""
_BUSY = 0.5
"""The share of a processor that reading may take."""
_NOTED = 2.0
"""Seconds after which it is noted how far it is."""


class Overview:
    """Extremes of blocks, as many as there are yet.

    Attributes:
        block: frames of the shortest blocks, a power of 2.
        frames: of the recording, from its beginning on, whose blocks are there.
    """

    def __init__(
        self,
        shape: tuple[int, int],
        read: Callable[[int, int], np.ndarray],
        folder: Path,
        name: str = "",
        most: int | None = None,
        least: int = 1,
    ) -> None:
        """Take up what is in a folder.

        Args:
            shape: channels and frames.
            read: returns the samples of all channels from one frame to another, int16 of shape (channels, frames).
            folder: belongs to the content of these signals; it need not be there yet.
            name: of what was done to them, "" for nothing.
            most: bytes of the file; ``MOST_BYTES`` if None.
            least: frames that are read at a time at least.
        """
        self._read, self._samples, self._least = read, shape, least
        channels, frames = shape
        self.block = 2 * EXACT
        while 4 * channels * sum(_levels(frames, self.block)) > (most or MOST_BYTES):
            self.block *= 2
        self._starts = np.cumsum([0, *_levels(frames, self.block)])
        self._shape = int(self._starts[-1]), channels, 2
        self._path = folder / f"overview-{self.block}{name and '-'}{name}.bin"
        self._note = self._path.with_suffix(".json")
        self.frames = 0
        self._values: np.ndarray | None = None
        try:
            done = json.loads(self._note.read_text(encoding="ascii"))["frames"]
            self._map()
        except (OSError, ValueError, KeyError, TypeError):
            return  # it is not there, or not whole
        if isinstance(done, int) and 0 < done <= frames and (done == frames or done % self.block == 0):
            self.frames = done

    @property
    def share(self) -> float:
        """How much of the recording is in it, from 0 to 1."""
        return self.frames / self._samples[1]

    def ready(self, width: int, first: int, bins: int) -> int:
        """Return how many of some bins, from the first of them on, are there with all their samples.

        Args:
            width: frames of a bin, a power of 2.
        """
        if width < self.block:
            return 0
        there = -(-self.frames // width) if self.share == 1 else self.frames // width
        return min(max(there - first, 0), bins)

    def extremes(self, width: int, channels: np.ndarray, first: int, last: int) -> np.ndarray:
        """Return the lowest and the highest sample of bins that are ready, int16 of shape (channels, bins, 2)."""
        if self._values is None or first >= last:
            return np.empty((len(channels), 0, 2), np.int16)
        level = min((width // self.block).bit_length() - 1, len(self._starts) - 2)
        at = int(self._starts[level])
        found = self._values[at + first : at + last, channels].swapaxes(0, 1)
        release(self._values)
        return found

    def fill(self, progress: Callable[[float], None], cancel: threading.Event) -> None:
        """Read what is not read yet, with pauses.

        Raises:
            Cancelled: ``cancel`` is set.
            OSError: it cannot be written; what was there before holds.
        """
        channels, frames = self._samples
        step = -(-max(_STRETCH_BYTES // (2 * channels), self._least) // self.block) * self.block
        self._path.parent.mkdir(parents=True, exist_ok=True)
        if not self._path.exists():
            self.frames = 0
        with self._path.open("r+b" if self._path.exists() else "w+b", buffering=0) as file:
            file.truncate(2 * int(np.prod(self._shape)))
            self._map()
            self._keep()
            noted = time.monotonic()
            try:
                while self.frames < frames:
                    if cancel.is_set():
                        raise Cancelled
                    began = time.monotonic()
                    self._add(file, min(self.frames + step, frames))
                    progress(self.share)
                    if began - noted > _NOTED:
                        self._keep()
                        noted = began
                    cancel.wait((time.monotonic() - began) * (1 / _BUSY - 1))
            finally:
                self._keep()

    def _keep(self) -> None:
        files.write_text(self._note, json.dumps({"frames": self.frames}), durable=False)

    def _add(self, file: BinaryIO, stop: int) -> None:
        """Write the blocks that end up to a frame, and those of all levels that are whole then."""
        start, frames = self.frames, self._samples[1]
        made = extremes(self._read(start, stop), self.block).swapaxes(0, 1)
        assert self._values is not None
        for level, at in enumerate(self._starts[:-1].tolist()):
            width = self.block << level
            first, last = start // width, -(-stop // width) if stop == frames else stop // width
            if level and first < last:
                below = int(self._starts[level - 1])
                pairs = self._values[below + 2 * first : min(below + 2 * last, at)]
                made = np.empty((last - first, *self._shape[1:]), np.int16)
                each = np.arange(0, len(pairs), 2)
                np.minimum.reduceat(pairs[..., 0], each, axis=0, out=made[..., 0])
                np.maximum.reduceat(pairs[..., 1], each, axis=0, out=made[..., 1])
            if first < last:
                file.seek(2 * (at + first) * int(np.prod(self._shape[1:])))
                file.write(np.ascontiguousarray(made).data)
        release(self._values)
        self.frames = stop

    def _map(self) -> None:
        self._values = np.memmap(self._path, np.int16, "r", shape=self._shape)


def prune(folder: Path, keep: int) -> None:
    """Delete the overviews of processed signals but those that were written last, so many of them."""
    with suppress(OSError):  # another viewer was faster
        found = sorted(folder.glob("overview-*-*.bin"), key=lambda path: path.stat().st_mtime)
        for path in found[: max(len(found) - keep, 0)]:
            path.unlink()
            path.with_suffix(".json").unlink()


def _levels(frames: int, block: int) -> list[int]:
    """Return how many blocks each level has, up to the one that has a single one."""
    sizes = [-(-frames // block)]
    while sizes[-1] > 1:
        sizes.append(-(-sizes[-1] // 2))
    return sizes
