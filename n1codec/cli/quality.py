"""``n1codec quality``."""

from __future__ import annotations

import json
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import click

from n1codec.cli._data import describes_recordings

if TYPE_CHECKING:
    from n1codec.recordings import Reading

GENERATED = "generated"


@click.command()
@click.argument("named", nargs=-1, metavar="[DATA] [CODEC]...")
@click.option("--data", metavar="DATA", help="The recording; the same as DATA.")
@describes_recordings
@click.option("--ground-truth", "known", metavar="FILE|generated", help="The spikes that are known: a .csv or .npz of "
              "frame and unit; or make recordings whose spikes are known, instead of DATA.")  # fmt: skip
@click.option("--seeds", type=click.IntRange(1), default=3, show_default=True, help="How many recordings to make.")
@click.option("--seconds", type=click.FloatRange(0, min_open=True), default=60.0, show_default=True,
              help="How long they are, and how much of DATA is taken.")  # fmt: skip
@click.option("--sorter", metavar="NAME", help="Sort the spikes before and after, with a sorter of SpikeInterface such "
              "as spykingcircus2 (make sorting).")  # fmt: skip
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), metavar="DIR",
              help="Folder for rows, tables and plots; results/<name of DATA>-quality by default.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="One JSON list on stdout, an object per codec.")
@click.option("--quiet", is_flag=True, help="No progress bar.")
def command(
    named: tuple[str, ...],
    data: str | None,
    known: str | None,
    seeds: int,
    seconds: float,
    sorter: str | None,
    out: Path | None,
    as_json: bool,
    quiet: bool,
    reading: Reading,
) -> None:
    """Say what codecs do to science: to samples, to spikes that are detected, and to neurons that a sorter finds.

    Each CODEC encodes the recording DATA and decodes it. The table has the ratio by real bytes, the signal-to-noise
    ratio over the full band and between 300 and 6000 Hz, the largest error in steps of the converter, and which spikes
    of the recording are still detected. With --sorter the spikes of both are sorted, and with --ground-truth compared
    to those that are known, for neurons of each signal-to-noise ratio by themselves; without it the sorting of the
    recording itself is what counts as known. Without CODEC a list of lossy ones is taken.

    Rows are appended to science.jsonl in the folder of results. What is there is not measured again, so that an
    interrupted run goes on.

    \b
    Examples:
      n1codec quality run_g0_t0.imec0.ap.bin "round:error=2|n1_multi" mdct
      n1codec quality --ground-truth generated --sorter spykingcircus2
      n1codec quality tetrode.raw --channels 4 --rate 30000 --ground-truth spikes.csv "round:error=4|n1_multi"
    """
    from n1codec.cli._progress import progress
    from n1codec.codec import CodecError
    from n1codec.datasets import dataset
    from n1codec.lossy import quality
    from n1codec.lossy.sorting import Sorter
    from n1codec.recordings import open_recording
    from n1codec.report import quality_page

    codecs = list(named)
    if known == GENERATED:
        if data:
            raise click.UsageError("--ground-truth generated makes the recordings itself: leave DATA out")
        name, count, subjects = GENERATED, seeds, quality.generated(range(seeds), seconds)
    else:
        if not data and not codecs:
            raise click.UsageError("name a recording, or --ground-truth generated")
        found = dataset.resolve(data or codecs.pop(0), reading=reading)
        if len(found.places) != 1:
            raise CodecError(f"{found.path}: there are {len(found.places)} recordings in it (name one of them, or "
                             "--group those that belong together)")  # fmt: skip
        name, count = found.name, 1
        with open_recording(found.places[0]) as recording:
            subjects = iter([quality.recorded(recording, seconds, Path(known) if known else None)])
    out = out or Path("results") / f"{name}-quality"
    specs = codecs or list(quality.DEFAULT)
    with (
        Sorter(sorter, out / quality.KEPT) if sorter else nullcontext() as tool,
        progress(count * len(specs), "quality", quiet=quiet) as advance,
    ):
        rows = quality.run(subjects, specs, out, tool, advance)
    lines = quality.table(rows)
    for path in quality_page.write(out):
        click.echo(path, err=True)
    if as_json:
        click.echo(json.dumps(lines, indent=1))
        return
    for text in quality_page.as_text(lines):
        click.echo(text)
