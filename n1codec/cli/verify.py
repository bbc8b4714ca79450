"""``n1codec verify``."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="FILE...")
@click.option("--jobs", type=click.IntRange(1), default=1, help="Chunks that are decoded at a time (1).")
@click.option("--quiet", is_flag=True, help="Print only what is wrong.")
def command(paths: tuple[str, ...], jobs: int, quiet: bool) -> int:
    """Decode .n1c files and check them: every chunk, every byte of the source. Nothing is written.

    A .bin of SpikeGLX is compared with the SHA-1 that its .meta has noted.

    \b
    Examples:
      n1codec verify packed/*.n1c
      n1codec verify recording.n1c --jobs 4
      n1codec verify run_g0_t0.imec0.ap.bin
    """
    from n1codec.cli import explain, fail
    from n1codec.cli._files import sample_bytes
    from n1codec.cli._progress import progress
    from n1codec.codec import CodecError
    from n1codec.container.convert import verify
    from n1codec.recordings import spikeglx

    failed = False
    for path in paths:
        try:
            if spikeglx.meta_of(Path(path)) is not None:
                if not spikeglx.verify_sha1(Path(path)):
                    raise CodecError("it is not as it was recorded: the SHA-1 in its .meta is another")
                if not quiet:
                    click.echo(f"{path}: good, {Path(path).stat().st_size} bytes with the SHA-1 in its .meta")
                continue
            with progress(sample_bytes("decode", path), "verify", quiet=quiet, of_bytes=True) as advance:
                size = verify(path, jobs=jobs, advance=partial(advance, Path(path).name))
        except (CodecError, OSError, MemoryError) as error:
            failed = True
            about = "" if isinstance(error, OSError) or str(error).startswith(f"{path}: ") else f"{path}: "
            fail("n1codec verify", about + explain(error))
        else:
            if not quiet:
                click.echo(f"{path}: good, {size} bytes")
    return 1 if failed else 0
