"""What the encode and decode commands share: their options, one file or many, errors file by file."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from n1codec import __version__, batch
from n1codec.cli import explain, fail, say
from n1codec.cli._progress import progress
from n1codec.codec import CodecError
from n1codec.container import Archive, Converted, access
from n1codec.pipeline import Pipeline
from n1codec.recordings import is_recording_folder


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
) -> int:
    """Encode or decode, print an error line for each file that fails, return the exit code."""
    if out_dir is None:
        source, target = paths
        if direction == "encode" and Path(source).is_dir() and not is_recording_folder(Path(source)):
            raise CodecError(f"{source}: it is a folder, and no recording (--out-dir DIR encodes the files in it)")
        if recursive:
            raise click.UsageError("--recursive is for folders, with --out-dir")
        if "-" not in paths and Path(target).exists() and Path(source).exists() and Path(target).samefile(source):
            raise click.UsageError(f"{target}: it is the input")
        pairs = [(source, target)]
    else:
        try:
            pairs, skipped = batch.plan(direction, paths, out_dir, recursive=recursive)
        except ValueError as error:
            raise click.UsageError(str(error)) from error
        for line in skipped if not quiet else ():
            say(direction, f"left out: {line}")
        for folder in dict.fromkeys(Path(target).parent for _, target in pairs):
            folder.mkdir(parents=True, exist_ok=True)
    failed = False
    one = len(pairs) == 1
    with progress(
        sample_bytes(direction, pairs[0][0]) if one else len(pairs), direction, quiet=quiet, of_bytes=one
    ) as advance:
        each = (lambda size: advance(Path(pairs[0][0]).name, size)) if one else None
        for source, outcome in batch.convert(direction, pairs, stages, jobs=jobs, log=log, advance=each):
            if not one:
                advance(Path(source).name)
            if isinstance(outcome, Converted):
                if outcome.stored and not quiet:
                    say(direction, f"{source}: stored as it is: {outcome.stored}")
                if outcome.note and not quiet:
                    say(direction, f"{source}: {outcome.note}")
                continue
            failed = True
            about = "" if isinstance(outcome, OSError) else f"{source}: "
            fail(direction, about + explain(outcome))
            if isinstance(outcome, OSError) and outcome.errno == errno.ENOSPC:
                break  # the others would only say so again
    return 1 if failed else 0


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
