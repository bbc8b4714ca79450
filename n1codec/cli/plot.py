"""``n1codec plot``."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.option(
    "--results",
    type=click.Path(file_okay=False, path_type=Path),
    default="results",
    show_default=True,
    help="Folder of a data set's results, such as results/n1, or a folder of such, of which the newest is drawn.",
)
def command(results: Path) -> None:
    """Draw and tabulate the results of a sweep, as PNG and SVG beside the CSV files that they are drawn from.

    \b
    pareto  ratio against speed, with the codecs that none beats in both
    codecs  ratio, the spread of single files, and speeds, by family; of more than 40 codecs those of
            the front and the best of each family are named
    all-1   and further ones: the same of all codecs, where they are more than 40
    science what is left of spikes and their sorting, where n1codec quality has measured it

    README.md beside them has the tables.

    \b
    Examples:
      n1codec plot
      n1codec plot --results results/n1-372
    """
    from n1codec.bench.results import summary
    from n1codec.report import page, quality_page
    from n1codec.report.plots import draw

    folder = results if quality_page.there(results) else summary.newest(results)
    if quality_page.there(folder):
        for path in quality_page.write(folder):
            click.echo(path)
    if (folder / summary.FILE).exists():
        for path in draw(folder):
            click.echo(path)
        click.echo(page.write(folder))
