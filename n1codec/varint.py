"""Unsigned LEB128 integers and length-prefixed byte strings, as the container and the pipeline write them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from n1codec.codec import FormatError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer as Buffer


def put_uint(value: int) -> bytes:
    """Return ``value`` >= 0 as 7-bit groups, the lowest first, the top bit set on all but the last."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def put_bytes(data: bytes) -> bytes:
    return put_uint(len(data)) + data


class Reader:
    """A cursor over the bytes of any buffer that raises FormatError instead of reading past their end."""

    def __init__(self, data: Buffer) -> None:
        # A slice of bytes that is all of them is no copy, and most payloads are read in one piece.
        self.data = data if isinstance(data, bytes) else memoryview(data).cast("B")
        self.at = 0

    def take(self, count: int) -> bytes:
        end = self.at + count
        if end > len(self.data):
            raise FormatError("it ends too early")
        piece = bytes(self.data[self.at : end])
        self.at = end
        return piece

    def uint(self) -> int:
        value = shift = 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            if byte < 0x80 and value < 1 << 64:
                return value
            shift += 7
            if shift > 63:
                raise FormatError("an integer in it is too long")

    def prefixed(self) -> bytes:
        return self.take(self.uint())

    def rest(self) -> bytes:
        return self.take(len(self.data) - self.at)
