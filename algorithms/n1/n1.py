"""N1: what the converter does to a signal is learned beforehand, the signal itself on the way.

Trained widths of the ADC's codes, a linear predictor from the last three samples and five running means that is solved
anew as the recording goes on (least squares over the past; backward adaptation as in LD-CELP, ITU-T G.728), a residual
of trained shape scaled by three running means, and rANS (Duda 2013) with eight interleaved states. Nothing of this
travels in the file. docs/codec.md describes the format and the model.

Samples that a profile does not cover, such as other step sizes or full 16-bit ranges, are coded without one: their
codes' widths are then learned on the way, too.
"""

from __future__ import annotations

import numpy as np

from n1codec import profiles
from n1codec.codec import Coder, Layout, SpecError, Text
from n1codec.native import SCRATCH, SIMD, Kernel, KernelError, reads, writes

_work_size = Kernel("n1c_n1_work_size", int)
_encode = Kernel("n1c_n1_encode", reads(np.int16), reads(np.uint8), SCRATCH, writes(np.uint8), int)
_decode = Kernel("n1c_n1_decode", reads(np.uint8), reads(np.uint8), SCRATCH, writes(np.int16), int)

_NONE, _BUILT_IN = b"", b"\x01"
_OTHER = 3
"""Number of a profile that is not built in, in bits 3 and 4 of a payload's first byte."""


class N1(Coder):
    wire = "n"
    dtypes = ("int16",)
    per_channel = True
    chunk_seconds = 10
    profile: str
    params = {"profile": Text("n1", "n1 (built in), none (cold start), or a file made by n1codec train")}
    traits = frozenset({"trained"})
    trainer = "n1codec.train.n1"
    grid = ("n1", "n1:profile=none")
    floor_xrt = 1500

    def packet_model(self) -> tuple[int, bytes]:
        return (4, _BUILT_IN) if self.profile == "none" else (0, self._profile())

    def encode(self, x: np.ndarray) -> bytes:
        out = np.empty(2 * x.size + 32, np.uint8)
        try:
            size = _encode(x, self._profile(), np.empty(_work_size(x.size), np.uint8), out, SIMD)
        except KernelError as error:
            if self.profile in ("n1", "none"):
                raise
            raise SpecError(f"n1: profile {self.profile}: it is damaged (make one with n1codec train)") from error
        return out[:size].tobytes()

    def decode(self, data: bytes, layout: Layout) -> np.ndarray:
        checksum = _other_profile(data)
        profile = _NONE if checksum is None else profiles.find(checksum)
        x = np.empty(layout.shape, np.int16)
        work = np.empty(_work_size(x.size), np.uint8)
        _decode(data, profile, work, x, SIMD)
        return x

    def needs(self, data: bytes) -> str:
        checksum = _other_profile(data)
        return "" if checksum is None else profiles.wanted(checksum)

    def _profile(self) -> bytes:
        if self.profile in ("n1", "none"):
            return _BUILT_IN if self.profile == "n1" else _NONE
        return profiles.read(self.name, self.profile, profiles.OF_CODES)


def _other_profile(data: bytes) -> int | None:
    """Return the CRC-32 of the profile that a payload was made with, None if it needs none but those built in."""
    if len(data) > 4 and data[0] >> 3 & 3 == _OTHER and data[0] & 3 == 3:
        return int.from_bytes(data[1:5], "little")
    return None
