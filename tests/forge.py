"""Files of format version 1 with right checksums and any fields: what somebody who means harm would write."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, replace

from n1codec.container import DTYPES, RATES
from n1codec.varint import put_bytes, put_uint

OPAQUE, WAV, WAV_AND_MORE, ARRAY = range(4)


def sealed(body: bytes) -> bytes:
    """Return .n1c bytes with a right checksum around a header and payload of one's own."""
    return b"N1C\x01" + struct.pack("<I", zlib.crc32(body)) + body


@dataclass(frozen=True)
class Forged:
    """The fields of a file as they are written; those that are bytes may be anything.

    The defaults are those of an array of 3 int16.
    """

    source: int = ARRAY
    mono: bool = True
    kind: int = DTYPES.index("int16")
    short_rate: bool = False
    rate: bytes = put_uint(RATES.index(30000))
    frames: bytes = put_uint(3)
    channels: bytes = b""
    axes: bytes = b""
    around: bytes = b""
    stages: tuple[bytes, ...] = (b"copy",)
    payload: bytes = b"\1\0\2\0\3\0"
    checksum: int | None = None
    """Of the source; None: that of the payload."""

    def bytes(self) -> bytes:
        checksum = zlib.crc32(self.payload) if self.checksum is None else self.checksum
        form = self.source | self.mono << 2 | self.kind << 3 | self.short_rate << 7
        head = self.rate + self.frames + self.channels + self.axes + self.around
        stages = b"".join(name[:-1] + bytes([name[-1] | 0x80]) for name in self.stages)
        return sealed(struct.pack("<IB", checksum, form) + head + stages + self.payload)

    def but(self, **fields: object) -> Forged:
        return replace(self, **fields)  # type: ignore[arg-type]


def around(prefix: bytes, suffix: bytes = b"") -> bytes:
    """Return the bytes around samples as a file holds them."""
    return put_bytes(zlib.compress(prefix)) + put_bytes(zlib.compress(suffix))
