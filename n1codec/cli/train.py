"""``n1codec train``."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import click

from n1codec.cli._progress import progress
from n1codec.codec import CodecError

if TYPE_CHECKING:
    import numpy as np


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(exists=True, path_type=Path))
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE.n1p", help="The profile."
)
@click.option("--check", is_flag=True, help="Train on each half, measure on the other: what each part gains.")
@click.option(
    "--c-source", type=click.Path(path_type=Path, dir_okay=False), help="The profile as the C table to build in."
)
@click.option(
    "--codec", type=click.Choice(["n1", "n1_implant"]), default="n1", help="n1_implant: its tables, for --c-source."
)
@click.option("--quiet", is_flag=True, help="No progress bar.")
def command(folder: Path, output: Path | None, check: bool, c_source: Path | None, codec: str, quiet: bool) -> None:
    """Make a profile for an ADC or a probe from the WAV files in DIR, for the codec n1.

    The profile holds what all recordings of the converter share: the widths of its codes, the shape of the residual
    and a prior for the predictor. n1:profile=FILE.n1p uses it. Decoding asks for it again: let N1CODEC_PROFILES name
    it.

    \b
    Example:
      n1codec train recordings/ -o my.n1p --check
    """
    from n1codec.train import fit
    from n1codec.train.profile import to_c, untrained

    if not (output or check or c_source):
        raise click.UsageError("nothing to do: name the profile with -o, or ask for --check")
    recordings = fit.load(folder)
    if check and len(recordings) < 2:
        raise CodecError("--check needs two recordings or more")
    if codec == "n1_implant":
        _implant(recordings, output, check, c_source, quiet)
        return
    runs = (2 if check else 1) * (2 * fit.ROUNDS + 1)
    with progress(len(recordings) * runs, "training", quiet=quiet) as advance:
        profile = fit.fit(recordings, advance)
        halves = [fit.fit(recordings[half::2], advance) for half in (0, 1)] if check else []
    data = profile.to_bytes()
    if output:
        output.write_bytes(data)
    if c_source:
        c_source.write_text(to_c({"n1_profile_none": untrained().to_bytes(), "n1_profile_n1": data}))
    widths = "learned on the way" if profile.widths is None else f"{profile.widths.size}"
    click.echo(f"recordings {len(recordings)}, code widths {widths}, profile {zlib.crc32(data):08x}, {len(data)} bytes")
    if not check:
        cold, warm = fit.measure(recordings, None), fit.measure(recordings, profile)
        click.echo(f"bits per sample: {cold:.4f} without, {warm:.4f} with the profile ({cold / warm - 1:+.2%} ratio)")
        return
    click.echo("bits per sample on files not trained on, without the container:")
    unseen = [recordings[1 - half :: 2] for half in (0, 1)]
    for steps in zip(*map(fit.ladder, halves), strict=True):
        bits = [fit.measure(part, step) for part, (_, step) in zip(unseen, steps, strict=True)]
        sizes = [sum(x.size for x in part) for part in unseen]
        total = sum(b * size for b, size in zip(bits, sizes, strict=True)) / sum(sizes)
        click.echo(f"{total:9.4f}  {steps[0][0]}")


def _implant(
    recordings: list[np.ndarray], output: Path | None, check: bool, c_source: Path | None, quiet: bool
) -> None:
    from n1codec.train import fit, implant

    if output:
        raise click.UsageError("n1_implant takes no profile: name the C table to build in with --c-source")
    halves = [recordings[0::2], recordings[1::2]] if check else []
    with progress((len(recordings) * (2 if check else 1)) * (2 * fit.ROUNDS + 1), "training", quiet=quiet) as advance:
        tables = implant.train(recordings, advance)
        trained = [implant.train(half, advance) for half in halves]
    if c_source:
        c_source.write_text(implant.to_c(tables))
    click.echo(f"recordings {len(recordings)}, tables of {len(tables)} bytes")
    click.echo(f"bits per sample: {implant.measure(recordings, tables):.4f}")
    if check:
        sizes = [sum(x.size for x in half) for half in halves]
        unseen = [implant.measure(halves[1 - i], trained[i]) * sizes[1 - i] for i in (0, 1)]
        click.echo(f"on files not trained on: {sum(unseen) / sum(sizes):.4f}, without the container")
