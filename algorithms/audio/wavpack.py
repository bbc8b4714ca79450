"""WavPack: cascaded sign-LMS filters with adaptive Golomb codes; the library through wavpack-numcodecs."""

from __future__ import annotations

import struct

import numpy as np

from n1codec.codec import Coder, FormatError, Int, Layout

_DTYPES = ("int8", "int16", "int32")
_MOST_CHANNELS = 4096
_HEADER = 32
_CHECKSUM = 1 << 28
"""The flag of a block that ends with a sum."""
_SHORTEST = 16
"""The library codes no fewer frames than these; shorter arrays are stored as they are."""


class Wavpack(Coder):
    wire = "w"
    requires = ("wavpack_numcodecs",)
    extra = (
        "install the system's WavPack, apt-get install wavpack libwavpack-dev or brew install wavpack, "
        "then pip install 'n1codec[wavpack]'"
    )
    dtypes = _DTYPES
    level: int
    params = {"level": Int(4, 1, 4, "1 is fast, 4 is small")}
    grid = ("wavpack", "delta|wavpack", "remap|wavpack:level=1", "remap|wavpack", "remap|delta|wavpack")

    @classmethod
    def unavailable(cls) -> str | None:
        if reason := super().unavailable():
            return reason
        try:
            import wavpack_numcodecs  # noqa: F401
        except Exception as error:
            return f"cannot load the WavPack library: {error} ({cls.extra})"
        return None

    def encode(self, x: np.ndarray) -> bytes:
        from wavpack_numcodecs.wavpack import compress

        frames, channels = _shape(x.shape)
        if frames < _SHORTEST:
            return x.astype(x.dtype.newbyteorder("<"), copy=False).tobytes()
        # The library's output may be as long as its input and no longer, so the input is given room that is not coded.
        room = np.zeros(x.nbytes + x.nbytes // 4 + 1024 + 256 * channels, np.uint8)
        room[: x.nbytes] = x.reshape(-1).view(np.uint8)
        return compress(room, self.level, frames, channels, 0.0, _DTYPES.index(x.dtype.name), 0, 0.0, 1)

    def decode(self, data: bytes, layout: Layout) -> np.ndarray:
        from wavpack_numcodecs.wavpack import decompress

        if _shape(layout.shape)[0] < _SHORTEST:
            return np.frombuffer(data, layout.dtype.newbyteorder("<")).reshape(layout.shape).astype(layout.dtype)
        _check(data, layout)
        x = np.zeros(layout.shape, layout.dtype)
        decompress(data, x.reshape(-1).view(np.uint8), 1)
        return x


def _shape(shape: tuple[int, ...]) -> tuple[int, int]:
    """Return frames and channels as the library is told; too many channels are one long one."""
    frames, channels = shape if len(shape) == 2 else (shape[0], 1)
    return (frames, channels) if channels <= _MOST_CHANNELS else (frames * channels, 1)


def _check(data: bytes, layout: Layout) -> None:
    """Refuse what is not whole, intact blocks of the wanted samples.

    The library tells of no error but the first block's, and prints that by itself.
    """
    frames, _ = _shape(layout.shape)
    at, done = 0, 0
    while at < len(data):
        if len(data) - at < _HEADER:
            raise FormatError("its WavPack stream is truncated")
        magic, size, _, high, high_total, total, first, count, flags = struct.unpack_from("<4sIHBBIIII", data, at)
        if magic != b"wvpk" or not _HEADER - 8 <= size <= len(data) - at - 8:
            raise FormatError("its WavPack stream is truncated or damaged")
        if total | high_total << 32 != frames or (flags & 3) + 1 != layout.dtype.itemsize:
            raise FormatError("its WavPack stream has another size")
        if flags & 0x800:  # the first block of these frames
            if first | high << 32 != done:
                raise FormatError("its WavPack blocks are not in order")
            done += count
        if flags & _CHECKSUM and not _intact(data[at : at + 8 + size]):
            raise FormatError("its WavPack stream is damaged")
        at += 8 + size
    if done != frames:
        raise FormatError("its WavPack stream has another size")


def _intact(block: bytes) -> bool:
    """Return whether a block has the sum of 32 bits that it ends with; True if it ends with no such sum.

    The sum is s = 3 s + word modulo 2**32 over the words of 16 bits before it, from s = 2**32 - 1 (WavPack 5's block
    checksum). Here it is the words times descending powers of 3.
    """
    if block[-6:-4] != b"\x2f\x02":
        return True
    words = np.frombuffer(block[:-6], "<u2")
    powers = np.full(words.size + 1, 3, np.uint32)
    powers[0] = 1
    powers = np.cumprod(powers, dtype=np.uint32)[::-1]
    total = int((words * powers[1:]).sum(dtype=np.uint32)) - int(powers[0])
    return total % (1 << 32) == int.from_bytes(block[-4:], "little")
