"""The road from lossless codecs to counts of spikes: what each step keeps, what it takes over the air, and in energy.

A waveform codec encodes each recording by itself. An event stream has all recordings as so many channels. Of both stand
what is kept of samples, and how many of the spikes that are planted in quiet recordings the implant's detector finds:
in what a codec gives back, or, for events, in the samples themselves.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from functools import cached_property
from math import inf
from pathlib import Path
from time import process_time
from typing import Any, NamedTuple

import numpy as np

from n1codec import converter, n1_mapping, native
from n1codec.codec import CodecError
from n1codec.container import decode, encode
from n1codec.lossy import distortion
from n1codec.lossy import rows as rows_of
from n1codec.lossy.rows import Row, plain
from n1codec.spikes import events, network
from n1codec.stream import energy
from n1codec.stream.events import BLOCK

FILE = "road.jsonl"
"""The store in a folder of results."""
PLANTED_IN = 24
"""Quiet recordings at most that spikes are planted in."""
LOSSLESS, NEAR, TRANSFORM, EVENTS = "lossless", "near-lossless", "transform", "events"
SAMPLE_BITS, CODE_BITS = 16, 10
"""Of a WAV file's samples, and of the codes of N1's converter: a ratio of one is no ratio of the other."""
LEVELS = tuple(map(str, events.LEVELS))


FOR_CHANNELS = 1024
"""Of which the budgets of event streams are; others have budgets in proportion."""
LEAST_BUDGET = 64_000
"""Bits a second: some more than empty packets take."""


class Point(NamedTuple):
    """A step of the road."""

    name: str
    group: str
    counts: str = ""
    """Under which its encoder's operations stand; of events each layer has its own."""
    stream: dict[str, Any] = {}
    """Settings of an event stream."""


POINTS = (
    Point("n1_implant", LOSSLESS, "n1_implant"),
    Point("n1", LOSSLESS, "n1"),
    Point("n1_max", LOSSLESS, "n1_max"),
    *(Point(f"round:error={error}|n1_multi", NEAR, "round|n1_multi") for error in (1, 2, 4, 8)),
    *(Point(f"mdct:step={step}", TRANSFORM, "mdct") for step in (4, 6, 10, 16, 24, 48, 100)),
    Point("events at 1 Mbit/s", EVENTS, stream={"budget": 1_000_000}),
    Point("events at 600 kbit/s", EVENTS, stream={"budget": 600_000}),
    Point("counts, times, waveforms", EVENTS, stream={"layers": (0, 1, 2)}),
    Point("counts and times", EVENTS, stream={"layers": (0, 1)}),
    Point("times", EVENTS, stream={"layers": (1,)}),
    Point("counts", EVENTS, stream={"layers": (0,), "levels": False}),
    Point("counts, packets of 32", EVENTS, stream={"layers": (0,), "levels": False, "frames_per_packet": 32}),
)

Advance = Callable[..., Any]


# -- measuring -------------------------------------------------------------------------------------------------------


def on_the_grid(x: np.ndarray, like: np.ndarray) -> np.ndarray:
    """Return samples as the converter of other samples would have given them, int16 in the shape of x, (frames,)."""
    if n1_mapping.covers(like):
        codes = np.rint((x.astype(np.float64) + 32768) * (n1_mapping.CODES - 1) / 65535)
        return n1_mapping.values()[np.clip(codes, 0, n1_mapping.CODES - 1).astype(np.int64)]
    step = converter.distance(converter.find(np.ascontiguousarray(like), even=True)[1], 1)
    origin = int(like.min())
    found = origin + step * np.rint((x.astype(np.float64) - origin) / step)
    return np.clip(found, -32768, 32767).astype(np.int16)


class Recorded:
    """The recordings, and spikes planted in those that are quiet.

    Args:
        recordings: int16 of shape (frames,) each.
        rate: frames a second.
    """

    def __init__(self, recordings: Sequence[np.ndarray], rate: float) -> None:
        self.recordings, self.rate = recordings, rate
        self.n1 = all(n1_mapping.covers(x) for x in recordings)

    @cached_property
    def trials(self) -> list[events.Planted]:
        """Quiet recordings with spikes in them, on the converter's grid; none where no recording is quiet."""
        try:
            silent = events.quiet(self.recordings, self.rate, PLANTED_IN)
        except CodecError:
            return []
        found = []
        for one in events.planted(silent, self.rate):
            pairs = zip(one.samples.T, silent, strict=True)
            found.append(one._replace(samples=np.stack([on_the_grid(x, like) for x, like in pairs], axis=1)))
        return found

    @cached_property
    def unchanged(self) -> Row:
        """Hits and false alarms in the samples themselves."""
        return self.detected(lambda x: x)

    def detected(self, through: Callable[[np.ndarray], np.ndarray]) -> Row:
        """Return the hits by level and the false alarms in samples that went through a codec, channel by channel."""
        if not self.trials:
            return {**{f"hit_{level}": None for level in LEVELS}, "false_alarms_per_s": None}
        trials = [
            one._replace(samples=np.stack([through(np.ascontiguousarray(x)) for x in one.samples.T], axis=1))
            for one in self.trials
        ]
        found = events.detection(trials, self.rate)
        return {
            **{f"hit_{level}": hit for level, hit in found.hit_rate.items()},
            "false_alarms_per_s": found.false_alarms,
        }


def measure_codec(about: Recorded, spec: str) -> Row:
    """Return what a codec of waveforms takes and keeps; decibels are means over the recordings."""
    sizes, found = [], []
    for x in about.recordings:
        blob = encode(x[:, None], spec, about.rate)
        sizes.append(len(blob))
        found.append(distortion.measure(x[:, None], decode(blob).reshape(-1, 1), about.rate))
    lossless = all(one.largest_error == 0 for one in found)

    def mean(values: list[float | None]) -> float | None:
        known = [v for v in values if v is not None and abs(v) < inf]
        return float(np.mean(known)) if known and not lossless else None

    def through(x: np.ndarray) -> np.ndarray:
        return decode(encode(x[:, None], spec, about.rate)).reshape(-1)

    return {
        "bits_per_sample": 8 * sum(sizes) / sum(map(len, about.recordings)),
        "snr_db": mean([one.snr_db for one in found]),
        "snr_spike_db": mean([one.snr_spike_db for one in found]),
        "largest_error": max(one.largest_error for one in found),
        **(about.unchanged if lossless else about.detected(through)),
    }


def measure_events(
    about: Recorded, settings: dict[str, Any], channels: int, seconds: float, advance: Advance = lambda *_: None
) -> Row:
    """Return what an event stream takes and keeps of the recordings as so many channels.

    Args:
        advance: is called after each packet.
    """
    given = {"budget": None, **settings}
    if given["budget"]:
        given["budget"] = max(round(given["budget"] * channels / FOR_CHANNELS), LEAST_BUDGET)
    sent = events.stream(about.recordings, channels, about.rate, seconds=seconds, advance=advance, **given)
    layers = given.get("layers", (0, 1, 2, 3))
    drawn = bool({2, 3} & set(layers))
    bits = float(sent.bits.sum())
    return {
        "bits_per_sample": bits / (sent.seconds * channels * about.rate),
        "snr_db": sent.snr_db if drawn else None,
        "snr_spike_db": sent.snr_spike_db if drawn and np.isfinite(sent.snr_spike_db) else None,
        "largest_error": None,
        **about.unchanged,
        "layers": layers,
        "found_per_s": sent.found / sent.seconds / channels,
        "sent_per_s": sent.sent / sent.seconds / channels,
        "waveforms_per_s": sent.waveforms / sent.seconds / channels,
        "waveform_db": sent.waveform_db if np.isfinite(sent.waveform_db) else None,
        "field_db": sent.field_db if np.isfinite(sent.field_db) else None,
        "packets_per_s": float(sent.bits.size / sent.seconds),
    }


def run(
    about: Recorded, channels: int, seconds: float, log: Path | None = None, advance: Advance = lambda *_: None
) -> list[Row]:
    """Measure every point of the road that the store has not yet, and return one row for each.

    Args:
        channels: that events are sent of.
        seconds: that they are sent for.
        log: the store; None keeps nothing.
        advance: is called with what is being done and how many steps that is: ``steps(seconds)`` in all.

    Raises:
        CodecError: a codec cannot run here.
    """
    from n1codec.bench.measure import cases, machine

    crc = 0
    for x in about.recordings:
        crc = zlib.crc32(x.tobytes(), crc)
    here = [Path(str(module.__file__)) for module in (events, distortion)]
    here += [Path(__file__), Path(native.library()._name)]
    key = {"crc32": f"{crc:08x}", "rate": about.rate, "channels": channels, "seconds": seconds}
    known = {_key(row): row for row in rows_of.read(log, _KEYS)} if log else {}
    rows = []
    for point in POINTS:
        version = machine.code_version([], here)
        if point.group != EVENTS:
            case = cases.make([point.name])[0]
            if case.problem:
                raise CodecError(f"{point.name}: {case.problem[1]}")
            version = f"{version}-{case.version}"
        row: Row = {"point": point.name, "version": version, **key}
        advance(point.name, 0)
        if _key(row) in known:
            row = known[_key(row)]
            advance(point.name, _steps(point, seconds))
        else:
            if point.group == EVENTS:
                size = point.stream.get("frames_per_packet", max(1, round(1e-3 * about.rate)))
                step = _steps(point, seconds) / max(BLOCK, round(seconds * about.rate / size))
                found = measure_events(about, point.stream, channels, seconds,
                                       lambda name=point.name, step=step: advance(name, step))  # fmt: skip
            else:
                found = measure_codec(about, point.name)
                advance(point.name, _steps(point, seconds))
            row |= {name: plain(value) for name, value in found.items()}
            if log:
                rows_of.append(log, row)
        rows.append(row)
    return rows


_KEYS = ("point", "version", "crc32", "rate", "channels", "seconds")


def _key(row: Row) -> tuple[str, ...]:
    return tuple(str(row[name]) for name in _KEYS)


def _steps(point: Point, seconds: float) -> float:
    return max(seconds, 0.1) if point.group == EVENTS else 1.0


def steps(seconds: float) -> float:
    """Return how many steps of a progress bar the road has."""
    return sum(_steps(point, seconds) for point in POINTS)


# -- what it adds up to ----------------------------------------------------------------------------------------------


def table(rows: Sequence[Row], n1: bool, sorted_rows: Sequence[Row] = ()) -> list[Row]:
    """Return a line for each point with ratios, decibels, hits, and estimates of energy.

    Args:
        rows: of :func:`run`.
        n1: the samples are the 10-bit codes of N1, so that there is a ratio of these, too.
        sorted_rows: lines of ``quality.table``, of which codecs of the same name give the accuracy of sorting.
    """
    by_name = {point.name: point for point in POINTS}
    accuracy = {line["codec"]: line["accuracy"] for line in sorted_rows}
    lines = []
    for row in rows:
        point = by_name[row["point"]]
        rate = row["channels"] * row["rate"]
        bits = row["bits_per_sample"]
        line: Row = {
            "point": point.name,
            "group": point.group,
            "kbit_s": bits * rate / 1e3,
            "bits_per_sample": bits,
            "ratio_16": SAMPLE_BITS / bits,
            "ratio_10": CODE_BITS / bits if n1 else None,
        }
        wanted = (
            "snr_db",
            "snr_spike_db",
            "largest_error",
            *(f"hit_{level}" for level in LEVELS),
            "false_alarms_per_s",
        )
        line |= {name: row[name] for name in wanted}
        line["accuracy"] = accuracy.get("n1_multi" if point.group == LOSSLESS else point.name)
        line |= _energy(point, row, rate, bits * rate)
        lines.append({name: plain(value) for name, value in line.items()})
    return sorted(lines, key=lambda line: line["ratio_16"])


def _parts(point: Point, row: Row) -> list[tuple[energy.Counts, float]]:
    """Return what was counted, and how often it happens for a sample."""
    counted = energy.counted()
    if point.group != EVENTS:
        return [(counted[point.counts], 1.0)]
    bins = 1 / (0.02 * row["rate"])
    rates = {
        "counts": bins if 0 in row["layers"] else 0.0,
        "times": row["sent_per_s"] / row["rate"] if 1 in row["layers"] else 0.0,
        "waveforms": row["waveforms_per_s"] / row["rate"],
        "field": row["packets_per_s"] / BLOCK / row["rate"] if 3 in row["layers"] else 0.0,
    }
    return [(counted["events: listen"], 1.0), *((counted[f"events: {name}"], rate) for name, rate in rates.items())]


def _energy(point: Point, row: Row, rate: float, bits: float) -> Row:
    """Return operations and bytes a sample, pJ a sample and mW of all channels, and the radio's mW."""
    parts = _parts(point, row)
    memory = round(max(counts["kept_bytes"] for counts, _ in parts) * row["channels"])
    over_air, bluetooth = energy.radio(bits)
    line: Row = {
        "operations": sum(sum(counts["operations"].values()) * often for counts, often in parts),
        "touched_bytes": sum(counts["touched_bytes"] * often for counts, often in parts),
        "memory_bytes": memory,
    }
    for node in energy.NODES:
        spent = energy.Range(0.0, 0.0)
        for counts, often in parts:
            spent = spent.plus(energy.encoder(counts, memory, node) * often)
        power = energy.milliwatts(spent, rate)
        line |= {f"pj_{node}_low": spent.low, f"pj_{node}_high": spent.high}
        line |= {f"mw_{node}_low": power.low, f"mw_{node}_high": power.high}
    return line | {"radio_mw_low": over_air.low, "radio_mw_high": over_air.high, "bluetooth_mw": bluetooth}


PATIENCE = 0.5
"""Seconds for which an encoder is timed."""
MODELS = ((1, 64), (4, 64))
"""Channels and samples of the autoencoder's models that come with the package."""


def autoencoder(rows: Sequence[Row], channels: Sequence[int] = (1024, 4096)) -> list[Row]:
    """Return what the encoders of the shipped autoencoders take at the rates of spikes that an event stream has.

    Each spike is encoded once, at the rate of those that are sent, and at that of all that are found, from as many
    channels as the model has. Multiplications are of 16 bits with an addition of 32; weights are read once a spike at
    the low end, once for each multiplication at the high one.
    """
    row = next((row for row in rows if row.get("sent_per_s")), None)
    found = [model for model in (network.shipped(*shape) for shape in MODELS) if model and row]
    return [_of_network(model, row, count, _spikes_per_second(model)) for model in found for count in channels if row]


def _spikes_per_second(model: network.Network) -> float:
    """Return how many spikes a second of the processor's time a model encodes."""
    spikes, done = np.random.default_rng(0).normal(size=(256, model.channels, model.samples)), 0
    started = process_time()
    while (took := process_time() - started) < PATIENCE:
        model.encode(spikes)
        done += len(spikes)
    return done / took


def _of_network(model: network.Network, row: Row, channels: int, speed: float) -> Row:
    products, weights = model.cost()
    counts = {
        "operations": {"multiplication int16": products, "addition int32": products},
        "touched_bytes": weights,
        "accessed_bytes": products,
    }
    rates = energy.Range(row["sent_per_s"] * channels, row["found_per_s"] * channels)
    line: Row = {
        "model": f"{model.channels} x {model.samples}",
        "channels": channels,
        "multiplications_per_spike": products,
        "weight_bytes": weights,
        "spikes_per_s_low": rates.low,
        "spikes_per_s_high": rates.high,
        "kbit_s_low": rates.low * model.stages * np.log2(model.weights["codewords"].shape[1]) / 1e3,
        "real_time_low": speed / rates.high,
    }
    for node in energy.NODES:
        spent = energy.encoder(counts, weights, node)
        line[f"mw_{node}_low"] = spent.low * rates.low * 1e-9
        line[f"mw_{node}_high"] = spent.high * rates.high * 1e-9
    return {name: plain(value) for name, value in line.items()}
