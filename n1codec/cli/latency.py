"""``n1codec latency``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from n1codec.cli._data import takes_data

if TYPE_CHECKING:
    from n1codec.recordings import Reading

MOST_SAMPLES = 1 << 27
"""Samples of all recordings together that are sent: the first frames of longer ones."""


@click.command()
@takes_data(virtual=1024)
@click.option("--packet-ms", type=click.FloatRange(0, min_open=True), default=1.0, show_default=True)
@click.option("--packets", type=click.IntRange(1), default=30000, show_default=True, help="Packets to send.")
@click.option(
    "--codec",
    default="n1",
    show_default=True,
    metavar="SPEC",
    help="n1, with a profile or none, n1_multi with a profile, or n1_implant.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object; p-values are of CPU time, wall_ ones of wall.")
def command(
    data: str | None, as_channels: int, packet_ms: float, packets: int, codec: str, as_json: bool, reading: Reading
) -> None:
    """Time packets of many channels: recordings are fed as channels, every packet is encoded, decoded and compared.

    DATA is a recording, a folder of WAV files or a zip archive; without it the data set that is here. Every channel of
    a recording is one; where there are fewer than --as-channels they are taken again at other offsets. The times are of
    one thread: CPU time, and wall time, which has in it what else the machine does. The overhead is what packets take
    more than the same samples in payloads of files, each as long as a channel goes without a restart.

    \b
    Examples:
      n1codec latency
      n1codec latency recordings/ --as-channels 256 --packet-ms 2 --json
      n1codec latency recordings/ --codec n1_implant --packet-ms 0.5
      n1codec latency run_g0_t0.imec0.ap.bin --as-channels 384 --codec n1_multi:profile=probe.n1p
    """
    import json

    from n1codec.cli._progress import progress
    from n1codec.codec import CodecError
    from n1codec.datasets import dataset
    from n1codec.pipeline import get_codec
    from n1codec.recordings.columns import columns, frames_within, signals
    from n1codec.stream.latency import measure
    from n1codec.stream.packets import PacketDecoder, PacketEncoder

    found, channels = dataset.resolve(data, reading=reading), as_channels
    some = found._replace(places=found.places[:channels])
    usable = [signals(one) for one in some.recordings() if one.dtype == "int16" and one.frames and one.rate]
    if not usable:
        raise CodecError(f"{found.path}: there are no recordings of 16 bits in it, or they have no rate (--rate)")
    frames = frames_within(usable, MOST_SAMPLES)
    recordings = [column for one in usable for column in columns(one, frames)][:channels]
    rate = usable[0].rate
    size = max(1, round(packet_ms * 1e-3 * rate))
    encoder = PacketEncoder(channels, rate, codec, size)
    decoder = PacketDecoder(channels, rate, codec, size)
    with progress(packets + channels, "packets and files", quiet=as_json) as advance:
        result = measure(recordings, encoder, decoder, packets, get_codec(codec), advance)
    figures = result.as_dict()
    if as_json:
        click.echo(json.dumps(figures))
        return
    click.echo(f"Data set: {found}, codec: {codec}")
    click.echo(f"{packets} packets of {size} frames of {channels} channels at {rate:g} Hz: all came back bit for bit")
    click.echo(f"{'ms':8}{'p50':>10}{'p99':>10}{'p99.9':>10}{'max':>10}")
    for name in ("encode", "decode"):
        for label, clock in ((name, ""), ("  wall", "wall_")):
            row = (figures[name][f"{clock}{key}_ms"] for key in ("p50", "p99", "p99_9", "max"))
            click.echo(f"{label:8}" + "".join(f"{value:10.4f}" for value in row))
    click.echo(
        f"From a packet's first frame to its samples, p99.9: {result.end_to_end_ms:.4f} ms, "
        f"{result.collect_ms:.4f} of them its collection, without transmission"
    )
    click.echo(f"Bytes per packet: {result.packet_bytes / packets:.9g}")
    click.echo(f"Compression ratio: {result.ratio:.9g}, as files: {result.file_ratio:.9g}")
    click.echo(f"Overhead over files: {result.overhead:.9g} %")
    click.echo(f"Real-time factor, encoder and decoder together: {result.real_time_factor:.9g}")
    click.echo(f"State: {result.state_bytes} bytes, {result.state_bytes / channels:.0f} per channel with the tables")
