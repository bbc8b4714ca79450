"""``n1codec correlate``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from n1codec.cli._data import takes_data

if TYPE_CHECKING:
    from n1codec.recordings import Reading


@click.command()
@takes_data()
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
@click.option("--as-channels", type=click.IntRange(1), metavar="N",
              help="How many channels; those of the recordings are taken again, 1000 frames on.")  # fmt: skip
@click.option("--frames", type=click.IntRange(1), help="How many; what all recordings have by default.")
@click.option("--jobs", type=click.IntRange(1), help="Threads; as many as there are processors by default.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Folder for the matrices and orders.")
@click.option(
    "--format", "form", type=click.Choice(["csv", "npy"]), default="csv", show_default=True, help="Of the matrices."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def command(
    data: str | None,
    measures: tuple[str, ...],
    distance: str,
    as_channels: int | None,
    frames: int | None,
    jobs: int | None,
    out: Path | None,
    form: str,
    as_json: bool,
    reading: Reading,
) -> None:
    """Correlate all channels with each other, order them by four ways of clustering, find simultaneous recordings.

    DATA is a recording, a folder of WAV files or a zip archive; without it the data set that is here. The command
    prints the pairs of channels that correlate most, the groups of simultaneous recordings, and what each step took:
    seconds, seconds of CPU time of all threads, and the most memory held. --out keeps the matrices and the orders. All
    recordings are cut to the frames that the shortest has; one that is much shorter than the others is left out. Groups
    are looked for in the whole recordings, whatever --as-channels and --frames say; of more than 134 million samples in
    the first frames.

    \b
    Examples:
      n1codec correlate
      n1codec correlate recordings/ --measure kendall --out matrices/
      n1codec correlate recordings/ --as-channels 743 --frames 98567 --json
    """  # fmt: skip
    import json
    from itertools import islice

    import numpy as np

    from n1codec.analysis import matrices
    from n1codec.analysis.correlation import MEASURES
    from n1codec.analysis.groups import beginnings
    from n1codec.cli import fail
    from n1codec.cli._progress import progress
    from n1codec.cli._text import count, printable
    from n1codec.codec import CodecError
    from n1codec.datasets import dataset
    from n1codec.recordings import columns as columnwise

    found = dataset.resolve(data, reading=reading)
    opened = [columnwise.signals(recording) for recording in found.recordings() if recording.frames]
    names = [name for recording in opened for name in columnwise.names(recording)]
    lengths = [recording.frames for recording in opened for _ in range(recording.channels)]
    if not lengths:
        raise CodecError(f"{found.path}: there are no recordings in it")
    kept = matrices.long_enough(lengths)
    if not kept.any():
        raise CodecError(f"{found.path}: its recordings are too short to be correlated")
    for name, length, long in zip(names, lengths, kept, strict=True):
        if not long:
            line = f"{name}: {length} frames are much less than the others have (left out of the matrices)"
            fail("n1codec correlate", line)
    used = matrices.frames_used(np.array(lengths)[kept].tolist(), as_channels, frames)
    compared = beginnings(lengths)
    longest = iter(max(used, beginning) for beginning in compared)
    recordings = []
    for recording in opened:
        first, *_ = islice(longest, recording.channels)
        recordings += list(columnwise.columns(recording, first))
    signals = matrices.stack([recordings[index] for index in np.flatnonzero(kept)], as_channels, used)
    channel_names = [names[index] for index in np.flatnonzero(kept)]
    channel_names = [channel_names[channel % len(channel_names)] for channel in range(len(signals))]
    measures = measures or MEASURES
    with progress(100 * len(measures), "correlate", quiet=as_json) as advance:
        at = 0.0

        def show(name: str, share: float) -> None:
            nonlocal at
            now = 100 * (measures.index(name) + share)
            advance(name, now - at)
            at = now

        result = matrices.run(signals, measures, distance=distance, jobs=jobs, progress=show)
    groups, search = matrices.find_groups([x[:n] for x, n in zip(recordings, compared, strict=True)])
    figures = result.as_dict()
    written = list(matrices.save(result, channel_names, out, form)) if out is not None else []
    strongest = {measure: matrices.strongest(matrix) for measure, matrix in result.matrices.items()}
    if as_json:
        for path in written:
            click.echo(f"wrote {path}", err=True)
        shape = {"channels": signals.shape[0], "frames": signals.shape[1]}
        told = {
            "left_out": [name for name, long in zip(names, kept, strict=True) if not long],
            "strongest": {
                measure: [[channel_names[pair.first], channel_names[pair.second], pair.r] for pair in pairs]
                for measure, pairs in strongest.items()
            },
            "groups_seconds": search.seconds,
            "groups": [group.members for group in groups],
        }
        click.echo(json.dumps({**shape, **figures, **told}))
        return
    click.echo(f"Data set: {found}")
    whole = min(lengths[index] for index in np.flatnonzero(kept))
    of_all = f", the first of {whole} (--frames takes more)" if frames is None and signals.shape[1] < whole else ""
    size = f"{count(signals.shape[0], 'channel')} of {count(signals.shape[1], 'frame')}{of_all}"
    click.echo(f"{size}, distance {distance}")
    click.echo("\nStrongest correlations of two channels:")
    for measure, pairs in strongest.items():
        for first, second, r in pairs:
            click.echo(f"{measure:10}{r:12.9f}  {printable(channel_names[first])}  {printable(channel_names[second])}")
    members = sum(len(group.members) for group in groups)
    click.echo(f"\nSimultaneous recordings: {members} of {len(recordings)}, in {count(len(groups), 'group')}")
    for number, group in enumerate(groups, 1):
        click.echo(f"{number:4}  {', '.join(printable(names[member]) for member in group.members)}")
    click.echo(f"\n{'step':20}{'seconds':>12}{'CPU seconds':>14}")
    for step in result.steps:
        click.echo(f"{step.name:20}{step.seconds:12.4f}{step.cpu_seconds:14.4f}")
    click.echo(f"{'matrices, orders':20}{result.seconds:12.4f}{sum(step.cpu_seconds for step in result.steps):14.4f}")
    click.echo(f"{'groups':20}{search.seconds:12.4f}{search.cpu_seconds:14.4f}")
    if figures["peak_memory_bytes"]:
        click.echo(f"Peak memory: {figures['peak_memory_bytes']} bytes")
    click.echo("\nMatrices and orders: " + (", ".join(map(str, written)) or "not kept (--out DIR writes them)"))
