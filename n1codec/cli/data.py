"""``n1codec data``: fetch, make, verify and find recordings."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from n1codec.datasets.fetch import Progress

_FOLDER = click.Path(file_okay=False, path_type=Path)


@click.group()
def command() -> None:
    """Fetch, make, verify and find recordings.

    \b
    Examples:
      n1codec data fetch
      n1codec data synth recordings --channels 4 --seconds 60
      n1codec data verify data
    """


@command.command()
@click.option("--url", metavar="URL", help="Address of the archive; $N1_DATA_URL, or the challenge's own.")
@click.option(
    "--archive",
    type=click.Path(path_type=Path),
    envvar="N1_DATA_ZIP",
    help="A zip archive of them that is here already, in place of a download; $N1_DATA_ZIP.",
)
@click.option("--dir", "folder", type=_FOLDER, default="data", show_default=True, help="Folder for the recordings.")
def fetch(url: str | None, archive: Path | None, folder: Path) -> int:
    """Download the 743 public recordings and verify each.

    An interrupted download goes on where it stopped. Nothing is put into place that is not what the manifest says.
    """
    from n1codec.datasets import fetch as fetching

    if archive and not url:
        result = fetching.unpack(archive, folder)
    else:
        with _bar() as progress:
            result = fetching.fetch(url or fetching.default_url(), folder, progress)
    print(f"{folder}: {result.present} of {result.total} recordings, every one verified, {result.new} of them new")
    return 0


@command.command()
@click.argument("folder", type=_FOLDER, default="data/synthetic", metavar="[DIR]")
@click.option("--channels", type=click.IntRange(1, 100_000), default=16, show_default=True, help="Files, one each.")
@click.option(
    "--seconds", type=click.FloatRange(0, 3600, min_open=True), default=5.0, show_default=True, help="Length of each."
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="The same seed, the same files.")
@click.option("--rate", type=click.IntRange(1, 1_000_000), default=19531, show_default=True, help="Frames a second.")
def synth(folder: Path, channels: int, seconds: float, seed: int, rate: int) -> int:
    """Write synthetic recordings that look like N1 to a codec, as WAV files in DIR (data/synthetic)."""
    from n1codec.datasets import synth as synthesis

    paths = synthesis.write(folder, channels, seconds, seed, rate)
    print(f"{folder}: {len(paths)} synthetic recordings of {seconds:g} s at {rate} Hz, seed {seed}")
    return 0


@command.command()
@click.argument("folder", type=_FOLDER, default="data", metavar="[DIR]")
def verify(folder: Path) -> int:
    """Compare the recordings in DIR (data) with the shipped list of SHA-256.

    The exit code is 1 if one is damaged, or none is there.
    """
    from n1codec.codec import CodecError
    from n1codec.datasets import dataset, manifest

    found = dataset.resolve(folder)
    report = manifest.check(found.files)
    if not report.ok and not report.damaged:
        raise CodecError(f"{found.path}: not one of the {len(report.missing)} known recordings is in it (make data)")
    for name in report.damaged:
        print(f"{found.path / name}: damaged")
    print(f"{found.path}: " + ", ".join(f"{len(names)} {kind}" for kind, names in report._asdict().items()))
    return 1 if report.damaged else 0


@command.command()
@click.argument("data", required=False)
@click.option("--dir", "folder", type=_FOLDER, default="data", show_default=True, help="Folder to look into.")
def path(data: str | None, folder: Path) -> int:
    """Print where the recordings are and, on a second line, what the data set is called.

    DATA is a folder, a WAV file or a zip archive; without it what is in data/, else what $N1_DATA_ZIP names, else the
    synthetic set. Archives and the synthetic set are unpacked under data/.
    """
    from n1codec.datasets import dataset

    found = dataset.resolve(data, folder)
    print(found.path, found.name, sep="\n")
    return 0


@contextmanager
def _bar() -> Iterator[Progress]:
    """Give a function that shows bytes done and bytes in all, on a terminal only."""
    if not sys.stderr.isatty():
        yield lambda done, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = TextColumn("download"), BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("download", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
