"""How samples stand in a file, and samples that are mapped into memory from one."""

from __future__ import annotations

import mmap
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from n1codec.recordings.recording import Recording

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer as Buffer


class Form(NamedTuple):
    """How samples of some channels stand in a file."""

    kind: str = "int16"
    """A NumPy dtype's name, or ``int24``, which is held in int32."""
    big_endian: bool = False
    channels_apart: bool = False
    """True: all frames of a channel stand together (order F); False: all channels of a frame do (order C)."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """What the samples are held in, in this machine's byte order."""
        return np.dtype("int32" if self.kind == "int24" else self.kind)

    @property
    def bits(self) -> int:
        """Bits that a sample takes in the file."""
        return 24 if self.kind == "int24" else self.dtype.itemsize * 8

    @property
    def _in_file(self) -> np.dtype[Any]:
        return self.dtype.newbyteorder(">" if self.big_endian else "<")

    def unpack(self, raw: Buffer, channels: int) -> np.ndarray:
        """Return sample bytes as an array of shape (frames, channels) in the machine's byte order.

        It is a view of ``raw``, aligned or not, where the bytes need no change.
        """
        raw = memoryview(raw)
        if self.kind == "int24":
            packed = np.frombuffer(raw, np.uint8).reshape(-1, 3)
            wide = np.zeros((len(packed), 4), np.uint8)
            wide[:, 1:] = packed[:, ::-1] if self.big_endian else packed
            samples = wide.view("<i4")[:, 0] >> 8
        else:
            samples = np.frombuffer(raw, self._in_file).astype(self.dtype, copy=False)
        return samples.reshape(channels, -1).T if self.channels_apart else samples.reshape(-1, channels)

    def pack(self, samples: np.ndarray) -> memoryview:
        """Return the bytes of samples as they stand in a file; the inverse of :meth:`unpack`."""
        rows = samples.T if self.channels_apart else samples
        if self.kind == "int24":
            little = np.ascontiguousarray(rows, "<i4").reshape(-1, 1).view(np.uint8)[:, :3]
            return memoryview(little[:, ::-1].tobytes() if self.big_endian else little.tobytes())
        there = np.ascontiguousarray(rows, self._in_file)
        return there.ravel().view(np.uint8).data if there.size else memoryview(b"")


def release(data: memoryview) -> None:
    """Give back the memory that holds what was read so far of a file that is mapped into it."""
    mapped = data.obj
    if isinstance(mapped, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        mapped.madvise(mmap.MADV_DONTNEED)  # pages that are needed again are read again


class Mapped(Recording):
    """Samples that stand one behind the other in a file, mapped or in memory."""

    def __init__(self, name: str, rate: float, channels: int, form: Form, data: memoryview, start: int = 0,
                 size: int | None = None) -> None:  # fmt: skip
        """Take the samples that are in ``size`` bytes of a file's bytes ``data``, from ``start`` on.

        There may be fewer bytes than that; those that fill no whole frame are left out.
        """
        size = len(data) - start if size is None else size
        block = channels * form.bits // 8
        self.name, self.rate, self.channels, self.form = name, rate, channels, form
        self.dtype, self.bits = form.dtype, form.bits
        self.frames = min(size, len(data) - start) // block if block else 0
        self.missing_frames = size // block - self.frames if block else 0
        self.data, self.start, self.end = data, start, start + self.frames * block
        self.channel_names = tuple(str(channel) for channel in range(channels))

    @property
    def encoded(self) -> memoryview:
        """The bytes of the samples."""
        return self.data[self.start : self.end]

    def _frames(self, start: int, stop: int) -> np.ndarray:
        width = self.bits // 8
        if self.form.channels_apart:
            rows = np.frombuffer(self.encoded, np.uint8).reshape(self.channels, self.frames * width)
            return self.form.unpack(rows[:, start * width : stop * width].tobytes(), self.channels)
        block = self.channels * width
        return self.form.unpack(self.encoded[start * block : stop * block], self.channels)

    def release(self) -> None:
        release(self.data)
