"""``n1codec export``."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import click


@click.command()
@click.argument("path", metavar="FILE")
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
@click.option("--jobs", type=click.IntRange(1), default=1, help="Chunks that are decoded at a time (1).")
@click.option("--quiet", is_flag=True, help="No progress bar.")
def command(path: str, folder: Path, jobs: int, quiet: bool) -> None:
    """Write the original files of a .n1c file, or of a Zarr group by n1codec.zarr.save, into DIR under their names.

    \b
    Examples:
      n1codec export run.n1c restored/
      n1codec export run.zarr restored/
    """
    from functools import partial

    from n1codec.cli._files import sample_bytes
    from n1codec.cli._progress import progress
    from n1codec.codec import CodecError
    from n1codec.container import Archive, access, decode_file
    from n1codec.container.restoring import check_name

    try:
        if of_zarr := Path(path).is_dir():
            originals = _originals()
            name = originals.name_of(path)
        else:
            name = Archive(access(Path(path))).head.name or Path(path).name.removesuffix(".n1c")
        check_name(name, deep=False)
        folder.mkdir(parents=True, exist_ok=True)
        if (folder / name).exists():
            raise CodecError(f"{folder / name} exists (name another folder)")
        if of_zarr:
            size = originals.restore(path, folder / name)
        else:
            with progress(sample_bytes("decode", path), "export", quiet=quiet, of_bytes=True) as advance:
                size = decode_file(path, folder / name, jobs=jobs, advance=partial(advance, name)).source_bytes
    except CodecError as error:
        raise CodecError(f"{path}: {error}") from error
    click.echo(f"{folder / name}: {size} bytes")


def _originals() -> ModuleType:
    from n1codec.adapters import installed

    installed.codecs()  # which says what to install where there is no Zarr
    from n1codec.adapters import originals

    return originals
