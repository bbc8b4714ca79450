"""Packets of many channels, coded with a codec's model and a state for each channel (docs/streaming.md)."""

from __future__ import annotations

import struct
import zlib
from typing import NamedTuple

import numpy as np

from n1codec.codec import FormatError, ModelCoder, SpecError, UnavailableError
from n1codec.native import SIMD, Kernel, KernelError, reads, updates, writes
from n1codec.pipeline import get_codec

_memory_size = Kernel("n1c_stream_memory_size", int, int, int)
_profile_size = Kernel("n1c_stream_profile_size", int, reads(np.uint8))
_open = Kernel("n1c_stream_open", writes(np.uint8), int, reads(np.uint8), int, int, int)
_capacity = Kernel("n1c_stream_packet_capacity", int, int)
_encode = Kernel("n1c_stream_encode", updates(np.uint8), reads(np.int16), writes(np.uint8), int)
_decode = Kernel("n1c_stream_decode", updates(np.uint8), reads(np.uint8), writes(np.int16), writes(np.uint8), int)
_restart = Kernel("n1c_stream_restart", updates(np.uint8))

_WITH_PROFILE = (1, 7)
"""First bytes of packets that bring the checksum of their profile, behind the packet's."""
MAX_CHANNELS = 65536
MAX_FRAMES = 128
MAX_KEY_FRAMES = 1 << 30


class Arrival(NamedTuple):
    """What a packet brought."""

    frames: np.ndarray
    """int16 of shape (frames_per_packet, channels); 0 where a channel is not valid."""
    valid: np.ndarray
    """bool of shape (channels,): False from a loss until the channel's next restart."""
    lost: int
    """Packets between the last one that arrived and this one."""


class _Link:
    """Settings and state that the encoder and the decoder have alike.

    Args:
        channels: 1 to 65536.
        rate: frames per second.
        codec: a coder that codes packets (its class has a ``packet_model``), such as n1, n1:profile=FILE.n1p or
            n1_multi:profile=FILE.n1p with a file that ``n1codec train`` made, or n1:profile=none for any samples.
        frames_per_packet: 1 to 128; 20 are 1.024 ms at 19531 Hz.
        key_seconds: every channel restarts so often. That is how long a loss lasts at most.

    Raises:
        SpecError: a setting is not allowed.
    """

    def __init__(
        self,
        channels: int,
        rate: float,
        codec: str = "n1",
        frames_per_packet: int = 20,
        key_seconds: float = 5.0,
    ) -> None:
        if not 1 <= channels <= MAX_CHANNELS:
            raise SpecError(f"{channels} channels are not allowed (1 to {MAX_CHANNELS})")
        if not 1 <= frames_per_packet <= MAX_FRAMES:
            raise SpecError(f"{frames_per_packet} frames per packet are not allowed (1 to {MAX_FRAMES})")
        if not (0 < rate < np.inf and 0 < key_seconds * rate <= MAX_KEY_FRAMES):
            raise SpecError(
                f"key_seconds={key_seconds:g} at {rate:g} Hz is not allowed (up to {MAX_KEY_FRAMES} frames)"
            )
        self.channels, self.rate, self.frames_per_packet = channels, rate, frames_per_packet
        self.key_packets = max(1, round(key_seconds * rate) // frames_per_packet)
        pipeline = get_codec(codec)
        self._codec = pipeline.coder.name
        if pipeline.filters:
            raise SpecError(f"{codec}: a filter does not work on packets (n1codec list shows which codecs do: packets)")
        model, profile = pipeline.coder.packet_model()
        self._profile = zlib.crc32(profile).to_bytes(4, "little")
        try:
            size = _memory_size(model, channels, frames_per_packet) + _profile_size(model, profile)
            self._state = np.empty(size, np.uint8)
            _open(self._state, model, profile, channels, frames_per_packet, self.key_packets)
        except KernelError as error:
            what = f"of {channels} channels" if isinstance(pipeline.coder, ModelCoder) else "with code widths"
            raise SpecError(f"{codec}: packets need a profile {what} (n1codec train makes one)") from error

    @property
    def state_bytes(self) -> int:
        """Memory of all channels and tables."""
        return self._state.size


class PacketEncoder(_Link):
    __doc__ = _Link.__doc__

    def push(self, frames: np.ndarray) -> bytes:
        """Return the packet of int16 samples of shape (frames_per_packet, channels).

        Raises:
            ValueError: the samples have another shape or dtype.
        """
        if frames.shape != (self.frames_per_packet, self.channels) or frames.dtype != np.int16:
            raise ValueError(
                f"a packet takes int16 of shape ({self.frames_per_packet}, {self.channels}), "
                f"not {frames.dtype} of {frames.shape}"
            )
        out = np.empty(_capacity(self.channels, self.frames_per_packet), np.uint8)
        size = _encode(self._state, np.ascontiguousarray(frames).reshape(-1), out, SIMD)
        return out[:size].tobytes()

    def restart(self) -> None:
        """Let the next packet be a key to all channels, for a receiver that needs them all at once."""
        _restart(self._state)


class PacketDecoder(_Link):
    __doc__ = _Link.__doc__

    def push(self, packet: bytes) -> Arrival:
        """Return what a packet brought.

        Raises:
            UnavailableError: its encoder's profile is not this decoder's; the message says which it is.
            FormatError: it is damaged, of an encoder with other settings, or came too late. It counts as lost unless it
                comes again before the next one; nothing else changes.
        """
        frames = np.empty((self.frames_per_packet, self.channels), np.int16)
        valid = np.empty(self.channels, np.uint8)
        try:
            lost = _decode(self._state, packet, frames.reshape(-1), valid, SIMD)
        except (FormatError, KernelError) as error:  # damaged; late
            if profile := self._other_profile(packet):
                raise UnavailableError(
                    f"its encoder has the profile {profile}, not this decoder's (give it that one's .n1p file: "
                    f"{self._codec}:profile=FILE.n1p)"
                ) from error
            raise FormatError(
                "the packet is dropped: it is damaged, came late, or its encoder has other settings"
            ) from error
        return Arrival(frames, valid.view(np.bool_), lost)

    def _other_profile(self, packet: bytes) -> str:
        """Return the checksum of the profile of a packet that is not damaged, "" if it is this decoder's or unknown."""
        if len(packet) < 13 or packet[0] not in _WITH_PROFILE or packet[9:13] == self._profile:
            return ""
        settings = struct.pack("<3Q", self.channels, self.frames_per_packet, self.key_packets)
        checksum = zlib.crc32(packet[9:], zlib.crc32(packet[:5], zlib.crc32(settings)))
        return packet[12:8:-1].hex() if checksum == int.from_bytes(packet[5:9], "little") else ""

    def restart(self) -> None:
        """Take any packet as the first one, as after the encoder began anew."""
        _restart(self._state)
