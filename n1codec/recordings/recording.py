"""What a recording is to the rest of the house: samples that are read when they are asked for, and what they mean."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from n1codec.codec import CodecError

if TYPE_CHECKING:
    from n1codec.recordings.source import Place

Channels = int | slice | Sequence[int] | np.ndarray | None
"""Which channels to read: one, some in any order, or all (None)."""

BLOCK_BYTES = 4 << 20
"""About how much of a recording is held at a time by what goes through all of it."""


def channel_numbers(channels: Channels, count: int) -> np.ndarray:
    """Return the numbers of the channels that are meant, int64 of shape (channels,).

    Raises:
        IndexError: there is no such channel among ``count``.
    """
    every = np.arange(count)
    if channels is None:
        return every
    chosen = channels if isinstance(channels, slice | np.ndarray) else np.asarray(channels, np.intp)
    return np.atleast_1d(every[chosen])


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
    """Microvolts per unit of a sample, float64 of shape (channels,); 1 for the channels of :attr:`sync`, which have no
    voltage. None where the file does not say it."""
    offsets: np.ndarray | None = None
    """Microvolts at a sample of 0, float64 of shape (channels,); None where the file does not say it."""
    geometry: np.ndarray | None = None
    """Places of the electrodes in micrometres, across and along the probe, float64 of shape (channels, 2); NaN for
    channels that have no electrode. None where the file does not say it."""
    converters: np.ndarray | None = None
    """Number of the analogue-to-digital converter of each channel, int of shape (channels,); -1 for channels that have
    none, such as those for synchronisation. None where the file does not say it."""
    sync: tuple[int, ...] = ()
    """Numbers of the channels that hold no signal but digital lines or events."""
    stream: str = ""
    """Its name where the source has several streams."""
    auxiliary: bool = False
    """True: no recording by itself, but numbers beside one, such as times of frames."""
    place: Place | None = None
    """Where it was opened, so that another process can open it there; None where it is not in a file."""

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
            index = columns(channel_numbers(channels, self.channels))
            x = x[:, index] if isinstance(index, slice) else x.take(index, axis=1)
        return np.require(x, self.dtype, ["C", "A"])

    def __getitem__(self, key: Any) -> np.ndarray:
        """Return samples by frames, or by frames and channels: ``rec[100:200]``, ``rec[100:200, [3, 5]]``, ``rec[7]``.

        As in NumPy an index takes its axis away, so that ``rec[7]`` has the shape (channels,) and ``rec[:, 3]``
        (frames,). A step other than 1 reads all frames between.

        Raises:
            IndexError: there is no such frame or channel.
        """
        frames, channels = key if isinstance(key, tuple) else (key, None)
        if isinstance(channels, slice) and channels == slice(None):
            channels = None
        if isinstance(frames, slice):
            start, stop, step = frames.indices(self.frames)
            if step < 0:
                x = self.read(stop + 1, start + 1, channels)[::step] if start > stop else self.read(0, 0, channels)
            else:
                x = self.read(start, max(start, stop), channels)[::step]
        else:
            frame = int(frames) + (self.frames if frames < 0 else 0)
            if not 0 <= frame < self.frames:
                raise IndexError(f"there is no frame {frames} (there are {self.frames})")
            x = self.read(frame, frame + 1, channels)[0]
        return x[..., 0] if isinstance(channels, int | np.integer) else x

    def __len__(self) -> int:
        return self.frames

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle where the recording is, not its samples: it is opened anew where it is unpickled.

        Raises:
            TypeError: it is not in a file.
        """
        from n1codec.recordings import open_stream

        if self.place is None:
            raise TypeError(f"{self.name}: it is in memory, in no file, and cannot be sent to another process")
        return open_stream, (self.place.absolute(),)

    def to_dask(self) -> Any:
        """Return the samples as a ``dask.array.Array``, shape (frames, channels), a block for each stretch of the file.

        Raises:
            UnavailableError: Dask is not installed.
        """
        from n1codec.adapters.dask import to_dask

        return to_dask(self)

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


def columns(numbers: Sequence[int] | np.ndarray) -> slice | np.ndarray:
    """Return an index of columns of an array: a slice where they stand side by side, which is several times as fast."""
    numbers = np.asarray(numbers)
    if len(numbers) and np.all(np.diff(numbers) == 1):
        return slice(int(numbers[0]), int(numbers[-1]) + 1)
    return numbers
