"""How long packets take, and what they cost beside files: recordings are fed as many channels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import perf_counter_ns, thread_time_ns
from typing import Any, NamedTuple

import numpy as np

from n1codec.pipeline import Pipeline
from n1codec.stream.packets import PacketDecoder, PacketEncoder

MOST_SAMPLES = 1 << 23
"""Of a file of all channels: longer ones are no smaller for it."""
PERCENTILES = {"p50": 50.0, "p99": 99.0, "p99_9": 99.9, "max": 100.0}


class Latency(NamedTuple):
    encode: np.ndarray
    """Nanoseconds of each packet, shape (packets, 2): of the thread's CPU time, of wall time."""
    decode: np.ndarray
    packet_bytes: int
    """Of all packets."""
    file_bytes: int
    """Of the same samples in the codec's payloads of files, a channel from one restart to the next in each."""
    sample_bytes: int
    seconds: float
    """Of recording."""
    state_bytes: int
    collect_ms: float
    """From the beginning of a packet's first frame to the end of its last: so long a sample waits at most."""

    @property
    def ratio(self) -> float:
        return self.sample_bytes / self.packet_bytes

    @property
    def file_ratio(self) -> float:
        return self.sample_bytes / self.file_bytes

    @property
    def overhead(self) -> float:
        """What packets take more than files, in per cent."""
        return 100 * (self.packet_bytes / self.file_bytes - 1)

    @property
    def real_time_factor(self) -> float:
        """Seconds of recording per second of CPU time, of encoder and decoder together."""
        return self.seconds / (1e-9 * float(self.encode[:, 0].sum() + self.decode[:, 0].sum()))

    @property
    def end_to_end_ms(self) -> float:
        """Collection, then CPU time of encoder and decoder that 99.9 % of the packets stay below; no transmission."""
        coding = (
            np.percentile(times[:, 0], PERCENTILES["p99_9"], method="higher") for times in (self.encode, self.decode)
        )
        return self.collect_ms + 1e-6 * float(sum(coding))

    def as_dict(self) -> dict[str, Any]:
        """Return milliseconds by name (CPU time; wall time behind ``wall_``), ratios, overhead and real-time factor."""
        figures: dict[str, Any] = {}
        for name, times in (("encode", self.encode), ("decode", self.decode)):
            figures[name] = {
                f"{clock}{key}_ms": float(np.percentile(times[:, i], q, method="higher")) * 1e-6
                for i, clock in enumerate(("", "wall_"))
                for key, q in PERCENTILES.items()
            }
        return figures | {
            "ratio": self.ratio,
            "file_ratio": self.file_ratio,
            "overhead": self.overhead,
            "collect_ms": self.collect_ms,
            "end_to_end_p99_9_ms": self.end_to_end_ms,
            "real_time_factor": self.real_time_factor,
        }


class Channels:
    """Recordings as channels: c is recording c modulo their number, each time a third further on, over and over."""

    def __init__(self, recordings: Sequence[np.ndarray], channels: int) -> None:
        # Channel by channel in one array, so that frames are one gather.
        lengths = np.array([x.size for x in recordings])
        which = np.arange(channels) % len(recordings)
        self._joined = np.concatenate(recordings)
        self._length, self._start = lengths[which], (np.cumsum(lengths) - lengths)[which]
        self._at = np.arange(channels) // len(recordings) * (self._length // 3)

    def frames(self, start: int, stop: int) -> np.ndarray:
        """Return samples of shape (stop - start, channels)."""
        return self._joined[self._start + (self._at + np.arange(start, stop)[:, None]) % self._length]

    def channel(self, c: int, start: int, stop: int) -> np.ndarray:
        return self._joined[self._start[c] + (self._at[c] + np.arange(start, stop)) % self._length[c]]


def measure(
    recordings: Sequence[np.ndarray],
    encoder: PacketEncoder,
    decoder: PacketDecoder,
    packets: int,
    codec: Pipeline,
    advance: Callable[[], object] = lambda: None,
) -> Latency:
    """Send packets from an encoder to a decoder, then encode the same samples as files.

    Args:
        recordings: int16 of shape (frames,) each, not empty. Channel c is recording c modulo their number, each time a
            third further on, over and over.
        encoder: of as many channels as are wanted.
        decoder: of the same settings.
        packets: how many.
        codec: that of the encoder, for the files.
        advance: called after each packet and each channel.

    Raises:
        RuntimeError: a packet did not come back.
    """
    size = encoder.frames_per_packet
    source = Channels(recordings, encoder.channels)
    times = np.empty((2, packets, 2), np.int64)
    total = files = 0
    for i in range(packets):
        frames = source.frames(i * size, (i + 1) * size)
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
    step = encoder.key_packets * size
    if codec.model_coder:  # its channels are coded together
        step = min(step, max(1, MOST_SAMPLES // encoder.channels))
        files = sum(
            len(codec.encode(source.frames(start, min(start + step, packets * size))))
            for start in range(0, packets * size, step)
        )
    for c in range(encoder.channels if not codec.model_coder else 0):
        for start in range(0, packets * size, step):
            files += len(codec.encode(source.channel(c, start, min(start + step, packets * size))))
        advance()
    samples = packets * size * encoder.channels
    seconds = packets * size / encoder.rate
    return Latency(
        times[0], times[1], total, files, 2 * samples, seconds, encoder.state_bytes, 1e3 * size / encoder.rate
    )
