"""``n1codec data``: fetch, make, verify and find recordings."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from n1codec.cli._lossy import refuse
from n1codec.datasets.fetch import Progress

_FOLDER = click.Path(file_okay=False, path_type=Path)


@click.group()
def command() -> None:
    """Fetch, make, verify and find recordings.

    \b
    Examples:
      n1codec data fetch
      n1codec data synth recordings --channels 4 --seconds 60
      n1codec data synth long.bin --like run_g0_t0.imec0.ap.bin --seconds 180
      n1codec data verify data
    """


@command.command()
@click.option("--url", metavar="URL", help="The archive's address; without it that of $N1_DATA_URL.")
@click.option(
    "--archive",
    type=click.Path(path_type=Path),
    envvar="N1_DATA_ZIP",
    help="A zip archive of the recordings on this machine, which makes a download needless; or $N1_DATA_ZIP.",
)
@click.option(
    "--dir", "folder", type=_FOLDER, default="data", show_default=True, help="The folder that gets the recordings."
)
def fetch(url: str | None, archive: Path | None, folder: Path) -> int:
    """Download the 743 public recordings and verify each.

    An interrupted download goes on where it stopped. A file whose SHA-256 sum is not the one of the shipped list does
    not get into the folder. Without --url and $N1_DATA_URL the challenge's own address is used.
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
@click.argument("out", type=click.Path(path_type=Path), default="data/synthetic", metavar="[OUT]")
@click.option(
    "--like", type=click.Path(exists=True, path_type=Path), metavar="RECORDING", help="The recording to learn from."
)
@click.option("--stream", default="", help="Which stream of RECORDING is meant, if it has several.")
@click.option(
    "--channels",
    type=click.IntRange(1, 100_000),
    help="How many files to write, of one channel each (16); with --like the channels of the one file (those of "
    "RECORDING; further ones are made like them again).",
)
@click.option(
    "--seconds",
    type=click.FloatRange(0, min_open=True),
    default=5.0,
    show_default=True,
    help="The length of each file; an hour at most without --like.",
)
@click.option(
    "--seed", type=click.IntRange(0), default=0, show_default=True, help="The same seed makes the same files."
)
@click.option(
    "--rate", type=click.IntRange(1, 1_000_000), help="The sampling rate in Hz (19531); RECORDING's own with --like."
)
@click.option("--quiet", is_flag=True, help="No progress bar.")
def synth(
    out: Path, like: Path | None, stream: str, channels: int | None, seconds: float, seed: int, rate: int | None,
    quiet: bool,
) -> int:  # fmt: skip
    """Write synthetic recordings: one-channel WAV files into the folder OUT (data/synthetic), or one flat file.

    To a codec the WAV files look like recordings of the N1: 10-bit codes stretched to 16 bits, coloured noise, spikes.

    With --like RECORDING the file OUT becomes one recording of many channels, of any length, with the spectra, the
    correlations between channels, the amplitudes and the code widths of RECORDING; OUT.json beside it describes it to
    every command. Channels for synchronisation are left out.
    """
    if like:
        if rate:
            raise click.UsageError("--rate: with --like the rate is that of the recording")
        return _synth_like(out, like, stream, channels, seconds, seed, quiet)
    if seconds > 3600:
        raise click.UsageError("--seconds: files of more than an hour are made with --like only")
    from n1codec.datasets import synth as synthesis

    folder, channels, rate = out, channels or synthesis.CHANNELS, rate or synthesis.RATE
    paths = synthesis.write(folder, channels, seconds, seed, rate)
    print(f"{folder}: {len(paths)} synthetic recordings of {seconds:g} s at {rate} Hz, seed {seed}")
    return 0


def _synth_like(
    out: Path, like: Path, stream: str, channels: int | None, seconds: float, seed: int, quiet: bool
) -> int:
    from n1codec.cli._progress import progress
    from n1codec.codec import CodecError
    from n1codec.datasets import synth_like
    from n1codec.recordings import Place, open_recording

    if out.is_dir():
        raise CodecError(f"{out}: it is a folder (name the file that is to be written)")
    with open_recording(Place(like, stream)) as recording:
        model = synth_like.learn(recording)
        channels = channels or model.channels
        megabytes = seconds * model.rate * channels * model.dtype.itemsize / 1e6
        with progress(round(megabytes), "MB", quiet=quiet) as advance:
            frames = synth_like.write(out, model, seconds, channels, seed, lambda size: advance(out.name, size / 1e6))
    print(f"{out}: {channels} channels of {frames} frames at {model.rate:.9g} Hz like {recording.name}, seed {seed}")
    return 0


@command.command()
@click.argument("folder", type=_FOLDER, default="data", metavar="[DIR]")
def verify(folder: Path) -> int:
    """Compare the recordings in DIR (data) with the shipped list of SHA-256 sums.

    The exit code is 1 if a recording is damaged, or if none of the list is there.
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
@click.option(
    "--dir",
    "folder",
    type=_FOLDER,
    default="data",
    show_default=True,
    help="The folder that is searched where no DATA is given.",
)
@click.option("--codec", metavar="SPEC", help="What is to run on them: lossy codecs are refused, as eval.sh does.")
def path(data: str | None, folder: Path, codec: str | None) -> int:
    """Print where the recordings are and, on a second line, what the data set is called.

    DATA is a folder, a WAV file or a zip archive. Without it the recordings in data/ are taken, else the archive that
    $N1_DATA_ZIP names, else the synthetic set. Archives are unpacked, and the synthetic set is written, under data/.
    """
    from n1codec.datasets import dataset

    refuse([codec])
    found = dataset.resolve(data, folder)
    print(found.path, found.name, sep="\n")
    return 0


@contextmanager
def _bar() -> Iterator[Progress]:
    """Give a function that shows how many bytes of how many are done; away from a terminal it shows nothing."""
    if not sys.stderr.isatty():
        yield lambda done, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = TextColumn("download"), BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("download", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
