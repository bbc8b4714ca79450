"""What the encode and decode commands share: their options, one file or many, errors file by file."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from n1codec import __version__, batch
from n1codec.cli import explain, fail, say
from n1codec.cli._progress import progress
from n1codec.codec import CodecError
from n1codec.container import Archive, Converted, access
from n1codec.pipeline import Pipeline
from n1codec.recordings import is_recording_folder, open_source

if TYPE_CHECKING:
    from n1codec.recordings import Reading


def file_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the arguments and options that both commands take."""
    for decorate in reversed(
        (
            click.argument("paths", nargs=-1, required=True, metavar="IN..."),
            click.option("--out-dir", type=click.Path(file_okay=False, path_type=Path), help="Folder for the outputs."),
            click.option("--recursive", is_flag=True, help="Go into subfolders, too; the outputs get the same ones."),
            click.option(
                "--jobs",
                type=click.IntRange(1),
                default=1,
                show_default=True,
                help="Files, or chunks of one, at a time.",
            ),
            click.option("--log", type=click.Path(path_type=Path), help="CSV of sizes and the codec's own seconds."),
            click.option(
                "--quiet",
                is_flag=True,
                help="No progress bar, no notes on single files.",
            ),
            click.version_option(__version__),
        )
    ):
        command = decorate(command)
    return command


def convert(
    direction: str,
    paths: tuple[str, ...],
    stages: Pipeline | None,
    *,
    out_dir: Path | None,
    recursive: bool,
    jobs: int,
    log: Path | None,
    quiet: bool,
    reading: Reading | None = None,
    group: str | None = None,
    verify: bool = False,
    delete_original: bool = False,
    dask: str | None = None,
) -> int:
    """Encode or decode, print an error line for each file that fails, return the exit code."""
    about = reading.place(Path()) if reading else None
    if group:
        tasks = _groups(paths, out_dir, group)
    elif out_dir is None:
        source, target = paths
        if direction == "encode" and Path(source).is_dir() and not is_recording_folder(Path(source)):
            raise CodecError(f"{source}: it is a folder, and no recording (--out-dir DIR encodes the files in it)")
        if recursive:
            raise click.UsageError("--recursive is for folders, with --out-dir")
        if "-" not in paths and Path(target).exists() and Path(source).exists() and Path(target).samefile(source):
            raise click.UsageError(f"{target}: it is the input")
        tasks = [batch.Task(source, target)]
    else:
        try:
            pairs, skipped = batch.plan(direction, paths, out_dir, recursive=recursive)
        except ValueError as error:
            raise click.UsageError(str(error)) from error
        for line in skipped if not quiet else ():
            say(direction, f"left out: {line}")
        tasks = [batch.Task(source, target) for source, target in pairs]
    for folder in dict.fromkeys(Path(task.target).parent for task in tasks) if out_dir else ():
        folder.mkdir(parents=True, exist_ok=True)
    if (verify or delete_original) and "-" in (tasks[0].source, tasks[0].target):
        raise click.UsageError("--verify reads both files again: standard input and output cannot be")
    failed = False
    one = len(tasks) == 1
    total = sample_bytes(direction, tasks[0].source) * (1 + (verify or delete_original)) if one else len(tasks)
    with progress(total, direction, quiet=quiet, of_bytes=one) as advance, _cluster(dask) as executor:
        how = batch.How(direction, stages, about, verify, delete_original)
        each = (lambda size: advance(Path(tasks[0].source).name, size)) if one else None
        for task, outcome in batch.convert(tasks, how, jobs=jobs, log=log, advance=each, executor=executor):
            if not one:
                advance(Path(task.source).name)
            if isinstance(outcome, Converted):
                if outcome.stored and not quiet:
                    say(direction, f"{task.source}: stored as it is: {outcome.stored}")
                if outcome.loss and not quiet:
                    say(direction, f"{task.source}: lossy: {outcome.loss}")
                if outcome.note and not quiet:
                    say(direction, outcome.note)
                continue
            failed = True
            named = isinstance(outcome, OSError) or str(outcome).startswith((f"{task.source}: ", f"{task.target}: "))
            fail(direction, ("" if named else f"{task.source}: ") + explain(outcome))
            if isinstance(outcome, OSError) and outcome.errno == errno.ENOSPC:
                break  # the others would only say so again
    return 1 if failed else 0


def _groups(paths: tuple[str, ...], out_dir: Path | None, how: str) -> list[batch.Task]:
    """Return what to do with files of one channel that are to become recordings of many.

    Raises:
        click.UsageError: it is not said where to.
        CodecError: they do not fit together.
    """
    from n1codec.recordings.together import group

    *sources, target = paths if out_dir is None else (*paths, "")
    if out_dir is None and (len(paths) < 2 or how == "auto"):
        raise click.UsageError("takes IN... OUT --group all, or --out-dir DIR IN... --group auto")
    found = [path for source in sources for path in (_wavs(Path(source)))]
    folders = {path.parent.resolve() for path in found}
    if len(folders) > 1:
        raise click.UsageError("files that become one recording are in one folder")
    opened = [open_source(path) for path in found]
    folder = next(iter(folders))
    if how == "all":
        goal = target or str(out_dir and out_dir / f"{folder.name}{batch.SUFFIX}")
        return [batch.Task(str(sources[0]), goal, group(opened, folder.name), folder)]
    from n1codec.analysis.grouping import auto  # which needs SciPy

    assert out_dir is not None
    return [
        batch.Task(str(folder / source.files[0].name), str(out_dir / f"{source.name}{batch.SUFFIX}"), source, folder)
        for source in auto(opened)
    ]


def _wavs(path: Path) -> list[Path]:
    """Return a file, or the WAV files in a folder, sorted by name."""
    if not path.is_dir():
        return [path]
    from n1codec.datasets.dataset import wavs

    return list(wavs(path))


@contextmanager
def _cluster(address: str | None) -> Iterator[Any]:
    """Give the executor of a Dask cluster, or None where none is named."""
    if address is None:
        yield None
        return
    from n1codec.bench.measure.cluster import connect

    with connect(address) as cluster:
        yield cluster.executor


def sample_bytes(direction: str, path: str) -> float:
    """Return about how many bytes of samples one file will come to, for a progress bar; 1 where that is not known."""
    source = Path(path)
    if not source.exists():
        return 1
    if direction == "encode":
        return sum(path.stat().st_size for path in source.rglob("*")) if source.is_dir() else source.stat().st_size
    try:
        archive = Archive(access(source))
    except (CodecError, OSError):
        return 1
    sizes = (frames * stream.channels for frames, stream in zip(archive.frames, archive.head.streams, strict=True))
    return sum(size * archive.dtype(number).itemsize for number, size in enumerate(sizes)) or 1
