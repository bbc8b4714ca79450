"""``n1codec report``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from n1codec.cli._data import takes_data

if TYPE_CHECKING:
    from n1codec.recordings import Reading


@click.command()
@click.option(
    "--results",
    type=click.Path(file_okay=False, path_type=Path),
    default="results",
    show_default=True,
    help="Folder of a data set's results, such as results/n1, or a folder of such, of which the newest is reported.",
)
@takes_data(about="The recordings: they are analysed anew, and stats.json is written beside the results.")
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="The file; report.html in the folder."
)
@click.option("--jobs", type=click.IntRange(1), default=os.cpu_count() or 1, help="Processes; all processors if none.")
def command(data: str | None, results: Path, output: Path | None, jobs: int, reading: Reading) -> None:
    """Write the results of a sweep as one HTML page that needs no network.

    The page has a table of codecs to sort and filter, ratio against speed, the ratios of single files, entropies, the
    peers of peers.csv, what n1codec quality has measured, and how to repeat the measurements. What the recordings are
    like is taken from stats.json in the folder. With DATA (a recording, a folder of WAV files or a zip archive) they
    are analysed first, and stats.json is written.

    \b
    Examples:
      n1codec report
      n1codec report recordings/ --results results/n1-372 -o report.html
    """
    from n1codec.bench.results import summary
    from n1codec.cli._progress import progress
    from n1codec.datasets import dataset
    from n1codec.report import analyse, html, quality_page

    folder = results if quality_page.there(results) else summary.newest(results)
    if data:
        found = dataset.resolve(data, reading=reading)
        with progress(len(found.places), "stats") as advance:
            click.echo(analyse.save(folder, found, jobs, advance))
    click.echo(html.write(folder, output))
