"""How long packets take: recordings are fed as many channels, each packet is encoded, decoded and compared."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import perf_counter_ns, thread_time_ns
from typing import Any, NamedTuple

import numpy as np

from n1codec.stream.packets import PacketDecoder, PacketEncoder

PERCENTILES = {"p50": 50.0, "p99": 99.0, "p99_9": 99.9, "max": 100.0}


class Latency(NamedTuple):
    encode: np.ndarray
    """Nanoseconds of each packet, shape (packets, 2): of the thread's CPU time, of wall time."""
    decode: np.ndarray
    packet_bytes: int
    """Of all packets."""
    sample_bytes: int
    seconds: float
    """Of recording."""
    state_bytes: int

    @property
    def ratio(self) -> float:
        return self.sample_bytes / self.packet_bytes

    @property
    def real_time_factor(self) -> float:
        """Seconds of recording per second of CPU time, of encoder and decoder together."""
        return self.seconds / (1e-9 * float(self.encode[:, 0].sum() + self.decode[:, 0].sum()))

    def as_dict(self) -> dict[str, Any]:
        """Return milliseconds by name (CPU time, and wall time behind ``wall_``), ratio and real-time factor."""
        figures: dict[str, Any] = {}
        for name, times in (("encode", self.encode), ("decode", self.decode)):
            figures[name] = {
                f"{clock}{key}_ms": float(np.percentile(times[:, i], q, method="higher")) * 1e-6
                for i, clock in enumerate(("", "wall_"))
                for key, q in PERCENTILES.items()
            }
        return figures | {"ratio": self.ratio, "real_time_factor": self.real_time_factor}


def measure(
    recordings: Sequence[np.ndarray],
    encoder: PacketEncoder,
    decoder: PacketDecoder,
    packets: int,
    advance: Callable[[], object] = lambda: None,
) -> Latency:
    """Send packets from an encoder to a decoder.

    Args:
        recordings: int16 of shape (frames,) each, not empty. Channel c is recording c modulo their number, each time a
            third further on, over and over.
        encoder: of as many channels as are wanted.
        decoder: of the same settings.
        packets: how many.
        advance: called after each packet.

    Raises:
        RuntimeError: a packet did not come back.
    """
    size = encoder.frames_per_packet
    # Channel by channel in one array, so that a packet is one gather.
    lengths = np.array([x.size for x in recordings])
    starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    joined = np.concatenate(recordings)
    channel = np.arange(encoder.channels)
    which = channel % len(recordings)
    length, start = lengths[which], starts[which]
    at = channel // len(recordings) * (length // 3)
    times = np.empty((2, packets, 2), np.int64)
    total = 0
    for i in range(packets):
        frames = joined[start + (at + np.arange(i * size, (i + 1) * size)[:, None]) % length]
        cpu, wall = thread_time_ns(), perf_counter_ns()
        packet = encoder.push(frames)
        times[0, i] = thread_time_ns() - cpu, perf_counter_ns() - wall
        cpu, wall = thread_time_ns(), perf_counter_ns()
        arrival = decoder.push(packet)
        times[1, i] = thread_time_ns() - cpu, perf_counter_ns() - wall
        if arrival.lost or not arrival.valid.all() or not np.array_equal(arrival.frames, frames):
            raise RuntimeError(f"packet {i} did not come back as it was")
        total += len(packet)
        advance()
    samples = packets * size * encoder.channels
    return Latency(times[0], times[1], total, 2 * samples, packets * size / encoder.rate, encoder.state_bytes)
