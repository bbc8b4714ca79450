"""``n1codec grid``."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from n1codec.cli._data import takes_data
from n1codec.cli._lossy import refuse

if TYPE_CHECKING:
    from n1codec.recordings import Reading


@click.command()
@takes_data()
@click.option("--codecs", metavar="'A B C'", multiple=True, help="Codecs, separated by blanks; may be given often.")
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
@click.option(
    "--memory-limit",
    metavar="SIZE",
    help="Memory that a codec may take beyond its library, such as 500M or 2G (Linux); no limit without it.",
)
@click.option("--pin", metavar="CPUS", help="Processors to measure on, such as 0,1: each codec on one of them (Linux).")
@click.option("--counters", is_flag=True, help="Count instructions on three files of each codec (needs Valgrind).")
@click.option("--dask", metavar="ADDRESS", help="Measure on the workers of a Dask cluster, such as tcp://host:8786.")
@click.option("--quality", is_flag=True, help="Measure lossy codecs: what they lose, too.")
@click.option("--only-failed", is_flag=True, help="Run only what failed when it was last run.")
@click.option("--json", "as_json", is_flag=True, help="Print the sweep's figures as JSON instead of a table.")
@click.option("--force", is_flag=True, help="Run again what has verified results.")
@click.option("--quiet", is_flag=True, help="No progress, no table.")
def command(
    data: str | None,
    codecs: tuple[str, ...],
    single: tuple[str, ...],
    jobs: int,
    results: Path,
    timeout: float,
    min_time: float,
    memory_limit: str | None,
    pin: str | None,
    counters: bool,
    dask: str | None,
    quality: bool,
    only_failed: bool,
    as_json: bool,
    force: bool,
    quiet: bool,
    reading: Reading,
) -> int:
    """Sweep codecs, all of them if none is named, over all recordings of a data set.

    DATA is a recording, a folder of WAV files or a zip archive; without it the data set that is here. Each codec
    encodes in one process and decodes in another, which never sees the originals; then the files are compared. A codec
    that has verified results on this machine, measured in the same way, is not run again, and an interrupted sweep goes
    on.

    With --quality the codecs are lossy ones. Their rows go into a table of their own, with the signal-to-noise ratio
    over the full band and between 300 and 6000 Hz, the peak signal-to-noise ratio and its peak (1023 for N1 recordings,
    else the range of the file), and the largest error in steps of the converter.

    \b
    Examples:
      n1codec grid
      n1codec grid recordings/ --codecs "bz2 delta_zstd remap|flac"
      n1codec grid --pin 1 --memory-limit 2G
      n1codec grid --only-failed --timeout 7200
      n1codec grid --quality --codec "round:error=2|n1"
      n1codec grid --dask tcp://scheduler:8786
    """
    from contextlib import ExitStack
    from functools import partial

    from n1codec.bench.measure import cases, cluster, limits
    from n1codec.bench.measure import counters as counting
    from n1codec.bench.measure.run import Settings
    from n1codec.bench.measure.sweep import sweep
    from n1codec.bench.results import store, summary
    from n1codec.cli import _sweep_view as view
    from n1codec.cli import fail
    from n1codec.cli._text import count
    from n1codec.datasets import dataset

    specs = [*cases.split(" ".join(codecs)), *single]
    if not quality:
        refuse(specs)
    chosen = cases.make(specs) if specs else cases.default(quality)
    recordings = dataset.resolve(data, reading=reading)
    if counters:
        counting.require()
    name, sources = recordings.name, [cases.source(place) for place in recordings.places]
    megabytes = sum(source.bytes for source in sources) / 1e6
    about = f"{count(len(sources), 'file')}, {megabytes:.1f} MB"
    if not quiet:
        print(f"{count(len(chosen), 'codec')}, data set {name}: {about}", file=sys.stderr)
    for line in view.stored(sources):
        fail("n1codec grid", line)
    shown: Any = view.Quiet() if quiet else view.Terminal() if sys.stderr.isatty() else view.Plain()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        limit = limits.memory(memory_limit) if memory_limit else None
        cpus = limits.processors(pin, jobs) if pin else ()
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    if dask and (pin or jobs > 1):
        raise click.UsageError("--dask: --jobs and --pin are of this machine (start workers with the threads you want)")
    run = partial(sweep, name, chosen, sources, results, view=shown, force=force, only_failed=only_failed,
                  quality=quality)  # fmt: skip
    try:
        with ExitStack() as stack:
            if isinstance(shown, view.Terminal):
                stack.enter_context(shown)
            if dask:
                there = stack.enter_context(cluster.connect(dask))
                settings = Settings(timeout, min_time, there.jobs, limit, counters=counters)
                result = run(settings, executor=there.executor, machines=there.machines)
            else:
                result = run(Settings(timeout, min_time, jobs, limit, cpus, counters))
    except KeyboardInterrupt:
        print("n1codec grid: stopped; nothing is lost, the same command goes on from here", file=sys.stderr)
        return 130
    table = summary.read(result.folder, quality)
    if as_json:
        print(json.dumps(view.figures(result), indent=2))
    elif not quiet:
        asked = table[table["spec"].isin([case.spec for case in chosen])]
        view.show(asked, quality)
        print(f"\ndata set {result.folder.name}: {about}")
        rows, lines = (store.QUALITY, summary.QUALITY) if quality else (store.FILE, summary.FILE)
        print(f"{result.folder / rows}  one row per file and codec")
        print(f"{result.folder / lines}  one line per codec")
        print(view.overhead(result))
    if result.bad:
        names = ", ".join(outcome.case.mode for outcome in result.bad)
        print(f"n1codec grid: {len(result.bad)} of {count(len(chosen), 'codec')} failed: {names}", file=sys.stderr)
    return 1 if result.bad else 0
