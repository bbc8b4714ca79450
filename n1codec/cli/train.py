"""``n1codec train``."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import click

from n1codec.cli._data import takes_data
from n1codec.cli._progress import progress
from n1codec.codec import CodecError, SpecError

if TYPE_CHECKING:
    import numpy as np

    from n1codec.datasets.dataset import Dataset
    from n1codec.pipeline import Pipeline
    from n1codec.recordings import Reading


@click.command()
@takes_data(required=True)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE.n1p",
    help="Write the profile to it.",
)
@click.option(
    "--check",
    is_flag=True,
    help="Show what training is worth: train on each half of the recordings, measure on the other.",
)
@click.option(
    "--c-source",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the tables to it as C source, to build in.",
)
@click.option(
    "--codec",
    metavar="NAME",
    default="n1",
    show_default=True,
    help="The codec to train. Of one that takes no profile, --c-source keeps the tables.",
)
@click.option("--quiet", is_flag=True, help="Show no progress bar.")
def command(
    data: str, output: Path | None, check: bool, c_source: Path | None, codec: str, quiet: bool, reading: Reading
) -> None:
    """Make a profile for an ADC or a probe from the recordings of DATA, for the codec n1 or n1_multi.

    DATA is a recording, a folder of WAV files or a zip archive. Every channel is a recording to train on; of more than
    134 million samples the first frames are taken. For n1_multi the channels belong together, and 8 million samples are
    enough.

    The profile of n1 holds what all recordings of the converter share: the widths of its codes, the shape of the
    residual and a prior for the predictor; that of n1_multi holds what a probe's channels tell of each other, and the
    widths of each converter. The codecs n1:profile=FILE.n1p and n1_multi:profile=FILE.n1p use it. Files that they write
    can be decoded only where the environment variable N1CODEC_PROFILES names the profile or its folder.

    \b
    Examples:
      n1codec train recordings/ -o my.n1p --check
      n1codec train run_g0_t0.imec0.ap.bin --codec n1_multi -o probe.n1p
      n1codec train recordings/ --codec n1_max --check
    """
    from n1codec import files
    from n1codec.cli._text import count
    from n1codec.datasets import dataset
    from n1codec.pipeline import get_codec
    from n1codec.train import fit, unseen

    if not (output or check or c_source):
        raise click.UsageError("nothing to do: name the profile with -o, or ask for --check")
    try:
        stages = get_codec(codec)
        if stages.model_coder:
            if c_source:
                raise click.UsageError(f"{codec} has no tables to build in: name the profile with -o")
            _train_together(dataset.resolve(data, reading=reading), stages, output, check)
            return
        trainer = unseen.trainer(codec)
    except SpecError as error:
        raise click.UsageError(str(error)) from error
    if output and not trainer.PROFILE:
        raise click.UsageError(f"{codec} takes no profile: name the C table to build in with --c-source")
    recordings = fit.load(dataset.resolve(data, reading=reading).recordings())
    if check and len(recordings) < 2:
        raise CodecError("--check needs two recordings or more")
    runs = bool(output or c_source) + check
    with progress(len(recordings) * runs * trainer.PASSES, "training", quiet=quiet) as advance:
        tables = trainer.train(recordings, advance) if output or c_source else b""
        pairs = unseen.halves(recordings) if check else []
        trained = [trainer.train(seen, advance) for seen, _ in pairs]
    if output:
        files.write(output, tables)
    if c_source:
        files.write(c_source, trainer.to_c(tables).encode())
    click.echo(count(len(recordings), "recording"))
    if tables:
        click.echo(f"tables of {len(tables)} bytes, {zlib.crc32(tables):08x}")
        click.echo("on the same recordings:")
        if trainer.PROFILE:
            _show("without a profile", codec, recordings, trainer.measure(recordings, b""))
        _show(
            "with it" if trainer.PROFILE else "with these tables",
            codec,
            recordings,
            trainer.measure(recordings, tables),
        )
    if check:
        click.echo("trained on one half, measured on the other, and the reverse:")
        ladders = [trainer.ladder(part) for part in trained]
        for rungs in zip(*ladders, strict=True):
            size = sum(trainer.measure(others, part) for (_, others), (_, part) in zip(pairs, rungs, strict=True))
            _show(rungs[0][0], codec, recordings, size)


def _train_together(found: Dataset, codec: Pipeline, output: Path | None, check: bool) -> None:
    from n1codec import files
    from n1codec.cli._text import count
    from n1codec.train import multi

    assert codec.model_coder
    if codec.coder.get_config().get("profile", "none") != "none":
        raise click.UsageError("a profile is trained without another one: leave profile= out")
    recordings = multi.load(found.recordings())
    click.echo(count(len(recordings), "recording"))
    if output:
        profile = codec.model_coder.profile_of(*multi.part(recordings))
        files.write(output, profile)
        click.echo(f"a profile of {len(profile)} bytes, {zlib.crc32(profile):08x}")
    if check:
        click.echo("trained on one half of the time, measured on the other, and the reverse:")
        halves = [multi.part(recordings, *ends) for ends in ((0, 0.5), (0.5, 1))]
        sizes = [
            multi.measure(codec, half, codec.model_coder.profile_of(*other))
            for half, other in zip(halves, reversed(halves), strict=True)
        ]
        samples = sum(half.frames.size for half in halves)
        for what, each in zip(("with models of their own", "with the profile"), zip(*sizes, strict=True), strict=True):
            click.echo(f"{8 * sum(each) / samples:9.4f} bits per sample, ratio {2 * samples / sum(each):.4f}  {what}")


def _show(what: str, codec: str, recordings: list[np.ndarray], payload: float) -> None:
    from n1codec.train import unseen

    cost = unseen.cost(codec, recordings, payload)
    click.echo(f"{cost.bits_per_sample:9.4f} bits per sample, ratio {cost.ratio:.4f}  {what}")
