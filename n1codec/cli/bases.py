"""``n1codec bases``."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from n1codec.cli._data import takes_data

if TYPE_CHECKING:
    from n1codec.lossy.bases import Signal
    from n1codec.recordings import Reading


@click.command()
@takes_data()
@click.option("--bases", "chosen", metavar="'A B C'", help="Bases, separated by blanks; without it all untrained ones.")
@click.option(
    "--trained", is_flag=True, help="Those that are fitted to recordings, too: on one half, measured on the other."
)
@click.option(
    "--peers", is_flag=True, help="Other people's codecs beside them, as points: their bytes, times and errors."
)
@click.option("--ratio", "ratios", metavar="8,10,20", help="Ratios of 16-bit samples to compare at.")
@click.option("--every", type=click.IntRange(1), default=1, show_default=True, help="Take every so many channels.")
@click.option("--jobs", type=click.IntRange(1), help="Processes; as many as there are processors by default.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Folder for tables and plots.")
@click.option("--json", "as_json", is_flag=True, help="One JSON list on stdout, an object per basis and ratio.")
@click.option("--quiet", is_flag=True, help="No progress bar.")
def command(
    data: str | None,
    chosen: str | None,
    trained: bool,
    peers: bool,
    ratios: str | None,
    every: int,
    jobs: int | None,
    out: Path | None,
    as_json: bool,
    quiet: bool,
    reading: Reading,
) -> None:
    """Compare bases: which of them makes recordings cheap, and how far the best is from the bound.

    Every channel of DATA is transformed, quantised in 46 ways, and its bits are counted by an adaptive code of each
    band, all side information included. At each ratio stand the signal-to-noise ratio over the full band and between
    300 and 6000 Hz, the peak signal-to-noise ratio, and the bound of rate-distortion theory for a Gaussian signal of
    the same spectrum; means of decibels over the channels. Behind the bases stands mdct, the codec, with the bytes that
    it really writes. With --peers JPEG-LS, SZ3, SPERR, ZFP, WavPack's hybrid mode and Opus follow, and round before
    lossless codecs, each at its own ratios and in a process of its own. --out keeps tables and plots, and goes on where
    it was interrupted.

    \b
    Examples:
      n1codec bases recordings/
      n1codec bases recordings/ --bases "mdct256 9/7" --ratio 8,10,20,200 --json
      n1codec bases run_g0_t0.imec0.ap.bin --every 8 --trained --peers --out results/my-probe-bases
    """
    from importlib.util import find_spec

    from n1codec.cli import say
    from n1codec.cli._progress import progress
    from n1codec.codec import SpecError
    from n1codec.datasets import dataset
    from n1codec.lossy import bases
    from n1codec.lossy import peers as others
    from n1codec.lossy.bases import METHODS

    names = chosen.split() if chosen else [name for name, make in METHODS.items() if trained or not make().trained]
    if not chosen:
        needs = {name: METHODS[name]().needs for name in names}
        for extra, modules in (("lossy", ("pywt", "sklearn")), ("torch", ("torch",))):
            if without := [name for name in names if needs[name] in modules and not find_spec(needs[name])]:
                names = [name for name in names if name not in without]
                say("n1codec bases", _left_out(without, extra))
    if unknown := [name for name in names if name not in METHODS]:
        raise SpecError(f"there is no basis {unknown[0]!r} (there are {', '.join(METHODS)})")
    try:
        at = [float(ratio) for ratio in ratios.split(",")] if ratios else list(bases.RATIOS)
        if not all(1 <= ratio <= 1e4 for ratio in at):
            raise ValueError
    except ValueError:
        raise click.UsageError(f"--ratio {ratios}: name numbers from 1 to 10000, such as 8,10,20") from None
    recordings = dataset.resolve(data, reading=reading)
    signals = bases.signals(recordings.places)[::every]
    if out:
        out.mkdir(parents=True, exist_ok=True)
    with progress(len(names) * len(signals), "bases", quiet=quiet) as advance:
        found = bases.run(signals, names, jobs or os.cpu_count() or 1, advance, out / ".curves.csv" if out else None)
    lines = bases.table(signals, found, at)
    beside = _peers(signals, jobs or os.cpu_count() or 1, out, quiet) if peers else ([], [])
    if out:
        from n1codec.report import bases_plots

        for path in bases_plots.write(out, recordings.name, signals, found, lines, *beside):
            click.echo(str(path), err=as_json)
    if as_json:
        click.echo(json.dumps(lines + [{key: line[key] for key in lines[0]} for line in beside[0]], indent=2))
        return
    for line in bases.as_text(lines):
        click.echo(line)
    for line in others.as_text(*beside) if peers else ():
        click.echo(line)


def _peers(
    signals: list[Signal], jobs: int, out: Path | None, quiet: bool
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Measure the other codecs, and say what there is none of; return their points, and ratios at equal errors."""
    from n1codec.cli import say
    from n1codec.cli._progress import progress
    from n1codec.lossy import peers

    without = peers.missing(peers.PEERS)
    for extra, names in without.items():
        say("n1codec bases", _left_out(names, extra))
    names = [name for name in peers.PEERS if not any(name in gone for gone in without.values())]
    lost: list[str] = []
    with progress(peers.steps(names) * len(signals), "peers", quiet=quiet) as advance:
        found = peers.run(signals, names, jobs, advance, out / ".peers.csv" if out else None, lost.append)
    if lost:
        say("n1codec bases", f"{len(lost)} points of peers are left out, the first: {lost[0]}")
    return peers.table(signals, found), peers.near_lossless(signals, found)


def _left_out(names: list[str], extra: str) -> str:
    return f"left out: {', '.join(names)} (pip install 'n1codec[{extra}]' brings what they need)"
