"""``n1codec search``."""

from __future__ import annotations

import csv
import json
import os
import signal
import sys
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from n1codec.bench.results.summary import speed
from n1codec.cli._data import takes_data

if TYPE_CHECKING:
    from n1codec.bench.search.halving import Found, Step
    from n1codec.recordings import Reading

MOST_REASONS = 5
"""Reasons of failures that are printed."""
_HEADINGS = ("ratio", "payload ratio", "encode xRT", "decode xRT", "bits/sample", "files")


@click.command()
@takes_data()
@click.option("--filters", metavar="'A B C'", multiple=True, help="Only these filters, separated by blanks.")
@click.option("--coders", metavar="'A B C'", multiple=True, help="Only these coders.")
@click.option("--exclude", metavar="'A B C'", multiple=True, help="None of these families, filters or coders.")
@click.option("--depth", type=click.IntRange(0, 6), default=4, show_default=True, help="Filters in a pipeline at most.")
@click.option(
    "--finalists",
    type=click.IntRange(1),
    default=32,
    show_default=True,
    help="How many pipelines at most are verified on all files.",
)
@click.option(
    "--time-limit",
    type=click.FloatRange(0, min_open=True),
    default=600.0,
    show_default=True,
    metavar="SECONDS",
    help="What there is no time for is left out.",
)
@click.option("--jobs", type=click.IntRange(1), default=os.cpu_count() or 1, show_default=True, help="Processes.")
@click.option("--seed", type=int, default=0, show_default=True, help="Decides which files are in the samples.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout: rungs, finalists, failures.")
@click.option("--csv", "as_csv", is_flag=True, help="The finalists as CSV on stdout.")
@click.option("--quiet", is_flag=True, help="No progress.")
def command(
    data: str | None,
    filters: tuple[str, ...],
    coders: tuple[str, ...],
    exclude: tuple[str, ...],
    as_json: bool,
    as_csv: bool,
    quiet: bool,
    reading: Reading,
    **options: Any,
) -> int:
    """Look for the best pipelines of filters, coder and parameters, and verify them on all files.

    Permutations are tried on a small sample; the best by ratio and the Pareto front of ratio, encode and decode speed
    go on to larger ones, with variants of their parameters. The table is the Pareto front; --json and --csv have all
    finalists. Ctrl-C ends it with what it has.

    Ratios of the table are of whole .n1c files, payload ratios of what the codec wrote. Speeds compare with --jobs 1 on
    a quiet machine; n1codec grid measures them with care.

    \b
    Examples:
      n1codec search --exclude n1
      n1codec search recordings/ --coders "zstd bzip3 pcodec" --time-limit 120
      n1codec search --filters "remap delta lpc" --csv > found.csv
    """
    from n1codec.bench.search import halving, space
    from n1codec.cli._progress import progress
    from n1codec.codec import CodecError, SpecError
    from n1codec.datasets import dataset

    if as_json and as_csv:
        raise click.UsageError("--json or --csv, not both")
    try:
        chosen = space.stages(*(" ".join(names).split() for names in (filters, coders, exclude)))
    except SpecError as error:
        raise click.UsageError(str(error)) from error
    recordings = dataset.resolve(data, reading=reading)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if not quiet:
        names = " ".join(stage.name for stage in chosen)
        click.echo(f"Data set: {recordings}; {len(chosen)} stages: {names}", err=True)
    tell = partial(_tell, quiet=quiet)
    watch = partial(progress, quiet=quiet)
    found = halving.Search(recordings.places, chosen, watch=watch, tell=tell, **options).run()
    if found.stopped:
        click.echo(f"n1codec search: {found.stopped}", err=True)
    if not found.finalists:
        raise CodecError(found.stopped or "no candidate could be measured (is there a recording with samples?)")
    _show(found, as_json=as_json, as_csv=as_csv)
    if not (quiet or as_json):
        _tell_failures(found)
    return 130 if found.stopped == halving.INTERRUPTED else 0


def _tell(step: Step, *, quiet: bool) -> None:
    if not quiet:
        counts = f"{step.tried} tried, {step.failed} failed, {step.pruned} pruned, {step.kept} kept"
        click.echo(f"{step.name} ({step.sample}): {counts}" + (f"; best {step.best}" if step.best else ""), err=True)


def _tell_failures(found: Found) -> None:
    """Print on stderr why candidates failed: each reason once, with an example, the most frequent first."""
    reasons: dict[str, list[str]] = {}
    for spec, reason in found.failures.items():
        reasons.setdefault(reason, []).append(spec)
    ranked = sorted(reasons.items(), key=lambda item: -len(item[1]))
    for reason, specs in ranked[:MOST_REASONS]:
        click.echo(f"{len(specs)} failed, such as {specs[0]}: {reason}", err=True)
    if more := ranked[MOST_REASONS:]:
        failed = sum(len(specs) for _, specs in more)
        click.echo(f"{failed} failed for {len(more)} other reasons (--json lists them all)", err=True)


def _show(found: Found, *, as_json: bool, as_csv: bool) -> None:
    front = {m.candidate.spec for m in found.front}
    rows = [m.row() | {"front": m.candidate.spec in front} for m in found.finalists]
    if as_json:
        steps = [asdict(step) for step in found.steps]
        whole = {"tried": found.tried, "stopped": found.stopped, "steps": steps, "finalists": rows}
        click.echo(json.dumps(whole | {"failures": found.failures}, indent=1))
    elif as_csv and rows:
        writer = csv.DictWriter(sys.stdout, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    elif rows:
        lines = [_cells(row) for row in rows if row["front"]]
        width = max(len("pipeline"), *(len(line[0]) for line in lines))
        for first, *cells in (("pipeline", *_HEADINGS), *lines):
            click.echo(first.ljust(width) + "".join(f"  {cell:>13}" for cell in cells))
        state = "verified on all files" if rows[0]["verified"] else "measured on a sample, not verified on all files"
        click.echo(f"\n{found.tried} candidates tried; the Pareto front of {len(rows)} finalists, {state}")


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    ratios = (f"{row[key]:#.10g}" for key in ("ratio", "payload_ratio"))
    speeds = (speed(row[f"{direction}_xRT"]) for direction in ("encode", "decode"))
    return row["spec"], *ratios, *speeds, f"{row['bits_per_sample']:#.10g}", str(row["files"])
