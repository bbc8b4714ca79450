"""``n1codec study``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from n1codec.cli._data import takes_data

if TYPE_CHECKING:
    from n1codec.datasets.dataset import Reading


@click.group()
def command() -> None:
    """Compare what is known about compressing recordings of many channels.

    \b
    Example:
      n1codec study neuropixels run_g0_t0.imec0.ap.bin --out results/my-probe
    """


@command.command()
@takes_data(required=True, about="The recording; the same as DATA.")
@click.option("--seconds", type=click.FloatRange(0, min_open=True), default=10.0, show_default=True,
              help="How much of a longer recording is studied, from its beginning.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="One JSON list on stdout, an object per method.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Folder for tables and plots.")
@click.option("--quiet", is_flag=True, help="No progress bar.")
def neuropixels(
    data: str, seconds: float, as_json: bool, out: Path | None, quiet: bool, reading: Reading
) -> int:  # fmt: skip
    """Measure every known method on one recording of many channels, of a Neuropixels probe or any other.

    The table is that of a class project of 2019 (Antin and Degleris), with their figures beside those of DATA, and
    what they hoped for: predictors, wavelets, neighbouring electrodes, and the codecs of today. Ratios are bytes of
    samples over bytes of what holds them; channels for synchronisation are left out. Everything that has an inverse
    is decoded and compared. Speeds are millions of bytes of samples a second of CPU time.

    \b
    Examples:
      n1codec study neuropixels run_g0_t0.imec0.ap.bin
      n1codec study neuropixels run_g0_t0.imec0.ap.bin --out results/my-probe --json > study.json
    """
    import json

    from n1codec.cli._progress import progress
    from n1codec.codec import CodecError
    from n1codec.datasets import dataset
    from n1codec.study import run, tables

    found = dataset.resolve(data, reading=reading)
    if len(found.places) != 1:
        raise CodecError(f"{found.path}: there are {len(found.places)} recordings in it (name one of them)")
    with next(found.recordings()) as opened, progress(run.steps(), "study", quiet=quiet) as advance:
        study = run.run(opened, seconds, advance)
        written = run.write(study, out) if out else []
    if as_json:
        click.echo(json.dumps(study.as_dicts(), indent=1))
    else:
        click.echo(tables.about(study.excerpt))
        for line, title in tables.lines(study):
            click.secho(line, bold=title)
    for path in written:
        click.echo(path, err=True)
    return 0
