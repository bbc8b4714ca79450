"""``n1codec radio``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from n1codec.cli._data import takes_data

if TYPE_CHECKING:
    from n1codec.recordings import Reading

MOST_SAMPLES = 1 << 27
"""Samples of all recordings together that are looked at: the first frames of longer ones."""
SORTED = Path("results") / "generated-quality"


@click.command()
@takes_data(virtual=1024)
@click.option("--seconds", type=click.FloatRange(0, min_open=True), default=10.0, show_default=True,
              help="For how long events are sent.")  # fmt: skip
@click.option("--sorting", "sorted_in", type=click.Path(file_okay=False, path_type=Path), metavar="DIR",
              help=f"Results of n1codec quality with a sorter; {SORTED} by default, where it is.")  # fmt: skip
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), metavar="DIR",
              help="Folder for rows, tables and the plot; without it nothing is kept.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
@click.option("--quiet", is_flag=True, help="No progress bar.")
def command(
    data: str | None,
    as_channels: int,
    seconds: float,
    sorted_in: Path | None,
    out: Path | None,
    as_json: bool,
    quiet: bool,
    reading: Reading,
) -> None:
    """Measure the whole road to a slow radio: from lossless codecs over lossy ones and events to counts of spikes.

    Each point has its ratio, of 16-bit samples and, for recordings of N1, of 10-bit codes; what is left of the samples
    in the full band and between 300 and 6000 Hz; how many of the spikes that are planted in quiet recordings are found;
    and an estimate of the power that its encoder and the radio take for all channels, from counted operations and
    published energies. The autoencoder's encoder follows, at the rates of spikes that were found. Budgets of events are
    those of 1024 channels; fewer channels have less in proportion.

    With --out the rows are kept in road.jsonl there. What is there is not measured again, so that an interrupted run
    goes on.

    \b
    Examples:
      n1codec radio recordings/
      n1codec radio recordings/ --as-channels 1024 --out results/my-radio
      n1codec radio recordings/ --as-channels 96 --seconds 2 --json
    """
    from n1codec.cli._progress import progress
    from n1codec.codec import CodecError
    from n1codec.datasets import dataset
    from n1codec.lossy import quality, road
    from n1codec.recordings.columns import columns, frames_within, signals
    from n1codec.report import road_page

    found = dataset.resolve(data, reading=reading)
    usable = [signals(one) for one in found.recordings() if one.dtype == "int16" and one.frames and one.rate]
    if not usable:
        raise CodecError(f"{found.path}: there are no recordings of 16 bits in it, or they have no rate (--rate)")
    frames = frames_within(usable, MOST_SAMPLES)
    recordings = [column for one in usable for column in columns(one, frames)]
    about = road.Recorded(recordings, usable[0].rate)
    if out:
        out.mkdir(parents=True, exist_ok=True)
    with progress(road.steps(seconds), "radio", quiet=quiet) as advance:
        rows = road.run(about, as_channels, seconds, out / road.FILE if out else None, advance)
    sorting = quality.table(quality.latest(quality.read(sorted_in or SORTED)))
    lines, network = road.table(rows, about.n1, sorting), road.autoencoder(rows)
    if out:
        words = f"{found.name}: {len(recordings)} channels, as {as_channels} at {about.rate:g} Hz, events {seconds:g} s"
        told = f"n1codec radio {found.name} --as-channels {as_channels} --seconds {seconds:g}"
        for path in road_page.write(out, words, told, lines, network):
            click.echo(path, err=True)
    if as_json:
        click.echo(json.dumps({"points": lines, "autoencoder": network}, indent=1))
        return
    for text in road_page.as_text(lines, network):
        click.echo(text)
