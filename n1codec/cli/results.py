"""``n1codec results``."""

from __future__ import annotations

import json
from pathlib import Path

import click


@click.group()
def command() -> None:
    """Look at stored results, compare them, export them.

    \b
    Examples:
      n1codec results show --family n1
      n1codec results compare results/n1-372@previous results/n1-372
      n1codec results export results/n1-372 n1-372.parquet
    """


_SELECT = (
    click.option("--codec", "codecs", metavar="SPEC", multiple=True, help="A name, a spec, or a part of some."),
    click.option("--family", metavar="NAME", help="One family."),
)


@command.command()
@click.argument("where", default="results")
@_SELECT[0]
@_SELECT[1]
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list, an object per codec, every digit.")
def show(where: str, codecs: tuple[str, ...], family: str | None, as_json: bool) -> None:
    """Print the table of a data set's results, computed from its rows.

    WHERE is a folder in results/, or results itself for the newest; WHERE@VALUE keeps one version or machine.

    \b
    Examples:
      n1codec results show
      n1codec results show results/n1-372 --codec zstd --codec "remap|flac"
      n1codec results show results/n1-372 --family audio --json
    """
    from n1codec.bench.results import summary, tables
    from n1codec.cli import _sweep_view as view

    table = tables.select(summary.summarise(tables.load(where)), codecs, family)
    if as_json:
        click.echo(json.dumps(view.records(table), indent=2))
    else:
        view.show(table)


@command.command()
@click.argument("before")
@click.argument("after")
@_SELECT[0]
@_SELECT[1]
@click.option(
    "--tolerance",
    type=click.FloatRange(0, 100),
    default=0.0,
    show_default=True,
    metavar="PERCENT",
    help="What a ratio may lose without being a regression.",
)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list, an object per codec, every digit.")
def compare(
    before: str, after: str, codecs: tuple[str, ...], family: str | None, tolerance: float, as_json: bool
) -> int:
    """Print how ratio and speeds of each codec changed from one store, version or machine to another.

    Only files that are verified on both sides count. The intervals are 95 % of a bootstrap over files. The last column
    says what became of the compressed size and, apart from it, of the speed. The exit code is 1 if a ratio is lower by
    more than the tolerance, or a codec that was verified fails; speeds do not matter for it.
    After @ stands an n1codec version, a codec_version, a machine, a Python version, or "previous".

    \b
    Examples:
      n1codec results compare results/n1-372@previous results/n1-372
      n1codec results compare old/n1-372 results/n1-372 --codec n1 --tolerance 0.1
      n1codec results compare results/n1-372@0.1.0 results/n1-372@0.2.0 --json
    """
    from n1codec.bench.results import tables
    from n1codec.cli import _sweep_view as view

    table = tables.compare(tables.load(before), tables.load(after), tolerance / 100)
    table = tables.select(table, codecs, family)
    if as_json:
        click.echo(json.dumps(view.records(table), indent=2))
    else:
        view.show_changes(table)
    return int((table["verdict"] == "worse").any())


@command.command()
@click.argument("where")
@click.argument("output", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--summary", "summarised", is_flag=True, help="One line per codec instead of one per codec and file.")
def export(where: str, output: Path, summarised: bool) -> None:
    """Write results as OUTPUT.csv or OUTPUT.parquet (extra n1codec[parquet]).

    WHERE is a folder in results/, or results itself for the newest; WHERE@VALUE keeps one version or machine.

    \b
    Examples:
      n1codec results export results/n1-372 files.csv
      n1codec results export results/n1-372 codecs.parquet --summary
    """
    from n1codec.bench.results import summary, tables

    rows = tables.load(where)
    tables.export(summary.summarise(rows) if summarised else rows, output)
    click.echo(output)


@command.command("recover")
@click.argument("damaged", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("output", type=click.Path(dir_okay=False, path_type=Path))
def rescue(damaged: Path, output: Path) -> None:
    """Write the whole rows of the damaged store DAMAGED to the new store OUTPUT.

    DAMAGED is not changed.

    \b
    Example:
      n1codec results recover results/n1-372/files.csv.gz rescued.csv.gz
    """
    from n1codec.bench.results.recovery import recover
    from n1codec.cli._text import count

    click.echo(f"{output}: {count(recover(damaged, output), 'whole row')}")
