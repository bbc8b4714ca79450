"""``n1codec correlate``."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("folder", metavar="[DIR]", required=False)
@click.option(
    "--measure",
    "measures",
    multiple=True,
    type=click.Choice(["pearson", "spearman", "kendall"]),
    help="May be given more than once; all three by default.",
)
@click.option(
    "--distance",
    type=click.Choice(["1-r", "1-|r|"]),
    default="1-r",
    show_default=True,
    help="Between channels, for their order.",
)
@click.option("--channels", type=click.IntRange(1), help="How many; recordings are taken again, 1000 frames on.")
@click.option("--frames", type=click.IntRange(1), help="How many; what all recordings have by default.")
@click.option("--jobs", type=click.IntRange(1), help="Threads; as many as there are processors by default.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Folder for the matrices and orders.")
@click.option(
    "--format", "form", type=click.Choice(["csv", "npy"]), default="csv", show_default=True, help="Of the matrices."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def command(
    folder: str | None,
    measures: tuple[str, ...],
    distance: str,
    channels: int | None,
    frames: int | None,
    jobs: int | None,
    out: Path | None,
    form: str,
    as_json: bool,
) -> None:
    """Correlate all recordings with each other, order them by four ways of clustering, find the simultaneous ones.

    Shows what each step took, in seconds and in seconds of CPU time of all threads, and the most memory held. DIR is a
    folder, a zip archive or a WAV file; without it the data set that is here. Groups of simultaneous recordings are
    looked for in the whole recordings, whatever --channels and --frames say.

    \b
    Examples:
      n1codec correlate
      n1codec correlate recordings/ --measure kendall --out matrices/
      n1codec correlate recordings/ --channels 743 --frames 98567 --json
    """  # fmt: skip
    import json

    from n1codec.analysis import matrices
    from n1codec.analysis.correlation import MEASURES
    from n1codec.cli._progress import progress
    from n1codec.codec import CodecError
    from n1codec.datasets import dataset
    from n1codec.recordings import wav

    found = dataset.resolve(folder)
    waves = [(path, wave) for path in found.files if (wave := wav.parse(path.read_bytes())) and wave.samples.size]
    recordings = [column for _, wave in waves for column in wave.samples.T]
    names = [path.name if wave.samples.shape[1] == 1 else f"{path.name}:{column}"
             for path, wave in waves for column in range(wave.samples.shape[1])]  # fmt: skip
    if not recordings:
        raise CodecError(f"{found.path}: there are no recordings in it")
    signals = matrices.stack(recordings, channels, frames)
    measures = measures or MEASURES
    with progress(100 * len(measures), "correlate", quiet=as_json) as advance:
        at = 0.0

        def show(name: str, share: float) -> None:
            nonlocal at
            now = 100 * (measures.index(name) + share)
            advance(name, now - at)
            at = now

        result = matrices.run(signals, measures, distance=distance, jobs=jobs, progress=show)
    groups, search = matrices.find_groups(recordings)
    figures = result.as_dict()
    if out is not None:
        names = [names[channel % len(names)] for channel in range(len(signals))]
        for path in matrices.save(result, names, out, form):
            click.echo(f"wrote {path}", err=True)
    if as_json:
        shape = {"channels": signals.shape[0], "frames": signals.shape[1]}
        pairs = {"groups_seconds": search.seconds, "groups": [group.members for group in groups]}
        click.echo(json.dumps({**shape, **figures, **pairs}))
        return
    click.echo(f"Data set: {found}")
    click.echo(f"{signals.shape[0]} channels of {signals.shape[1]} frames, distance {distance}")
    click.echo(f"{'step':20}{'seconds':>12}{'CPU seconds':>14}")
    for step in result.steps:
        click.echo(f"{step.name:20}{step.seconds:12.4f}{step.cpu_seconds:14.4f}")
    click.echo(f"{'matrices, orders':20}{result.seconds:12.4f}{sum(step.cpu_seconds for step in result.steps):14.4f}")
    click.echo(f"{'groups':20}{search.seconds:12.4f}{search.cpu_seconds:14.4f}")
    if figures["peak_memory_bytes"]:
        click.echo(f"Peak memory: {figures['peak_memory_bytes']} bytes")
    members = sum(len(group.members) for group in groups)
    click.echo(f"Simultaneous recordings: {members} of {len(recordings)}, in {len(groups)} groups")
