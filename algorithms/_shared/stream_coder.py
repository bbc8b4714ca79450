"""What the adapters of libraries share whose decompressor is an object that stops where it is told to."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

from n1codec.codec import ByteCoder, FormatError


class StreamCoder(ByteCoder):
    """A coder with a decompressor as zlib, bz2 and lzma have it: ``decompress(data, size)``, eof and unused_data."""

    stream: ClassVar[str]
    """What the format is called in messages."""

    @abstractmethod
    def decompressor(self) -> Any: ...

    def decompress(self, data: bytes, size: int) -> bytes:
        decompressor = self.decompressor()
        raw: bytes = decompressor.decompress(data, size + 1)
        if not decompressor.eof or decompressor.unused_data:
            raise FormatError(f"its {self.stream} stream does not end where it should")
        return raw
