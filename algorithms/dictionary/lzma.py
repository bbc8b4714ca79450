"""LZMA: LZ77 with a large window, and an adaptive binary range coder whose contexts know the byte's position.

The stream is a .lzma file (the LZMA SDK's "LZMA_Alone"): 13 bytes of header, and none of .xz's sums, since a .n1c
file has its own.
"""

from __future__ import annotations

from typing import Any

from n1codec.codec import Int

from .._shared.stream_coder import StreamCoder

_MEMORY = 128 << 20  # preset 9 decodes with 65 MiB


class Lzma(StreamCoder):
    stream = "LZMA"
    wire = "lz"
    preset: int
    lc: int
    lp: int
    pb: int
    params = {
        "preset": Int(9, 0, 9, "0 is fast, 9 is small"),
        "lc": Int(3, 0, 4, "high bits of the byte before that a literal's context has"),
        "lp": Int(0, 0, 4, "low bits of the position that it has; 1 suits 16-bit samples (lc + lp is at most 4)"),
        "pb": Int(2, 0, 4, "low bits of the position that other contexts have; 1 suits 16-bit samples"),
    }
    grid = (
        "lzma",
        "delta|lzma",
        "remap|lzma",
        "remap|lzma:lc=0,lp=1,pb=1",
        "remap|delta|zigzag|planes|lzma:lc=0,pb=0",
    )

    def __init__(self, **values: object) -> None:
        super().__init__(**values)
        if self.lc + self.lp > 4:
            from n1codec.codec import SpecError

            raise SpecError(f"lzma: lc={self.lc} and lp={self.lp} are not allowed (their sum is at most 4)")

    def compress(self, data: bytes) -> bytes:
        import lzma

        chain = {"id": lzma.FILTER_LZMA1, "preset": self.preset, "lc": self.lc, "lp": self.lp, "pb": self.pb}
        # No larger than the data: a window that cannot fill costs only the time to clear it.
        window = 1 << max(len(data) - 1, 4095).bit_length()
        chain["dict_size"] = min(window, 1 << (18, 20, 21, 22, 22, 23, 23, 24, 25, 26)[self.preset])
        return lzma.compress(data, lzma.FORMAT_ALONE, filters=[chain])

    def decompressor(self) -> Any:
        import lzma

        return lzma.LZMADecompressor(lzma.FORMAT_ALONE, memlimit=_MEMORY)
