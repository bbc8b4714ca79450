"""``n1codec events``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import click

from n1codec.cli._data import Numbers, takes_data

if TYPE_CHECKING:
    from n1codec.recordings import Reading

MOST_SAMPLES = 1 << 27
"""Samples of all recordings together that are sent: the first frames of longer ones."""


class Rate(click.ParamType):
    """Bits a second: ``1M``, ``250k``, ``96000``."""

    name = "bits"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        match = re.fullmatch(r"(\d+(?:\.\d+)?)([kM]?)", str(value), re.ASCII)
        if not match:
            self.fail(f"{value!r} is no number of bits a second (write it as 1M, 250k or 96000)", param, ctx)
        return round(float(match[1]) * {"": 1, "k": 1e3, "M": 1e6}[match[2]])


@click.command()
@takes_data(virtual=1024)
@click.option("--budget", type=Rate(), default="1M", show_default=True, metavar="BITS", help="Bits a second, at most.")
@click.option("--seconds", type=click.FloatRange(0, min_open=True), default=10.0, show_default=True, help="To send.")
@click.option("--lossless", type=Numbers(), default=(), metavar="0-3,7", help="Channels all of whose "
              "samples are sent, too, as far as bits are left.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.option("--quiet", is_flag=True, help="No progress bar.")
def command(
    data: str | None,
    as_channels: int,
    budget: int,
    seconds: float,
    lossless: tuple[int, ...],
    as_json: bool,
    quiet: bool,
    reading: Reading,
) -> None:
    """Send the events of many channels over a slow radio: counts, spike times, waveforms, field potential.

    Recordings are fed as channels; where there are fewer than --as-channels they are taken again at other offsets.
    Every packet of a millisecond is encoded, decoded and compared with the samples. Besides, spikes are planted in
    quiet recordings, to tell how many of them the detector finds and how often it errs.

    \b
    Examples:
      n1codec events recordings/ --as-channels 1024 --budget 1M
      n1codec events recordings/ --as-channels 96 --budget 250k --lossless 0
    """
    import json

    from n1codec.cli._progress import progress
    from n1codec.codec import CodecError
    from n1codec.datasets import dataset
    from n1codec.recordings.columns import columns, frames_within, signals
    from n1codec.spikes import events

    if any(channel >= as_channels for channel in lossless):
        raise click.UsageError(f"--lossless names a channel beyond the last one ({as_channels - 1})")
    found = dataset.resolve(data, reading=reading)
    usable = [signals(one) for one in found.recordings() if one.dtype == "int16" and one.frames and one.rate]
    if not usable:
        raise CodecError(f"{found.path}: there are no recordings of 16 bits in it, or they have no rate (--rate)")
    frames = frames_within(usable, MOST_SAMPLES)
    recordings = [column for one in usable for column in columns(one, frames)]
    rate = usable[0].rate
    packets = 1e3 * seconds + 3e3 * min(map(len, recordings)) / rate
    with progress(packets, "packets", quiet=quiet or as_json) as advance:
        sent = events.stream(recordings, as_channels, rate, budget, seconds, lossless, advance)
        detected = events.detection(events.planted(recordings, rate), rate, advance)
    figures = events.figures(sent, detected, rate)
    if as_json:
        click.echo(json.dumps(figures, indent=2))
        return
    click.echo(f"Data set: {found}, as {as_channels} channels at {rate:g} Hz, {seconds:g} s")
    click.echo(f"Sent: {figures['kbit_s']:.9g} kbit/s, {figures['kbit_s_peak']:.9g} in the largest second")
    for name, bits in figures["layers"].items():
        click.echo(f"  {name:10}{bits:10.2f} kbit/s, in {figures['shares'][name]:.4f} of the packets")
    click.echo(
        f"Spikes: {figures['spikes_found']} found, {figures['spikes_sent']} sent, {figures['waveforms_sent']} waveforms"
    )
    for what, decibels in (("Waveforms", figures["waveform_db"]), ("Field potential", figures["field_db"])):
        click.echo(f"{what}: {'none came' if decibels is None else f'{decibels:.2f} dB'}")
    rates = ", ".join(f"{level}: {hit:.4f}" for level, hit in figures["hit_rate"].items())
    click.echo(f"Planted in {figures['planted_in']} quiet recordings, found by peak to noise: {rates}")
    click.echo(f"False alarms: {figures['false_alarms_per_s']:.4f} a second and channel")
    click.echo(
        f"From the trough, p99: decided after {figures['flag_ms_p99']:.3f} ms, waveform after "
        f"{figures['codeword_ms_p99']:.3f} ms; then up to {figures['packet_ms']:.3f} ms for the packet"
    )
    click.echo(f"CPU time of a packet: p50 {figures['cpu_ms_p50']:.4f} ms, p99.9 {figures['cpu_ms_p99_9']:.4f} ms")
