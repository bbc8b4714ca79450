"""What a recording is to the rest of the house: samples that are read when they are asked for, and what they mean."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from n1codec.codec import CodecError

Channels = int | slice | Sequence[int] | np.ndarray | None
"""Which channels to read: one, some in any order, or all (None)."""

BLOCK_BYTES = 4 << 20
"""About how much of a recording is held at a time by what goes through all of it."""


class UnknownFormat(CodecError):
    """A file whose samples no reader understands; the message says why."""


class Recording(ABC):
    """Samples of shape (frames, channels), one sampling rate, and what the file says about the channels.

    Nothing is read before :meth:`read` is called, so that a recording of hours costs no memory by itself.
    """

    name: str
    """The file's name, for messages."""
    rate: float
    """Frames a second; 0 where the file does not say it."""
    frames: int
    missing_frames: int = 0
    """How many frames the file promises beyond those that are there."""
    channels: int
    dtype: np.dtype[Any]
    """The dtype of what :meth:`read` returns, in this machine's byte order."""
    bits: int
    """Bits that a sample takes in the file: 24 of those that are held in int32, else those of the dtype."""
    channel_names: tuple[str, ...]
    gains: np.ndarray | None = None
    """Microvolts per unit of a sample, float64 of shape (channels,); None where the file does not say it."""
    offsets: np.ndarray | None = None
    """Microvolts at a sample of 0, float64 of shape (channels,); None where the file does not say it."""
    geometry: np.ndarray | None = None
    """Places of the electrodes in micrometres, float64 of shape (channels, 2); None where the file does not say it."""

    @property
    def shape(self) -> tuple[int, int]:
        return self.frames, self.channels

    @property
    def seconds(self) -> float:
        """How long the recording lasts; 0 where the rate is not known."""
        return self.frames / self.rate if self.rate else 0.0

    @abstractmethod
    def _frames(self, start: int, stop: int) -> np.ndarray:
        """Return the frames from ``start`` to ``stop``, 0 <= start <= stop <= frames, all channels, (frames, channels).

        The array may be a read-only view of the file that is not aligned.
        """

    def read(self, start: int = 0, stop: int | None = None, channels: Channels = None) -> np.ndarray:
        """Return a stretch of the samples, shape (frames, channels).

        Args:
            start, stop: frames, as in a slice: negative ones count from the end, those beyond it are left out.
            channels: numbers of the channels, in the order wanted; all of them if None. One number gives one column.

        Returns:
            A C-contiguous, aligned array of :attr:`dtype`. It may be a read-only view of the file.

        Raises:
            IndexError: there is no such channel.
        """
        start, stop, _ = slice(start, stop).indices(self.frames)
        x = self._frames(start, max(start, stop))
        if channels is not None:
            x = x[:, [channels] if isinstance(channels, int | np.integer) else channels]
        return np.require(x, self.dtype, ["C", "A"])

    def release(self) -> None:  # noqa: B027  (most have nothing to give back)
        """Give back the memory that holds what was read so far; arrays that were returned stay as they are."""

    def blocks(self, overlap: int = 0) -> Iterator[np.ndarray]:
        """Yield all frames in order, in stretches of about ``BLOCK_BYTES``.

        Args:
            overlap: frames of the stretch before that each one but the first begins with.
        """
        length = max(1, BLOCK_BYTES // max(1, self.channels * self.dtype.itemsize))
        for start in range(0, self.frames, length):
            yield self.read(max(0, start - overlap), start + length)
            self.release()
