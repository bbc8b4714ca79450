"""Events of many channels in packets for a slow radio: counts, times, waveforms, field potential (docs/events.md)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from n1codec.codec import FormatError, SpecError
from n1codec.native import Kernel, KernelError, reads, updates, writes
from n1codec.stream.packets import PacketDecoder, PacketEncoder
from n1codec.varint import Reader

_memory_size = Kernel("n1c_events_memory_size", int, int)
_open = Kernel("n1c_events_open", writes(np.uint8), int, int, reads(np.int32))
_encode = Kernel("n1c_events_encode", updates(np.uint8), reads(np.int16), reads(np.uint8), writes(np.uint8))
_found = Kernel("n1c_events_found", reads(np.uint8), writes(np.int32))
_decode = Kernel("n1c_events_decode", updates(np.uint8), reads(np.uint8), writes(np.int32), writes(np.int16),
                 writes(np.int32), writes(np.int16), writes(np.int64))  # fmt: skip

LAYERS = ("counts", "times", "waveforms", "field", "samples")
"""0: spikes and level of each bin; 1: channel and sample of each spike; 2: its waveform; 3: the local field potential
below 300 Hz; 4: all samples of some channels, lossless."""
HELD_BACK = 40
"""Spikes a second that a channel may send: one that has more bounces between the rails, or is broken."""
SNIPPET, BEFORE, BLOCK, MOST = 32, 8, 64, 256
"""Samples of a waveform, those of them before the trough, packets of a block of the field, events of a packet."""
HEAD = 5
"""Bytes of a packet before its layers."""
LEAST = 1.5
"""Times what empty packets take, that a budget has to be."""


class Bins(NamedTuple):
    """Bins that ended with a packet: those of the channels whose turn it was."""

    channels: np.ndarray
    """int32 of shape (bins,)."""
    counts: np.ndarray
    """Spikes in each, int32."""
    levels: np.ndarray
    """4 log2 of the sum of the magnitudes in the band of spikes, plus 1, int32: 1.5 dB each; -1 where the packet that
    tells what it counts from was lost, and where none are sent."""


class Arrival(NamedTuple):
    """What a packet brought, of the layers that it has."""

    number: int
    lost: int
    """Packets between the last one that arrived and this one."""
    bins: Bins
    events: np.ndarray
    """Troughs in samples since the first packet, and channels: int64 of shape (events, 2)."""
    waveforms: np.ndarray
    """int16 of shape (waveforms, 32), in the unit of the samples, the trough at 8."""
    of: np.ndarray
    """Whose waveforms these are: events as above, -1 where the packet that told of them was lost."""
    field: dict[int, np.ndarray]
    """By channel: 64 samples of the field potential, one for each packet up to this one, int16."""
    samples: bytes
    """The packet of layer 4, for a :class:`PacketDecoder`."""


class _Link:
    """Settings that the encoder and the decoder have alike.

    Args:
        channels: 1 to 4096.
        rate: frames a second.
        frames_per_packet: 8 to 32.
        budget: bits a second that packets may have; None for any.
        layers: those that are sent, of 0 to 3.
        bin_seconds: of the counts.
        levels: whether layer 0 tells besides counts how strong the band of spikes was.

    Raises:
        SpecError: a setting is not allowed.
    """

    def __init__(
        self,
        channels: int,
        rate: float,
        frames_per_packet: int = 20,
        budget: int | None = None,
        layers: tuple[int, ...] = (0, 1, 2, 3),
        bin_seconds: float = 0.02,
        levels: bool = True,
    ) -> None:
        if not 1000 <= rate <= 1e6:
            raise SpecError(f"{rate:g} Hz is not allowed (1000 to 1000000)")
        least = LEAST * 8 * HEAD * rate / frames_per_packet
        if budget is not None and budget < least:
            raise SpecError(f"a budget of {budget} bit/s is less than empty packets take (give {int(least) + 1})")
        self.channels, self.rate, self.frames_per_packet = channels, rate, frames_per_packet
        self.window = int(np.ceil(rate / frames_per_packet))
        self.hold = max(round(0.4e-3 * rate), SNIPPET - BEFORE - frames_per_packet)
        shift = round(np.log2(rate / (2 * np.pi * 194)))
        packets = round(bin_seconds * rate / frames_per_packet)
        spent = (1 << 30) if budget is None else min(budget, 1 << 30)
        # As the kernel takes them.
        self.settings = (shift, self.hold, round(1e-3 * rate), packets, self.window, spent,
                         sum(1 << layer for layer in set(layers)) | levels << 4, HELD_BACK)  # fmt: skip
        try:
            self._state = np.empty(_memory_size(channels, frames_per_packet), np.uint8)
            _open(self._state, channels, frames_per_packet, np.array(self.settings, np.int32))
        except KernelError as error:
            raise SpecError(
                f"{channels} channels at {rate:g} Hz in packets of {frames_per_packet} frames: that is not allowed "
                "(4096 channels, packets of 8 to 32 frames of a millisecond or so, bins of up to 64 packets)"
            ) from error

    @property
    def state_bytes(self) -> int:
        """Memory of all channels."""
        return self._state.size


class EventEncoder(_Link):
    __doc__ = (_Link.__doc__ or "") + "    Layer 4 is what :meth:`push` is given besides.\n"

    def __init__(self, *arguments: object, samples_of: tuple[int, ...] = (), **named: object) -> None:
        super().__init__(*arguments, **named)  # type: ignore[arg-type]
        self._chosen = list(samples_of)
        self._samples = PacketEncoder(len(samples_of), self.rate, "n1", self.frames_per_packet) if samples_of else None
        self._out = np.empty((1 << 16) + 65535, np.uint8)

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
        frames = np.ascontiguousarray(frames)
        extra = b""
        if self._samples:
            extra = self._samples.push(np.ascontiguousarray(frames[:, self._chosen]))
        size = _encode(self._state, frames.reshape(-1), extra, self._out)
        packet = self._out[:size].tobytes()
        if self._samples and not packet[0] >> 4 & 1:
            self._samples.restart()  # it was left out, and what follows is not to need it
        return packet

    def found(self) -> np.ndarray:
        """Return the spikes of the last packet's samples, before any were held back, as int32 of shape (spikes, 2).

        They are samples from the packet's first one to the trough, and channels.
        """
        pairs = np.empty(2 * MOST, np.int32)
        count = _found(self._state, pairs)
        return pairs.reshape(-1, 2)[:count]


class EventDecoder(_Link):
    __doc__ = _Link.__doc__

    def __init__(self, *arguments: object, samples_of: tuple[int, ...] = (), **named: object) -> None:
        super().__init__(*arguments, **named)  # type: ignore[arg-type]
        self._rooms = (
            np.empty(2 * MOST, np.int32),
            np.empty(2 * MOST * SNIPPET, np.int16),
            np.empty(4 * self.channels, np.int32),
            np.empty((1 + BLOCK) * self.channels, np.int16),
            np.empty(8, np.int64),
        )
        self._before: np.ndarray | None = None
        self.samples = PacketDecoder(len(samples_of), self.rate, "n1", self.frames_per_packet) if samples_of else None
        """Decodes layer 4."""

    def push(self, packet: bytes) -> Arrival:
        """Return what a packet brought.

        Raises:
            FormatError: it is damaged, or came too late. It counts as lost; nothing else changes.
        """
        try:
            lost = _decode(self._state, packet, *self._rooms)
        except (FormatError, KernelError) as error:
            raise FormatError("the packet is dropped: it is damaged, or came late") from error
        pairs, waves, bins, field, counts = self._rooms
        events, waveforms, older, binned, blocks, at, size, number = counts.tolist()
        start = number * self.frames_per_packet
        own = pairs.reshape(-1, 2)[:events] + np.array([start, 0])
        some = bins.reshape(-1, 4)[:binned, :3].copy()
        pieces = field.reshape(-1, 1 + BLOCK)[:blocks]
        found = Arrival(
            number,
            lost,
            Bins(*some.T),
            own,
            waves.reshape(-1, SNIPPET)[:waveforms].copy(),
            self._owners(own, older, waveforms, start, lost),
            {int(piece[0]): piece[1:].copy() for piece in pieces},
            packet[at : at + size],
        )
        self._before = own
        return found

    def _owners(self, own: np.ndarray, older: int, waveforms: int, start: int, lost: int) -> np.ndarray:
        """Return whose waveforms came: of the last events of the packet before, and of the first ones of this one."""
        owners = np.full((waveforms, 2), -1, np.int64)
        complete = start + self.frames_per_packet - (SNIPPET - BEFORE)  # troughs up to here
        if not lost and self._before is not None:
            some = self._before[self._before[:, 0] > complete - self.frames_per_packet]
            if len(some) == older:
                owners[:older] = some
        some = own[own[:, 0] <= complete]
        if len(some) == waveforms - older:
            owners[older:] = some
        return owners


def layer_bytes(packet: bytes) -> dict[str, int]:
    """Return the bytes of each layer in a packet, with those that tell its length; ``head`` is what comes before.

    Raises:
        FormatError: it ends too early.
    """
    reader = Reader(packet)
    reader.take(HEAD)
    found = {"head": HEAD}
    for number, name in enumerate(LAYERS):
        if packet[0] >> number & 1:
            at = reader.at
            if packet[0] >> number + 1:
                reader.prefixed()
            else:
                reader.rest()
            found[name] = reader.at - at
    return found
