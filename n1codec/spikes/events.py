"""What an event stream takes, keeps and misses, of recordings as many channels and of spikes planted in quiet ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import thread_time_ns
from typing import Any, NamedTuple

import numpy as np

from n1codec.codec import CodecError
from n1codec.spikes import detect, generate
from n1codec.stream.events import BEFORE, BLOCK, LAYERS, SNIPPET, EventDecoder, EventEncoder, layer_bytes
from n1codec.stream.latency import Channels

QUIET = 0.5
"""Spikes a second, of 4.5 times the noise, that a channel may have in which others are planted."""
LEVELS = (5, 6, 8)
"""Troughs of planted spikes in multiples of the noise, both after a causal Butterworth filter of 300 to 6000 Hz."""
PLANTED_IN = 60
"""Quiet channels at most."""
EVERY = 1 / 15
"""Seconds from one planted spike to the next."""
SETTLING = 1.0
"""Seconds in which the detector learns what the noise is; nothing is planted or counted there."""
NEAR = 5e-4
"""Seconds between a planted trough and the spike that was found for it, at most."""
LISTENED = 64
"""Channels of which waveforms and field potential are compared with the samples."""


class Stream(NamedTuple):
    """What came of a stream."""

    cpu_ms: np.ndarray
    """Of each packet, shape (packets,)."""
    bits: np.ndarray
    """The same."""
    layers: dict[str, int]
    """Bits by layer."""
    shares: dict[str, float]
    """Of the packets that have a layer."""
    seconds: float
    window: int
    """Packets of a second."""
    found: int
    """Spikes."""
    sent: int
    waveforms: int
    waveform_db: float
    """Mean of decibels of waveforms that came back; NaN if there were none."""
    field_db: float
    """Mean over channels of the decibels of the field potential."""
    snr_db: float
    """The same of all samples, of which the field and the waveforms are drawn; their mean counts as known."""
    snr_spike_db: float
    """The same between 300 and 6000 Hz."""


class Detection(NamedTuple):
    hit_rate: dict[str, float]
    """By level."""
    false_alarms: float
    """A second and channel."""
    flag_ms: float
    """From the trough to the sample that decides, 99 of 100."""
    codeword_ms: float
    """From the trough to the last sample of the waveform."""
    channels: int


def stream(
    recordings: Sequence[np.ndarray],
    channels: int,
    rate: float,
    budget: int | None,
    seconds: float,
    samples_of: tuple[int, ...] = (),
    advance: Callable[..., Any] = lambda text="", step=1: None,
    frames_per_packet: int | None = None,
    **named: Any,
) -> Stream:
    """Send recordings as many channels, and compare what comes back.

    Args:
        recordings: int16 of shape (frames,) each. Channel c is recording c modulo their number, each time a third
            further on, over and over.
        samples_of: channels that are sent lossless where there is room.
        advance: called after each packet.
        frames_per_packet: those of a millisecond if None.
        named: further settings of encoder and decoder.
    """
    size = frames_per_packet or max(1, round(1e-3 * rate))
    settings: dict[str, Any] = {"frames_per_packet": size, "budget": budget, "samples_of": samples_of, **named}
    encoder, decoder = EventEncoder(channels, rate, **settings), EventDecoder(channels, rate, **settings)
    source = Channels(recordings, channels)
    packets = max(BLOCK, round(seconds * rate / size))
    cpu, bits = np.empty(packets), np.empty(packets, np.int64)
    layers: dict[str, int] = dict.fromkeys(("head", *LAYERS), 0)
    with_it = dict.fromkeys(layers, 0)
    found = sent = waveforms = 0
    heard = _Heard(min(channels, LISTENED), packets, size)
    for i in range(packets):
        frames = source.frames(i * size, (i + 1) * size)
        before = thread_time_ns()
        packet = encoder.push(frames)
        cpu[i], bits[i] = 1e-6 * (thread_time_ns() - before), 8 * len(packet)
        arrival = decoder.push(packet)
        for name, count in layer_bytes(packet).items():
            layers[name] += 8 * count
            with_it[name] += 1
        found += len(encoder.found())
        sent += len(arrival.events)
        waveforms += len(arrival.waveforms)
        heard.add(arrival)
        advance()
    shares = {name: count / packets for name, count in with_it.items()}
    sums = (packets * size / rate, encoder.window, found, sent, waveforms)
    return Stream(cpu, bits, layers, shares, *sums, *heard.compare(source, rate))


class _Heard:
    """What came back of the first channels."""

    def __init__(self, channels: int, packets: int, size: int) -> None:
        self._field = np.full((channels, packets), np.nan)
        self._waveforms: list[tuple[int, int, np.ndarray]] = []
        self._size = size

    def add(self, arrival: Any) -> None:
        for channel, block in arrival.field.items():
            if channel < len(self._field) and arrival.number >= BLOCK - 1:
                self._field[channel, arrival.number - BLOCK + 1 : arrival.number + 1] = block
        for (frame, channel), waveform in zip(arrival.of, arrival.waveforms, strict=True):
            if 0 <= channel < len(self._field):
                self._waveforms.append((int(frame), int(channel), waveform))

    def compare(self, source: Channels, rate: float) -> tuple[float, ...]:
        """Return the mean decibels of waveforms; of the field; and of all samples, in full and between 300 and 6000 Hz.

        All but those of waveforms are from the second second on.
        """
        from scipy import signal

        packets = self._field.shape[1]
        shift = round(np.log2(rate / (2 * np.pi * 194)))
        pole = [1, 2.0**-shift - 1]
        low = signal.butter(4, 300, "lowpass", fs=rate, output="sos")
        middles = np.arange(packets) * self._size + (self._size - 1) / 2
        found: list[list[float]] = [[], [], [], []]
        for channel, back in enumerate(self._field):
            x = source.channel(channel, 0, packets * self._size).astype(np.float64)
            drawn = np.interp(np.arange(len(x)), middles, np.nan_to_num(back))
            own = [(frame, waveform) for frame, of, waveform in self._waveforms if of == channel]
            if own:
                y = signal.lfilter([1, -1], pole, signal.lfilter([1, -1], pole, x - x[0]))
                y = signal.lfilter([0.25, 0.5, 0.25], [1], y)
                for frame, waveform in own:
                    start = frame - BEFORE
                    wanted = y[start : start + SNIPPET]
                    if len(wanted) == SNIPPET and start:
                        found[0].append(_decibels(wanted, waveform))
                        drawn[start - 1 : start - 1 + SNIPPET] += waveform  # the filter is a sample late
            field = signal.sosfiltfilt(low, x).reshape(packets, self._size).mean(axis=1)
            field = signal.lfilter([1, -1], [1, 2.0**-8 - 1], field - field[0])
            heard = np.flatnonzero(~np.isnan(back))
            heard = heard[heard >= SETTLING * rate / self._size]
            if heard.size and field[heard].any():
                found[1].append(_decibels(field[heard], back[heard]))
            settled = slice(round(SETTLING * rate), None)
            wanted = x[settled] - x[settled].mean() if len(x) > settled.start else np.zeros(0)
            if wanted.any():
                found[2].append(_decibels(wanted, drawn[settled]))
                both = detect.bandpass(np.stack([wanted, drawn[settled]]), rate)
                if both is not None:
                    found[3].append(_decibels(*both))
        return tuple(float(np.mean(some)) if some else float("nan") for some in found)


def _decibels(wanted: np.ndarray, back: np.ndarray) -> float:
    error = max(float(((wanted - back) ** 2).sum()), float(np.finfo(float).tiny))
    return 10 * float(np.log10(max(float((wanted**2).sum()), float(np.finfo(float).tiny)) / error))


def quiet(recordings: Sequence[np.ndarray], rate: float, most: int = PLANTED_IN) -> list[np.ndarray]:
    """Return recordings with hardly any spikes of their own, spread evenly over all of them.

    Raises:
        CodecError: there is none.
    """
    found = []
    for x in recordings:
        filtered = detect.causal(x, rate) if len(x) > 2 * SETTLING * rate else None
        if filtered is None or not detect.noise_level(filtered) > 0:
            continue
        if detect.troughs(filtered, rate).size < QUIET * len(x) / rate:
            found.append(x)
    if not found:
        raise CodecError(
            f"no recording is quiet enough to plant spikes in it (under {QUIET:g} a second of its own, 2 seconds long)"
        )
    return [found[i * len(found) // most] for i in range(most)] if len(found) > most else found


def plant(
    x: np.ndarray, rate: float, level: float | np.ndarray, random: np.random.Generator, shapes: np.ndarray | None = None
) -> generate.Planted:
    """Return a recording with generated spikes in it, int16 again, and where their troughs are before any filter.

    Args:
        x: int16 of shape (frames,).
        level: of the trough in multiples of the noise, both after a causal Butterworth filter of 300 to 6000 Hz; one
            for all waveforms, or one for each.
        shapes: the waveforms to plant, shape (kinds, samples); those of :func:`n1codec.spikes.generate.templates` if
            None.
    """
    filtered = detect.causal(x, rate)
    assert filtered is not None
    noise = detect.noise_level(filtered)
    shapes = generate.templates(rate) if shapes is None else shapes
    settled = np.pad(shapes, ((0, 0), (round(0.01 * rate), round(0.01 * rate))))
    alone = detect.causal(settled, rate)
    assert alone is not None
    sizes = level * noise / -alone.min(axis=1)
    step = round(EVERY * rate)
    at = np.arange(round(SETTLING * rate), len(x) - 2 * shapes.shape[1] - step // 2, step)
    at = at + random.integers(0, step // 2, at.size)
    out = x.astype(np.float64)
    which = random.integers(0, len(shapes), at.size)
    for start, number in zip(at, which, strict=True):
        out[start : start + shapes.shape[1]] += sizes[number] * shapes[number]
    troughs = at + shapes[which].argmin(axis=1)
    return generate.Planted(np.clip(np.rint(out), -32768, 32767).astype(np.int16), troughs, which)


class Planted(NamedTuple):
    """Quiet recordings with spikes in them."""

    level: int
    samples: np.ndarray
    """int16 of shape (frames, channels)."""
    troughs: list[np.ndarray]
    """Frames of each channel's spikes."""


def planted(recordings: Sequence[np.ndarray], rate: float, seed: int = 0) -> list[Planted]:
    """Return what is quiet of recordings with spikes of each of ``LEVELS`` in it.

    Raises:
        CodecError: no recording is quiet.
    """
    silent = quiet(recordings, rate)
    length = min(map(len, silent))
    found = []
    for level in LEVELS:
        random = np.random.default_rng([seed, level])
        pieces = [plant(x[:length], rate, level, random) for x in silent]
        found.append(Planted(level, np.stack([one.samples for one in pieces], axis=1), [one.frames for one in pieces]))
    return found


def detection(
    trials: Sequence[Planted], rate: float, advance: Callable[..., Any] = lambda text="", step=1: None
) -> Detection:
    """Let the implant's detector find spikes that were planted.

    Args:
        trials: see :func:`planted`; their samples may have gone through a codec since.
    """
    size = max(1, round(1e-3 * rate))
    hits: dict[str, float] = {}
    late: list[np.ndarray] = []
    false = 0
    length, channels = trials[0].samples.shape
    for level, samples, planted_at in trials:
        encoder = EventEncoder(channels, rate, size, layers=())
        events = [np.zeros((0, 2), np.int64)]
        for start in range(0, length - size + 1, size):
            encoder.push(samples[start : start + size])
            events.append(encoder.found() + np.array([start, 0]))
            advance()
        every = np.concatenate(events)
        struck = total = 0
        for channel, frames in enumerate(planted_at):
            own = every[(every[:, 1] == channel) & (every[:, 0] >= SETTLING * rate), 0]
            truth = frames[frames < length - 3 * size]
            if not own.size:
                total += truth.size
                continue
            away = own[:, None] - truth
            hit = (np.abs(away) <= NEAR * rate).any(axis=0)
            near = np.abs(away).argmin(axis=0)
            late.append((own[near] - truth)[hit])
            struck, total = struck + int(hit.sum()), total + truth.size
            false += int((np.abs(own[:, None] - frames).min(axis=1) > NEAR * rate).sum())
        hits[str(level)] = struck / max(total, 1)
    waits = np.concatenate(late) if late else np.zeros(1)
    seconds = len(trials) * channels * (length / rate - SETTLING)
    return Detection(
        hits,
        false / seconds,
        1e3 * float(np.percentile(waits + encoder.hold, 99)) / rate,
        1e3 * float(np.percentile(waits + SNIPPET - BEFORE - 1, 99)) / rate,
        channels,
    )


def figures(sent: Stream, found: Detection, rate: float) -> dict[str, Any]:
    """Return what the command tells, by name."""
    peak = np.convolve(sent.bits, np.ones(sent.window), "valid") if sent.bits.size >= sent.window else [sent.bits.sum()]
    return {
        "kbit_s": float(sent.bits.sum()) / sent.seconds / 1e3,
        "kbit_s_peak": float(np.max(peak)) / 1e3,
        "layers": {name: bits / sent.seconds / 1e3 for name, bits in sent.layers.items()},
        "shares": sent.shares,
        "hit_rate": found.hit_rate,
        "false_alarms_per_s": found.false_alarms,
        "flag_ms_p99": found.flag_ms,
        "codeword_ms_p99": found.codeword_ms,
        "packet_ms": 1e3 * max(1, round(1e-3 * rate)) / rate,
        "cpu_ms_p50": float(np.percentile(sent.cpu_ms, 50)),
        "cpu_ms_p99_9": float(np.percentile(sent.cpu_ms, 99.9, method="higher")),
        "spikes_found": sent.found,
        "spikes_sent": sent.sent,
        "waveforms_sent": sent.waveforms,
        "waveform_db": sent.waveform_db if np.isfinite(sent.waveform_db) else None,
        "field_db": sent.field_db if np.isfinite(sent.field_db) else None,
        "snr_db": sent.snr_db if np.isfinite(sent.snr_db) else None,
        "snr_spike_db": sent.snr_spike_db if np.isfinite(sent.snr_spike_db) else None,
        "planted_in": found.channels,
    }
