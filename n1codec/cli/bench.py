"""``n1codec bench``."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from n1codec.cli._data import takes_data

if TYPE_CHECKING:
    from n1codec.bench.measure.kernels import Measurement, Speed
    from n1codec.datasets.dataset import Dataset
    from n1codec.recordings import Reading
    from n1codec.train.unseen import Cost

MOST_SAMPLES = 1 << 22
"""Samples of a file that are measured on: the first frames of a longer one."""
_HEADINGS = ("ratio", "encode ns", "xRT", "spread", "decode ns", "xRT", "spread", "promised")


@click.command()
@takes_data()
@click.option("--files", type=click.IntRange(1), default=8, show_default=True, help="How many files to measure on.")
@click.option(
    "--min-time",
    type=click.FloatRange(0),
    default=0.5,
    show_default=True,
    metavar="SECONDS",
    help="Time that the passes of each stage and direction take at least.",
)
@click.option("--filter", "text", default="", metavar="TEXT", help="Only stages with this in their name.")
@click.option("--json", "as_json", is_flag=True, help="One JSON list of objects on stdout.")
@click.option("--check", is_flag=True, help="Exit code 1 if a stage is slower than it promises.")
@click.option(
    "--unseen", is_flag=True, help="And the ratios of trained codecs on all files, trained on half of them at a time."
)
@click.option("--jobs", type=click.IntRange(1), default=2, show_default=True, help="Trainings at the same time.")
def command(
    data: str | None,
    files: int,
    min_time: float,
    text: str,
    as_json: bool,
    check: bool,
    unseen: bool,
    jobs: int,
    reading: Reading,
) -> int:
    """Time our own stages and a few references, within one process on one core.

    A filter is timed by itself, a coder behind remap|delta; times are of the stage alone, in nanoseconds per sample and
    as times real time of one channel (xRT): the median of the passes, with their interquartile range / median. The
    fastest pass decides whether the stage is as fast as it promises. A coder that fits a model to the recording is
    timed with the fit, and without it: a long recording is fitted to once.

    DATA is a recording, a folder of WAV files or a zip archive; of a file with more than 4 million samples the first
    frames are measured.

    With --unseen, each trained codec then learns from one half of the files and codes the other, and the reverse: that
    is the ratio to expect of other files of the kind. A few codecs that are not trained stand beside it.

    \b
    Examples:
      n1codec bench
      n1codec bench recordings/ --unseen
      n1codec bench --filter lpc --files 2
    """
    import numpy as np

    from n1codec.bench.measure import kernels, machine
    from n1codec.codec import CodecError
    from n1codec.datasets import dataset
    from n1codec.recordings.columns import signals

    chosen = [target for target in kernels.targets() if text in target.name]
    if not chosen:
        raise click.UsageError(f"no stage has {text!r} in its name")
    recordings = dataset.resolve(data, reading=reading)
    picked = np.unique(np.linspace(0, len(recordings.places) - 1, files).round().astype(int))
    some = recordings._replace(places=tuple(recordings.places[index] for index in picked))
    measured = []
    for recording in map(signals, some.recordings()):
        frames = min(recording.frames, MOST_SAMPLES // max(1, recording.channels))
        if frames and recording.rate:
            measured.append(kernels.Signal(recording.read(0, frames), recording.rate))
    if not measured:
        raise CodecError(f"{recordings.path}: it has no samples to measure on, or they have no rate (--rate)")
    width = max(len(_title(target)) for target in chosen)
    if not as_json:
        click.echo(f"Data set: {recordings}, measured on {len(measured)} of its files, {machine.cpu()}")
        click.echo(_line("stage (behind)".ljust(width), *_HEADINGS))
    done = []
    for target in chosen:
        measurement = kernels.measure(target, measured, min_time)
        done.append(measurement)
        if not as_json:
            click.echo(_line(_title(target).ljust(width), *_cells(measurement)) + f"  {measurement.mark}".rstrip())
    costs = _unseen(recordings, text, jobs) if unseen else {}
    if as_json:
        objects = [_object(measurement) for measurement in done]
        objects += [
            {"codec": codec, "problem": cost} if isinstance(cost, str) else {"codec": codec, "unseen": cost._asdict()}
            for codec, cost in costs.items()
        ]
        click.echo(json.dumps(objects, indent=1))
    elif costs:
        click.echo(
            "\nAll files, WAV to .n1c; what is trained learned from one half and coded the other, and the reverse."
        )
        width = max(map(len, costs))
        click.echo(f"{'codec'.ljust(width)}  bits per sample    ratio")
        for codec, cost in costs.items():
            figures = cost if isinstance(cost, str) else f"{cost.bits_per_sample:15.4f}  {cost.ratio:7.4f}"
            click.echo(f"{codec.ljust(width)}  {figures}")
    return 1 if check and any(m.mark not in ("", "ok") for m in done) else 0


def _unseen(found: Dataset, text: str, jobs: int) -> dict[str, Cost | str]:
    from n1codec import registry
    from n1codec.bench.measure import kernels
    from n1codec.cli._progress import progress
    from n1codec.train import fit, unseen

    codecs = [codec for codec in unseen.codecs() if text in codec]
    references = [spec for spec in kernels.references() if text in spec and spec != registry.STORED]
    recordings = fit.load(found.recordings())
    with progress(2 * (len(codecs) + len(references)), "training") as advance:
        return unseen.validate(codecs, references, recordings, jobs, advance)


def _title(target: Any) -> str:
    return f"{target.name} ({target.behind})" if target.behind else str(target.name)


def _line(first: str, *cells: str) -> str:
    return f"{first}  {cells[0]:>6}" + "".join(f"  {cell:>9}" for cell in cells[1:])


def _cells(measurement: Measurement) -> list[str]:
    def cells(speed: Speed | None) -> list[str]:
        return [f"{speed.ns_per_sample:.3f}", f"{speed.xrt:.0f}", f"{speed.spread:.1%}"] if speed else [""] * 3

    floor = measurement.target.stage.floor_xrt
    ratio = f"{measurement.ratio:.3f}" if measurement.ratio else ""
    return [ratio, *cells(measurement.encode), *cells(measurement.decode), str(floor or "")]


def _object(measurement: Measurement) -> dict[str, Any]:
    target = measurement.target
    return {
        "stage": target.name,
        "behind": target.behind,
        "family": target.stage.family,
        "ratio": measurement.ratio,
        "encode": asdict(measurement.encode) if measurement.encode else None,
        "decode": asdict(measurement.decode) if measurement.decode else None,
        "floor_xrt": target.stage.floor_xrt,
        "mark": measurement.mark,
    }
