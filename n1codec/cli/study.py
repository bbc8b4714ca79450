"""``n1codec study``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from n1codec.study.run import Study


@click.group()
def command() -> None:
    """Compare what is known about compressing recordings of many channels.

    \b
    Example:
      n1codec study neuropixels run_g0_t0.imec0.ap.bin --out results/my-probe
    """


@command.command()
@click.argument("recording", type=click.Path(exists=True, path_type=Path), metavar="RECORDING")
@click.option("--seconds", type=click.FloatRange(0, min_open=True), default=10.0, show_default=True,
              help="How much of a longer recording is studied, from its beginning.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="One JSON list on stdout, an object per method.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Folder for tables and plots.")
@click.option("--quiet", is_flag=True, help="No progress bar.")
def neuropixels(recording: Path, seconds: float, as_json: bool, out: Path | None, quiet: bool) -> int:
    """Measure every known method on one recording of many channels, of a Neuropixels probe or any other.

    The table is that of a class project of 2019 (Antin and Degleris), with their figures beside those of RECORDING, and
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
    from n1codec.recordings import open_recording
    from n1codec.study import run

    with open_recording(recording) as opened, progress(run.steps(), "study", quiet=quiet) as advance:
        study = run.run(opened, seconds, advance)
        written = run.write(study, out) if out else []
    if as_json:
        click.echo(json.dumps(study.as_dicts(), indent=1))
    else:
        _print(study)
    for path in written:
        click.echo(path, err=True)
    return 0


def _print(study: Study) -> None:
    excerpt = study.excerpt
    seconds = f", {excerpt.frames / excerpt.rate:.9g} s at {excerpt.rate:.9g} Hz" if excerpt.rate else ""
    click.echo(f"{excerpt.recording.name}: {len(excerpt.channels)} channels of {excerpt.frames} frames{seconds}, "
               f"{excerpt.nbytes} bytes of samples")  # fmt: skip
    group = ""
    for row in study.rows:
        if row.group != group:
            group = row.group
            click.secho(f"\n{group}", bold=True)
            click.echo(f"{'':52}{'bytes':>11}{'ratio':>13}{'theirs':>8}{'bits':>13}{'enc MB/s':>10}{'dec MB/s':>10}")
        cells = [
            f"{'' if row.bytes is None else row.bytes:>11}", _cell(row.ratio, 13, 9), _cell(row.published_ratio, 8, 3),
            _cell(row.bits_per_sample, 13, 9), _cell(row.enc_mb_s, 10, 4), _cell(row.dec_mb_s, 10, 4),
        ]  # fmt: skip
        note = f"  {row.spec}" if row.status in ("ok", "bound") else f"  {row.status}"
        click.echo(f"{row.method:<52}{''.join(cells)}{note}")


def _cell(value: float | None, width: int, digits: int) -> str:
    return f"{'' if value is None else f'{value:.{digits}g}':>{width}}"
