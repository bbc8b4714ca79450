"""``n1codec stats``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from n1codec.cli._data import takes_data

if TYPE_CHECKING:
    from n1codec.recordings import Reading


@click.command()
@takes_data(many=True)
@click.option("--jobs", type=click.IntRange(1), default=os.cpu_count() or 1, help="Processes; all processors if none.")
@click.option(
    "--json", "as_json", is_flag=True, help="One JSON object: total, spread, every file, histogram, spectrum."
)
@click.option(
    "--csv", "csv", type=click.Path(path_type=Path), help="A table of the files and the total: FILE.csv, DIR."
)
@click.option("--plots", type=click.Path(file_okay=False, path_type=Path), help="Folder for plots, as PNG and SVG.")
@click.option(
    "--results",
    type=click.Path(file_okay=False, path_type=Path),
    default="results",
    show_default=True,
    help="Results that the plot of entropies is to show beside them.",
)
@click.option("--nperseg", type=click.IntRange(8), default=1024, show_default=True, help="Frames of a spectrum.")
@click.option("--fs", type=click.FloatRange(0, min_open=True), metavar="HZ", help="Rate, instead of the files' own.")
@click.option("--base", type=click.FloatRange(1, min_open=True), default=2.0, show_default=True,
              help="Of the spectral entropy's logarithm.")  # fmt: skip
@click.option("--band", type=click.FloatRange(0, min_open=True), nargs=2, default=(300.0, 6000.0), show_default=True,
              metavar="HZ HZ", help="Where noise and spikes are looked for.")  # fmt: skip
@click.option("--neo-factor", type=click.FloatRange(0, min_open=True), default=8.0, show_default=True,
              help="Times the mean nonlinear energy that a spike has to reach.")  # fmt: skip
@click.option("--rails", type=float, nargs=2, metavar="LOW HIGH", help="What is clipped; the format's limits if none.")
@click.option("--quiet", is_flag=True, help="No progress bar.")
def command(
    data: tuple[str, ...],
    jobs: int,
    as_json: bool,
    csv: Path | None,
    plots: Path | None,
    results: Path,
    nperseg: int,
    fs: float | None,
    base: float,
    band: tuple[float, float],
    neo_factor: float,
    rails: tuple[float, float] | None,
    quiet: bool,
    reading: Reading,
) -> int:
    """Analyse recordings: moments, values, entropies, spectrum, noise, spikes, clipping, simultaneous recordings.

    DATA is a recording, a folder of WAV files or a zip archive; without it the data set that is here. Moments, values
    and entropies come from exact counts of all samples; moments are those of the population. An entropy with a table
    for each file does not count the table: it is no bound that a decoder could reach.

    \b
    Examples:
      n1codec stats
      n1codec stats recordings/ --json > stats.json
      n1codec stats a.wav b.wav --csv stats.csv --plots plots/
    """
    from n1codec.analysis.stats import Settings, collect
    from n1codec.cli import fail
    from n1codec.cli._progress import progress
    from n1codec.datasets import dataset
    from n1codec.report import tables

    if band[0] >= band[1]:
        raise click.UsageError("--band: the lower edge comes first")
    if rails and rails[0] >= rails[1]:
        raise click.UsageError("--rails: the lower one comes first")
    found = dataset.resolve_all(data, reading=reading)
    settings = Settings(nperseg, fs, base, band, neo_factor, rails)
    with progress(len(found.places), "stats", quiet=quiet) as advance:
        stats = collect(found.places, settings, jobs, advance)
    for problem in stats.problems:
        fail("n1codec stats", f"{problem} (left out)")
    if as_json:
        click.echo(tables.to_json(found.name, stats, settings))
    else:
        click.echo(f"Data set: {found}")
        for title, rows in tables.sections(stats, settings):
            click.secho(f"\n{title}", bold=True)
            for line in tables.lines(rows):
                click.echo(line)
    written = tables.write_csv(csv, stats) if csv else []
    if plots:
        from n1codec.report import stats_plots

        written += stats_plots.draw(plots, found, stats, settings, results)
    for path in written:
        click.echo(path, err=as_json)
    return 1 if stats.problems else 0
