"""``n1codec export``."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("path", metavar="FILE")
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
@click.option("--jobs", type=click.IntRange(1), default=1, help="Chunks that are decoded at a time (1).")
@click.option("--quiet", is_flag=True, help="No progress bar.")
def command(path: str, folder: Path, jobs: int, quiet: bool) -> None:
    """Write the original files of a .n1c file into DIR, under the names that they had.

    \b
    Example:
      n1codec export run.n1c restored/
    """
    from functools import partial

    from n1codec.cli._files import sample_bytes
    from n1codec.cli._progress import progress
    from n1codec.codec import CodecError
    from n1codec.container import Archive, access, decode_file
    from n1codec.container.restoring import check_name

    try:
        name = Archive(access(Path(path))).head.name or Path(path).name.removesuffix(".n1c")
        check_name(name, deep=False)
        folder.mkdir(parents=True, exist_ok=True)
        if (folder / name).exists():
            raise CodecError(f"{folder / name} exists (name another folder)")
        with progress(sample_bytes("decode", path), "export", quiet=quiet, of_bytes=True) as advance:
            done = decode_file(path, folder / name, jobs=jobs, advance=partial(advance, name))
    except CodecError as error:
        raise CodecError(f"{path}: {error}") from error
    click.echo(f"{folder / name}: {done.source_bytes} bytes")
