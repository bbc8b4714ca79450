"""``n1codec grid``."""

from __future__ import annotations

import signal
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import click


@click.command()
@click.option("--data", metavar="DIR", help="Folder of WAV files, or a zip of some; what is there if none.")
@click.option("--codecs", metavar="'A B C'", default="", help="Codecs, separated by blanks.")
@click.option("--codec", "single", metavar="SPEC", multiple=True, help="One codec; may be given many times.")
@click.option("--jobs", type=click.IntRange(1), default=1, show_default=True, help="Codecs measured at the same time.")
@click.option(
    "--results",
    type=click.Path(file_okay=False, path_type=Path),
    default="results",
    show_default=True,
    help="Folder of the results; each data set has its own in it, even where two have the same name.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(0, min_open=True),
    default=3600.0,
    show_default=True,
    metavar="SECONDS",
    help="Time limit of a codec, for both directions.",
)
@click.option(
    "--min-time",
    type=click.FloatRange(0),
    default=1.0,
    show_default=True,
    metavar="SECONDS",
    help="Repeat a codec's work, over all files and in each direction, until it took this long.",
)
@click.option("--force", is_flag=True, help="Run again what has verified results.")
@click.option("--quiet", is_flag=True, help="No progress, no table.")
def command(
    data: str | None,
    codecs: str,
    single: tuple[str, ...],
    jobs: int,
    results: Path,
    timeout: float,
    min_time: float,
    force: bool,
    quiet: bool,
) -> int:
    """Sweep codecs, all of them if none is named, over all WAV files of a data set.

    Each codec is encoded in one process and decoded in another, which never sees the originals; then the files are
    compared. What has verified results on this machine, measured in the same
    way, is not run again, and an interrupted sweep goes on.

    \b
    Examples:
      n1codec grid
      n1codec grid --codecs "bz2 delta_zstd remap|flac" --data recordings/
    """
    from n1codec.bench import cases, store, summary, view
    from n1codec.bench.run import Settings
    from n1codec.bench.sweep import sweep
    from n1codec.recordings import dataset

    specs = [*cases.split(codecs), *single]
    chosen = cases.make(specs) if specs else cases.default()
    recordings = dataset.resolve(data)
    name, sources = recordings.name, [cases.source(path) for path in recordings.files]
    megabytes = sum(source.bytes for source in sources) / 1e6
    if not quiet:
        print(f"{len(chosen)} codecs, data set {name}: {len(sources)} files, {megabytes:.1f} MB", file=sys.stderr)
    shown: Any = view.Quiet() if quiet else view.Terminal() if sys.stderr.isatty() else view.Plain()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with shown if isinstance(shown, view.Terminal) else nullcontext():
            result = sweep(name, chosen, sources, results, Settings(timeout, min_time, jobs), shown, force=force)
    except KeyboardInterrupt:
        print("n1codec grid: stopped; nothing is lost, the same command goes on from here", file=sys.stderr)
        return 130
    table = summary.read(result.folder)
    if not quiet:
        asked = table[table["spec"].isin([case.spec for case in chosen])]
        view.show(asked)
        print(f"\ndata set {result.folder.name}: {len(sources)} files, {megabytes:.1f} MB")
        print(f"{result.folder / store.FILE}  one row per file and codec")
        print(f"{result.folder / summary.FILE}  one line per codec")
    if result.bad:
        names = ", ".join(outcome.case.mode for outcome in result.bad)
        print(f"n1codec grid: {len(result.bad)} of {len(chosen)} codecs failed: {names}", file=sys.stderr)
    return 1 if result.bad else 0
