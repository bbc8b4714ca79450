"""zlib streams (RFC 1950) by libdeflate: faster than zlib at every level, and smaller at its highest."""

from __future__ import annotations

from n1codec.codec import ByteCoder, FormatError, Int


class Libdeflate(ByteCoder):
    wire = "ld"
    requires = ("deflate",)
    extra = "more"
    level: int
    params = {"level": Int(12, 1, 12, "1 is fast, 12 is small")}
    grid = ("libdeflate", "remap|delta|zigzag|planes|libdeflate")

    def compress(self, data: bytes) -> bytes:
        import deflate

        return deflate.zlib_compress(data, self.level)

    def decompress(self, data: bytes, size: int) -> bytes:
        import deflate

        raw = deflate.zlib_decompress(data, size)
        # The library stops at the stream's end and does not say where that is; the sum must be the last thing there.
        if data[-4:] != deflate.adler32(raw).to_bytes(4, "big"):
            raise FormatError("its zlib stream does not end where it should")
        return raw
