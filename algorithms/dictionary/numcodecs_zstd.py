"""Zstandard (RFC 8878) as numcodecs brings it: the classic table's ``lstd_numcodec``."""

from __future__ import annotations

from n1codec.codec import ByteCoder, FormatError, Int


class NumcodecsZstd(ByteCoder):
    wire = "nz"
    requires = ("numcodecs",)
    extra = "bench"
    level: int
    params = {"level": Int(22, -7, 22, "negative and low is fast, high is small")}
    grid = ("numcodecs_zstd", "delta|numcodecs_zstd", "remap|numcodecs_zstd")

    def compress(self, data: bytes) -> bytes:
        from numcodecs import zstd

        return zstd.compress(data, self.level)

    def decompress(self, data: bytes, size: int) -> bytes:
        from numcodecs import zstd

        if _content_size(data) != size:
            raise FormatError("its Zstandard frame has another size")
        return zstd.decompress(data)


def _content_size(frame: bytes) -> int | None:
    """Return what the header of a Zstandard frame says its content has, in bytes (RFC 8878, section 3.1.1.1)."""
    if frame[:4] != b"\x28\xb5\x2f\xfd" or len(frame) < 5:
        return None
    descriptor = frame[4]
    single_segment = descriptor >> 5 & 1
    start = 5 + (not single_segment) + (0, 1, 2, 4)[descriptor & 3]
    width = (single_segment, 2, 4, 8)[descriptor >> 6]
    if not width or len(frame) < start + width:
        return None
    return int.from_bytes(frame[start : start + width], "little") + (256 if width == 2 else 0)
