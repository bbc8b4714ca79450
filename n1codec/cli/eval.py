"""``n1codec eval``."""

from __future__ import annotations

import os
from math import inf
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import click

from n1codec.cli._data import takes_data
from n1codec.cli._lossy import refuse

if TYPE_CHECKING:
    from n1codec.recordings import Reading


@click.command()
@click.option("--codec", metavar="SPEC", help="The codec; else $N1_CODEC, or the one that suits each recording.")
@takes_data()
def command(codec: str | None, data: str | None, reading: Reading) -> None:
    """Run one codec over all recordings and verify that each comes back bit for bit.

    One process encodes, another decodes without seeing the originals, then the files are compared. In a checkout
    eval.sh does the same with ./encode and ./decode, file by file, and with anybody's programs.

    \b
    Examples:
      n1codec eval
      n1codec eval recordings/ --codec "delta|zstd:level=19"
    """
    from tempfile import TemporaryDirectory
    from threading import Event

    from n1codec.bench.measure import cases
    from n1codec.bench.measure.run import Progress, Settings, run
    from n1codec.cli import fail
    from n1codec.cli._progress import progress
    from n1codec.cli._sweep_view import stored
    from n1codec.codec import CodecError
    from n1codec.container import Packing
    from n1codec.datasets import dataset
    from n1codec.pipeline import default_codec, get_codec

    refuse([codec or os.environ.get("N1_CODEC")])
    named = get_codec(codec) if codec else default_codec()
    recordings = dataset.resolve(data, reading=reading)
    coded_by: dict[str, list[cases.Source]] = {}
    for place in recordings.places:
        coded_by.setdefault(named.spec if named else Packing(place).spec, []).append(cases.source(place))
    work = list(zip(cases.make(coded_by), coded_by.values(), strict=True))
    click.echo(f"Data set: {recordings}, codec: {', '.join(case.spec for case, _ in work)}")
    for line in stored([source for _, sources in work for source in sources]):
        fail("n1codec eval", line)
    rows = []
    with TemporaryDirectory(prefix="n1-eval-") as folder, progress(2 * len(recordings.places), "eval") as advance:

        def report(step: Progress) -> None:
            advance(f"{step.phase} {step.file}")

        for case, sources in work:
            rows += run(case, sources, Path(folder) / "work", Settings(inf, 0.0, 1), report, Event()).rows
    for row in rows:
        if row["status"] != "ok":
            raise CodecError(f"{row.get('file', row['spec'])}: {row['reason']}")
        sizes = f"from {row['original_bytes']} to {row['compressed_bytes']} bytes"
        click.echo(f"{row['file']} losslessly compressed {sizes}")
    before, after = (sum(row[f"{size}_bytes"] for row in rows) for size in ("original", "compressed"))
    seconds = sum(row["recording_seconds"] for row in rows)
    click.echo("All recordings successfully compressed.")
    click.echo(f"Original size (bytes): {before}")
    click.echo(f"Compressed size (bytes): {after}")
    click.echo(f"Compression ratio: {before / after:.9g}")
    for direction in ("encode", "decode") if seconds else ():  # files that are no recordings last no time
        took = sum(row[f"{direction}_seconds"] for row in rows)
        click.echo(f"{direction.capitalize()} speed (xRT): {seconds / took if took else inf:.9g}")
        if named and named.external:
            start = median(float(row[f"{direction}_start_seconds"]) for row in rows)
            click.echo(f"Start of a process, not in it (s): {start:.9g}")
