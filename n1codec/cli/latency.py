"""``n1codec latency``."""

from __future__ import annotations

import click

from n1codec.cli._data import takes_data


@click.command()
@takes_data()
@click.option("--channels", type=click.IntRange(1), default=1024, show_default=True, help="Channels.")
@click.option("--packet-ms", type=click.FloatRange(0, min_open=True), default=1.0, show_default=True)
@click.option("--packets", type=click.IntRange(1), default=30000, show_default=True, help="Packets to send.")
@click.option(
    "--codec",
    default="n1",
    show_default=True,
    metavar="SPEC",
    help="n1, with a profile or none, or n1_implant.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object; p-values are of CPU time, wall_ ones of wall.")
def command(data: str | None, channels: int, packet_ms: float, packets: int, codec: str, as_json: bool) -> None:
    """Time packets of many channels: recordings are fed as channels, every packet is encoded, decoded and compared.

    Where there are fewer recordings than channels they are taken again at other offsets. DATA is a folder, a zip
    archive or a WAV file; without it the data set that is here. The times are of one thread: CPU time, and wall time,
    which has in it what else the machine does. The overhead is what packets take more than the same samples in
    payloads of files, each as long as a channel goes without a restart.

    \b
    Examples:
      n1codec latency
      n1codec latency recordings/ --channels 256 --packet-ms 2 --json
      n1codec latency recordings/ --codec n1_implant
    """
    import json
    from contextlib import suppress

    from n1codec.cli._progress import progress
    from n1codec.codec import CodecError
    from n1codec.datasets import dataset
    from n1codec.pipeline import get_codec
    from n1codec.recordings import UnknownFormat, open_recording
    from n1codec.stream.latency import measure
    from n1codec.stream.packets import PacketDecoder, PacketEncoder

    found = dataset.resolve(data)
    recordings, rates = [], []
    for path in found.files[:channels]:
        with suppress(UnknownFormat):
            opened = open_recording(path)
            if opened.dtype == "int16" and opened.frames and opened.rate:
                recordings.append(opened.read(channels=0)[:, 0])
                rates.append(opened.rate)
    if not recordings:
        raise CodecError(f"{found.path}: there are no recordings of 16 bits in it")
    rate = rates[0]
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
    click.echo(f"Bytes per packet: {result.packet_bytes / packets:.9g}")
    click.echo(f"Compression ratio: {result.ratio:.9g}, as files: {result.file_ratio:.9g}")
    click.echo(f"Overhead over files: {result.overhead:.9g} %")
    click.echo(f"Real-time factor, encoder and decoder together: {result.real_time_factor:.9g}")
    click.echo(f"State: {result.state_bytes} bytes, {result.state_bytes / channels:.0f} per channel with the tables")
