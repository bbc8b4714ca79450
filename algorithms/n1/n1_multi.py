"""N1 multi: channels that were recorded together, each from its own past and from its neighbours.

A model is fitted to a stretch of the recording and travels in the file: which earlier channels tell most of each one
(by the correlation of what their own pasts do not tell), the weights of a linear predictor from the channel's past,
from past and future of these neighbours and from the mean of all earlier channels (least squares), and how wide the
codes of each converter are (how often they came against how often they were expected). Chunks are coded with it
independently of each other: residuals of a distribution of fitted shape, scaled by three running means of squares, and
rANS (Duda 2013) with sixteen interleaved states. A profile is a model of an earlier recording with the same probe:
files name it instead of holding a model of their own. docs/multi.md describes the format and the model.
"""

from __future__ import annotations

import zlib

import numpy as np

from n1codec import profiles
from n1codec.codec import Choice, FormatError, Int, Layout, ModelCoder, SpecError, Text
from n1codec.native import SCRATCH, SIMD, Kernel, KernelError, reads, scratch, writes
from n1codec.varint import Reader, put_bytes

_fit_work_size = Kernel("n1c_multi_fit_work_size", int, int)
_fit = Kernel("n1c_multi_fit", reads(np.int16), reads(np.int32), SCRATCH, writes(np.uint8), int, int)
_encode_work_size = Kernel("n1c_multi_encode_work_size", reads(np.uint8), int)
_decode_work_size = Kernel("n1c_multi_decode_work_size", reads(np.uint8), int)
_encode = Kernel("n1c_multi_encode", reads(np.int16), reads(np.uint8), int, SCRATCH, writes(np.uint8), int)
_decode = Kernel("n1c_multi_decode", reads(np.uint8), reads(np.uint8), int, SCRATCH, writes(np.int16), int)

_COMPARED = 1 << 23
"""Samples that are coded at most to learn which of two models is better."""
_STRETCHES = 4
"""Stretches of a longer array that are looked at, spread evenly over it."""
_NAMED = b"\3"
"""First byte of a model that is a profile's; the profile's CRC-32 follows. Others begin with their preset."""
_PACKETS = 6
"""N1C_STREAM_MULTI in n1c/stream.h."""
_PRESETS = {b"\1": "best", b"\2": "fast"}


class N1Multi(ModelCoder):
    wire = "nu"
    dtypes = ("int16", "uint16")
    chunk_seconds = 10
    preset: str
    profile: str
    params = {
        "preset": Choice("best", "fast", help="best: the smallest files; fast: several times as fast"),
        "profile": Text(
            "none", "none, or a file made by n1codec train, which is taken where that makes a file smaller"
        ),
        "block": Int(
            0,
            0,
            1 << 20,
            "channels of a recording that know of each other, so that reading one decodes no more; 0: all",
        ),
    }
    grid = ("n1_multi", "n1_multi:preset=fast")
    floor_xrt = 200

    def packet_model(self) -> tuple[int, bytes]:
        if self.profile == "none":
            raise SpecError(
                "n1_multi: packets need a profile of the probe (n1codec train --codec n1_multi makes one; "
                "its codec is n1_multi:profile=FILE.n1p)"
            )
        return _PACKETS, profiles.read(self.name, self.profile, profiles.OF_CHANNELS)

    def fit(self, x: np.ndarray, converters: np.ndarray | None = None) -> bytes:
        x = _signed(x.reshape(len(x), -1))
        model = _fitted(x, converters, self.preset)
        if self.profile == "none":
            return model
        checksum, given = self._profile()
        try:
            if Reader(given[1:]).uint() != x.shape[1]:
                return model
            some = _some(x)
            gain = _coded(some, model).size - _coded(some, given).size
        except (FormatError, KernelError) as error:
            raise SpecError(f"n1_multi: profile {self.profile}: it is damaged (make one with n1codec train)") from error
        named = _NAMED + checksum.to_bytes(4, "little")
        return named if len(named) <= len(model) + gain * x.size / some.size else model

    def profile_of(self, x: np.ndarray, converters: np.ndarray | None = None) -> bytes:
        x = _signed(x.reshape(len(x), -1))
        model = _fitted(x, converters, self.preset)
        return profiles.OF_CHANNELS + put_bytes(model) + _fitted(x, converters, "packets")

    def encode_with(self, x: np.ndarray, model: bytes) -> bytes:
        return _coded(_signed(x), self._whole(model)).tobytes()

    def decode_with(self, data: bytes, layout: Layout, model: bytes) -> np.ndarray:
        model = self._whole(model)
        x = np.empty(layout.shape, np.int16)
        _decode(data, model, layout.shape[0], scratch(_decode_work_size(model, layout.shape[0])), x, SIMD)
        return x if layout.dtype == np.int16 else (x.view(np.uint16) ^ np.uint16(1 << 15))

    def needs_with(self, model: bytes) -> str:
        return profiles.wanted(_checksum(model)) if model[:1] == _NAMED else ""

    def _profile(self) -> tuple[int, bytes]:
        """Return the CRC-32 of the profile that the user named, and the model for files in it."""
        data = profiles.read(self.name, self.profile, profiles.OF_CHANNELS)
        try:
            model = _model_in(data)
        except FormatError as error:
            raise SpecError(f"n1_multi: profile {self.profile}: it is damaged (make one with n1codec train)") from error
        preset = _PRESETS.get(model[:1], self.preset)
        if preset != self.preset:
            raise SpecError(f"n1_multi: profile {self.profile}: it was trained with preset={preset} (name that preset)")
        return zlib.crc32(data), model

    def _whole(self, model: bytes) -> bytes:
        """Return a model, where it is named that of the profile."""
        if model[:1] != _NAMED:
            return model
        checksum = _checksum(model)
        if self.profile != "none" and self._profile()[0] == checksum:
            return self._profile()[1]
        found = profiles.find(checksum)
        if not found.startswith(profiles.OF_CHANNELS):
            raise FormatError(f"the profile {checksum:08x} is not one of n1_multi")
        return _model_in(found)


def _fitted(x: np.ndarray, converters: np.ndarray | None, preset: str) -> bytes:
    """Return the model of int16 samples of shape (frames, channels)."""
    channels = x.shape[1]
    groups = np.zeros(channels, np.int32) if converters is None else np.ascontiguousarray(converters, np.int32)
    most = 2 * x.size + 64 * channels + 1024
    memory = scratch(most + _fit_work_size(len(x), channels))
    out = memory[:most]
    size = _fit(x, groups, memory[most:], out, ("best", "fast", "packets").index(preset), SIMD)
    return out[:size].tobytes()


def _model_in(profile: bytes) -> bytes:
    """Return the model for files in a profile; that for packets stands behind it."""
    return Reader(profile[len(profiles.OF_CHANNELS) :]).prefixed()


def _checksum(model: bytes) -> int:
    """Return the CRC-32 of the profile that a model names."""
    if len(model) != 5:
        raise FormatError("a model that names a profile has 5 bytes")
    return int.from_bytes(model[1:], "little")


def _coded(x: np.ndarray, model: bytes) -> np.ndarray:
    """Return the bytes, uint8, of int16 samples of shape (frames, channels) or (frames,), in scratch memory."""
    most = 2 * x.size + 1
    memory = scratch(most + _encode_work_size(model, len(x)))
    out = memory[:most]
    return out[: _encode(x, model, len(x), memory[most:], out, SIMD)]


def _signed(x: np.ndarray) -> np.ndarray:
    """Return samples of 16 bits as int16, unsigned ones less 32768: neighbouring values stay neighbours."""
    return x if x.dtype == np.int16 else (x ^ np.uint16(1 << 15)).view(np.int16)


def _some(x: np.ndarray) -> np.ndarray:
    """Return frames of an array of shape (frames, channels): all of them, or some stretches of a long one."""
    length = _COMPARED // x.shape[1] // _STRETCHES
    if len(x) <= _STRETCHES * length or not length:
        return x
    starts = np.linspace(0, len(x) - length, _STRETCHES).astype(int)
    return np.concatenate([x[start : start + length] for start in starts])
